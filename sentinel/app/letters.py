"""What can be done with dead letters: choose some, and see which of their events may be sent again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sentinel.app.refusals import FILE_NAME
from sentinel.clock import Clock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.settings import Config
from sentinel.config.times import rfc3339
from sentinel.errors import CorruptArtifactError, FatalError
from sentinel.events.codecs.messages import Messages, Role
from sentinel.events.codecs.protocol import Codec
from sentinel.ingest.dead_letters import KeptDeadLetter, read_dead_letters
from sentinel.ingest.kafka_originals import Original, Place, read_letter_topic
from sentinel.ingest.refusal_reasons import EXPLANATIONS

JOURNAL_NAME = "dead-letters-replayed.jsonl"


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
class Verdict:
    """Whether an event may be sent again, and why not."""

    kept: KeptDeadLetter
    ready: bool
    why: str
    original: Original | None = None


def judge_letters(
    letters: Iterable[KeptDeadLetter],
    kafka: KafkaSettings,
    codec: Codec,
    replayed: Mapping[Place, str],
    fetch: Callable[[Iterable[Place]], Mapping[Place, Original | None]],
    clock: Clock,
) -> list[Verdict]:
    """Tell of each letter's event, once, whether sending it again would count it.

    Parameters
    ----------
    letters : iterable of KeptDeadLetter
    kafka : sentinel.config.kafka.KafkaSource
    codec : Codec
        Of the configuration as it is now.
    replayed : mapping of Place to str
        What became of those that were sent before; see :class:`Journal`.
    fetch : callable
        Places -> what is found there.
    clock : Clock
    """
    distinct = {place_of(kept): kept for kept in letters}
    roles: dict[str, Role] = {kafka.topics.outcomes: "outcome", kafka.topics.predictions: "prediction"}
    verdicts: dict[Place, Verdict] = {}
    for place, kept in distinct.items():
        why = _hindered(kept, roles, replayed.get(place))
        if why:
            verdicts[place] = Verdict(kept, False, why)
    found = fetch(place for place in distinct if place not in verdicts)
    for place, kept in distinct.items():
        if place not in verdicts:
            verdicts[place] = _tried(kept, found.get(place), codec, roles[place.topic], clock)
    return [verdicts[place] for place in distinct]


def _hindered(kept: KeptDeadLetter, roles: Mapping[str, Role], replayed: str | None) -> str:
    if kept.letter.topic not in roles:
        return "it did not come from a topic of this configuration (HTTP, or another one): its client has to send it"
    if EXPLANATIONS[kept.letter.reason].final:
        return f"{kept.letter.reason}: sending it again changes nothing"
    return "" if replayed is None else f"it was sent before ({replayed})"


def _tried(kept: KeptDeadLetter, original: Original | None, codec: Codec, role: Role, clock: Clock) -> Verdict:
    if original is None:
        return Verdict(kept, False, "it is no longer in its topic (retention)")
    if original.replayed_from is not None:
        return Verdict(kept, False, f"it is itself a replay, of {original.replayed_from}", original)
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
        return Verdict(kept, False, f"it would be refused again: {refused.reason}: {refused.detail}", original)
    return Verdict(kept, True, "it is read without a fault now", original)


class Journal:
    """Remembers what was sent again, so that nothing is sent twice.

    A line is on disk before its message is sent, so that even a crash in between sends it once at most. A last line
    that a crash left without its end stands for nothing that was sent, and is cut off by the next one.

    Parameters
    ----------
    path : Path

    Raises
    ------
    CorruptArtifactError
        If a line is not what was written.
    OSError
        If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results: dict[Place, str] = {}
        lines = (path.read_bytes() if path.exists() else b"").splitlines(keepends=True)
        self._torn = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        for number, line in enumerate(lines, start=1):
            self._take(line, number)

    @property
    def sent(self) -> Mapping[Place, str]:
        """What may have been sent, and what became of it: ``sending`` where nobody knows."""
        return {place: result for place, result in self._results.items() if result != "refused"}

    def note(self, place: Place, result: str, clock: Clock) -> None:
        """Write one line and wait until it is on disk."""
        fields = {**place._asdict(), "result": result, "at": rfc3339(clock.now_us())}
        with self._path.open("ab") as file:
            if self._torn:
                file.truncate(file.tell() - len(self._torn))
                self._torn = b""
            file.write(json.dumps(fields).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._results[place] = result

    def _take(self, line: bytes, number: int) -> None:
        try:
            fields = json.loads(line)
            place = Place(str(fields["topic"]), int(fields["partition"]), int(fields["offset"]))
            self._results[place] = str(fields["result"])
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptArtifactError(f"{self._path}, line {number}: not a line of this journal: {error}") from error
