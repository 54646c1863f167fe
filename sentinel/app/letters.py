"""What can be done with dead letters: choose some, and see which of their events may be sent again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sentinel.app.refusals import FILE_NAME
from sentinel.clock import Clock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.settings import Config
from sentinel.errors import FatalError
from sentinel.events.codecs.messages import Messages, Role
from sentinel.events.codecs.protocol import Codec
from sentinel.ingest.dead_letters import KeptDeadLetter, read_dead_letters
from sentinel.ingest.kafka_originals import Original, Place, read_letter_topic
from sentinel.ingest.refusal_reasons import EXPLANATIONS


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant; empty means all."""

    reasons: frozenset[str] = frozenset()
    topic: str | None = None
    since_us: int | None = None

    def takes(self, kept: KeptDeadLetter) -> bool:
        """Whether a letter is meant."""
        letter = kept.letter
        return (
            (not self.reasons or str(letter.reason) in self.reasons)
            and (self.topic is None or letter.topic == self.topic)
            and (self.since_us is None or kept.refused_at >= self.since_us)
        )


def kafka_of(config: Config) -> KafkaSettings:
    """Where the events come from.

    Raises
    ------
    FatalError
        If that is not Kafka.
    """
    kafka = None if config.source is None else config.source.kafka
    if kafka is None:
        raise FatalError(
            "source.kafka is missing: only events that came from Kafka can be fetched again. What was posted over HTTP "
            "is kept by the client that was told of the refusal"
        )
    return kafka


def read_letters(config: Config, *, topic: bool, clock: Clock) -> Iterator[KeptDeadLetter]:
    """Letters of the file in the state directory, or of the topic, oldest first.

    Raises
    ------
    FatalError
        If no topic is configured.
    SourceError
        If the topic cannot be read now.
    CorruptArtifactError
        If the file is not what was written.
    """
    if not topic:
        yield from read_dead_letters(Path(config.state.directory) / FILE_NAME)
        return
    kafka = kafka_of(config)
    if kafka.topics.dead_letters is None:
        raise FatalError("source.kafka.topics.dead_letters is missing: the letters are in the file alone")
    yield from read_letter_topic(kafka, kafka.topics.dead_letters, clock)


def place_of(kept: KeptDeadLetter) -> Place:
    """Where the event of a letter was read."""
    return Place(kept.letter.topic, kept.letter.partition, kept.letter.offset)


@dataclass(frozen=True, slots=True)
class Resend:
    """Whether an event may be sent again, and why not."""

    kept: KeptDeadLetter
    ready: bool
    why: str
    original: Original | None = None


def try_letters(
    letters: Iterable[KeptDeadLetter],
    kafka: KafkaSettings,
    codec: Codec,
    replayed: Mapping[Place, str],
    fetch: Callable[[Iterable[Place]], Mapping[Place, Original | None]],
    clock: Clock,
) -> list[Resend]:
    """Tell of each letter's event, once, whether sending it again would count it.

    Parameters
    ----------
    letters : iterable of KeptDeadLetter
    kafka : sentinel.config.kafka.KafkaSource
    codec : Codec
        Of the configuration as it is now.
    replayed : mapping of Place to str
        What became of those that were sent before; see :class:`~sentinel.app.journal.Journal`.
    fetch : callable
        Places -> what is found there.
    clock : Clock
    """
    distinct = {place_of(kept): kept for kept in letters}
    roles: dict[str, Role] = {kafka.topics.outcomes: "outcome", kafka.topics.predictions: "prediction"}
    told: dict[Place, Resend] = {}
    for place, kept in distinct.items():
        why = _hindered(kept, roles, replayed.get(place))
        if why:
            told[place] = Resend(kept, False, why)
    found = fetch(place for place in distinct if place not in told)
    for place, kept in distinct.items():
        if place not in told:
            told[place] = _tried(kept, found.get(place), codec, roles[place.topic], clock)
    return [told[place] for place in distinct]


def _hindered(kept: KeptDeadLetter, roles: Mapping[str, Role], replayed: str | None) -> str:
    if kept.letter.topic not in roles:
        return "it did not come from a topic of this configuration (HTTP, or another one): its client has to send it"
    if EXPLANATIONS[kept.letter.reason].final:
        return f"{kept.letter.reason}: sending it again changes nothing"
    return "" if replayed is None else f"it was sent before ({replayed})"


def _tried(kept: KeptDeadLetter, original: Original | None, codec: Codec, role: Role, clock: Clock) -> Resend:
    if original is None:
        return Resend(kept, False, "it is no longer in its topic (retention)")
    if original.replayed_from is not None:
        return Resend(kept, False, f"it is itself a replay, of {original.replayed_from}", original)
    place = original.place
    decoded = codec.decode(
        Messages(
            topic=place.topic,
            partition=place.partition,
            role=role,
            offsets=[place.offset],
            payloads=[original.value],
            received_at=[clock.now_us()],  # what the message that is sent again will say
            keys=[original.key],
            headers=[list(original.headers)],
        )
    )
    if decoded.dead_letters:
        refused = decoded.dead_letters[0]
        return Resend(kept, False, f"it would be refused again: {refused.reason}: {refused.detail}", original)
    return Resend(kept, True, "it is read without a fault now", original)
