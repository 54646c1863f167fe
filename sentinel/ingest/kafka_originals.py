"""Messages by their place: what dead letters were made of, the letters of a topic, and sending an original again."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors as kafka_errors

from sentinel.clock import Clock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.times import parse_time_us
from sentinel.errors import SourceError
from sentinel.events.batch import DeadLetter, Reason
from sentinel.ingest.dead_letters import KeptDeadLetter
from sentinel.ingest.kafka_client import CLIENT_ERRORS, close_within, connect, translate
from sentinel.ingest.kafka_dead_letters import PREFIX
from sentinel.ingest.kafka_producer import CALL_SECONDS, connect_producer

REPLAYED_FROM = "sentinel.replayed-from"
"""The header that a message sent again carries: where it was read."""
_POLL_MS = 300
_QUIET_SECONDS = 10.0
"""A partition that delivers nothing for so long is given up."""
_FETCH_BYTES = 1 << 20


class Place(NamedTuple):
    """Where a message is, or was."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Original:
    """A message as it was found; what it holds must not be logged."""

    place: Place
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: Sequence[tuple[str, bytes | None]] = field(repr=False)
    timestamp_ms: int

    @property
    def replayed_from(self) -> str | None:
        """Where it was read before it was sent again; None for one that a producer wrote."""
        found = [value for name, value in self.headers if name == REPLAYED_FROM]
        return None if not found else (found[-1] or b"").decode(errors="replace")


def fetch_originals(settings: KafkaSettings, places: Iterable[Place], clock: Clock) -> dict[Place, Original | None]:
    """Read messages by their offsets; needs READ on their topics and no group.

    Returns
    -------
    dict of Place to Original
        None where the message is no longer, or not yet, there.

    Raises
    ------
    SourceError
        If no broker answers now, or a right is missing.
    """
    wanted: dict[TopicPartition, list[Place]] = defaultdict(list)
    for place in places:
        wanted[TopicPartition(place.topic, place.partition)].append(place)
    found: dict[Place, Original | None] = {}
    with _reading(settings) as consumer:
        for pair, group in wanted.items():
            _fetch(consumer, pair, sorted(set(group)), found, clock)
    return found


def read_letter_topic(settings: KafkaSettings, topic: str, clock: Clock) -> Iterator[KeptDeadLetter]:
    """The letters of a topic from its beginning to where it ends now; messages that are none are passed over.

    Raises
    ------
    SourceError
        If no broker answers now, or a right is missing.
    """
    with _reading(settings) as consumer:
        numbers = consumer.partitions_for_topic(topic) or ()
        if not numbers:
            raise SourceError(f"topic {topic} is missing, or this user lacks DESCRIBE and READ on it")
        for number in sorted(numbers):
            pair = TopicPartition(topic, number)
            consumer.assign([pair])
            end = int(consumer.end_offsets([pair])[pair])
            consumer.seek_to_beginning(pair)
            letters = map(_letter, _until(consumer, pair, end, clock))
            yield from (letter for letter in letters if letter is not None)


class Resender:
    """Writes originals to their topics again; needs WRITE and DESCRIBE there.

    Parameters
    ----------
    settings : sentinel.config.kafka.KafkaSource
        Of a user that may write.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: KafkaProducer = connect_producer(settings)

    def send(self, original: Original) -> Literal["written", "refused", "unknown"]:
        """Write one message to the partition that it came from, with its key and headers and where it was read.

        Returns
        -------
        str
            ``refused`` where the broker certainly did not take it, ``unknown`` where its answer did not come.
        """
        place = original.place
        headers = [*original.headers, (REPLAYED_FROM, str(place).encode())]
        try:
            future = self._producer.send(place.topic, original.value, original.key, headers, place.partition)
        except CLIENT_ERRORS:
            return "refused"
        try:
            future.get(timeout=CALL_SECONDS * 1.5)
        except (kafka_errors.AuthorizationError, kafka_errors.MessageSizeTooLargeError):
            return "refused"
        except CLIENT_ERRORS:
            return "unknown"
        return "written"

    def close(self) -> None:
        """Disconnect."""
        with contextlib.suppress(*CLIENT_ERRORS):
            self._producer.close(timeout=CALL_SECONDS / 2)


@contextlib.contextmanager
def _reading(settings: KafkaSettings) -> Iterator[KafkaConsumer]:
    consumer = connect(
        settings,
        group_id=None,
        group_instance_id=None,
        fetch_min_bytes=1,
        max_partition_fetch_bytes=max(_FETCH_BYTES, int(settings.max_partition_fetch_bytes)),
        isolation_level="read_committed",
    )
    try:
        yield consumer
    except CLIENT_ERRORS as error:
        raise translate(error, settings) from error
    finally:
        close_within(consumer, _QUIET_SECONDS / 5)


def _fetch(
    consumer: KafkaConsumer,
    pair: TopicPartition,
    places: list[Place],
    found: dict[Place, Original | None],
    clock: Clock,
) -> None:
    consumer.assign([pair])
    first, end = (int(ends([pair])[pair]) for ends in (consumer.beginning_offsets, consumer.end_offsets))
    for place in places:
        found[place] = None
        if not first <= place.offset < end:
            continue
        consumer.seek(pair, place.offset)
        record = next(_until(consumer, pair, end, clock), None)
        if record is not None and record.offset == place.offset:
            found[place] = Original(place, record.key, record.value, list(record.headers), record.timestamp)


def _until(consumer: KafkaConsumer, pair: TopicPartition, end: int, clock: Clock) -> Iterator[Any]:
    """Records from where the consumer stands to ``end``, past what is never delivered."""
    quiet_until = clock.monotonic() + _QUIET_SECONDS
    while True:
        for record in consumer.poll(_POLL_MS).get(pair, ()):
            if record.offset >= end:
                return
            quiet_until = clock.monotonic() + _QUIET_SECONDS
            yield record
        if (consumer.position(pair, timeout_ms=_POLL_MS) or 0) >= end:
            return
        if clock.monotonic() > quiet_until:
            raise SourceError(f"topic {pair.topic}: partition {pair.partition} was not read to its end {end} in time")


def _letter(record: Any) -> KeptDeadLetter | None:
    fields = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    try:
        letter = DeadLetter(
            reason=Reason(fields[f"{PREFIX}reason"]),
            detail=fields[f"{PREFIX}detail"],
            topic=fields[f"{PREFIX}topic"],
            partition=int(fields[f"{PREFIX}partition"]),
            offset=int(fields[f"{PREFIX}offset"]),
            head=record.value or b"",
            kind=fields[f"{PREFIX}kind"],
        )
        n_bytes = fields.get(f"{PREFIX}bytes")
        at = parse_time_us(fields[f"{PREFIX}refused-at"])
        return KeptDeadLetter(letter, at, None if n_bytes is None else int(n_bytes), fields.get(f"{PREFIX}hash", ""))
    except (KeyError, ValueError):
        return None
