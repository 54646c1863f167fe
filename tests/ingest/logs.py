"""One small set of events as a file, as messages in memory and as topics of a broker, and how to read it out."""

from __future__ import annotations

import contextlib
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from kafka import KafkaProducer

from sentinel.clock import MICROSECONDS_PER_SECOND, SystemClock
from sentinel.config.columns import Columns
from sentinel.config.durations import Duration
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.kafka import Topics
from sentinel.config.sizes import Bytes
from sentinel.events.batch import EventBatch
from sentinel.events.codecs.arrow import ArrowCodec
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.messages import Role
from sentinel.events.keys import model_seed, prediction_keys
from sentinel.events.schema import Column, EventSchema
from sentinel.ingest.confluent import ConfluentSource
from sentinel.ingest.kafka import KafkaSource
from sentinel.ingest.memory import MemorySource
from sentinel.ingest.protocol import Source
from sentinel.ingest.replay import ReplaySource
from tests.support.kafka_broker import KafkaBroker, unique_name

SCHEMA = EventSchema("churn", "7", (Column("tenure", "numeric"),))
NOW_US = 1_764_000_000 * MICROSECONDS_PER_SECOND
N_EVENTS = 120
N_PARTITIONS = 4
WAIT_SECONDS = 120.0
"""Far more than anything takes: several workers share the machine, and a rebalance waits for them."""
Positions = dict[int, dict[str, int]]
Client = type[KafkaSource] | type[ConfluentSource]
CLIENTS: tuple[Client, ...] = (KafkaSource, ConfluentSource)
AnySource = TypeVar("AnySource", bound=Source)


def codec() -> JsonCodec:
    """A codec of the tests' only model."""
    return JsonCodec([SCHEMA])


def key_of(number: int) -> int:
    """The key that the codecs give event number ``number``."""
    return int(prediction_keys([f"id-{number}"], model_seed("churn"), 1)[0])


def partition_of(number: int, n_partitions: int = N_PARTITIONS) -> int:
    """Where a producer keyed by prediction_id would put it."""
    return zlib.crc32(f"id-{number}".encode()) % n_partitions


def prediction(number: int) -> bytes:
    """Prediction ``number``, a second after the one before."""
    at = NOW_US // MICROSECONDS_PER_SECOND + number
    return msgspec.json.encode(
        {"model": "churn", "version": "7", "prediction_id": f"id-{number}", "predicted_at": at, "score": 0.5}
    )


def outcome(number: int) -> bytes:
    """The outcome of prediction ``number``, 20 seconds later."""
    at = NOW_US // MICROSECONDS_PER_SECOND + number + 20
    return msgspec.json.encode({"model": "churn", "prediction_id": f"id-{number}", "outcome": 1, "outcome_at": at})


def messages(n_events: int = N_EVENTS) -> Iterable[tuple[Role, int, bytes | None]]:
    """(role, number, payload): all predictions with their outcomes; after number 10 a poison and a tombstone each."""
    for number in range(n_events):
        yield "prediction", number, prediction(number)
        yield "outcome", number, outcome(number)
        if number == 10:
            yield "prediction", number, b"\xff not json"
            yield "outcome", number, b"[]"
            yield "prediction", number, None


@dataclass
class Delivery:
    """What came out of a source."""

    batches: list[EventBatch] = field(default_factory=list)
    positions: Positions = field(default_factory=dict)

    def add(self, batch: EventBatch) -> None:
        """Take note of one batch, as the pipeline would."""
        self.batches.append(batch)
        self.positions.setdefault(batch.partition, {}).update(batch.positions)

    @property
    def predictions(self) -> list[int]:
        """Keys, in the order of delivery."""
        return [int(key) for batch in self.batches for rows in batch.predictions for key in rows.keys]

    @property
    def outcomes(self) -> list[int]:
        """Keys, in the order of delivery."""
        return [int(key) for batch in self.batches for rows in batch.outcomes for key in rows.keys]

    @property
    def n_dead_letters(self) -> int:
        """Refused events."""
        return sum(len(batch.dead_letters) for batch in self.batches)

    @property
    def counts(self) -> Counter[tuple[str, object]]:
        """Everything delivered, however often."""
        found: Counter[tuple[str, object]] = Counter(("prediction", key) for key in self.predictions)
        found.update(("outcome", key) for key in self.outcomes)
        found.update(
            ("dead", (letter.topic, letter.partition, letter.offset))
            for batch in self.batches
            for letter in batch.dead_letters
        )
        return found


@contextlib.contextmanager
def opened(source: AnySource) -> Iterator[AnySource]:
    """A source that is closed with the block."""
    try:
        yield source
    finally:
        source.close(5.0)


def turn(source: Source, delivery: Delivery, stored: Mapping[int, Mapping[str, int]] | None = None) -> list[EventBatch]:
    """One turn of a loop: start what was gained at its stored positions, then poll."""
    for partition in source.take_changes().gained:
        source.start_at(partition, (stored or {}).get(partition, {}))
    batches = source.poll(0.5)
    for batch in batches:
        delivery.add(batch)
    return batches


def read(
    source: Source,
    until: Callable[[Delivery], bool],
    stored: Mapping[int, Mapping[str, int]] | None = None,
    into: Delivery | None = None,
) -> Delivery:
    """Turn until enough has come; fails after ``WAIT_SECONDS``."""
    delivery = Delivery() if into is None else into
    deadline = time.monotonic() + WAIT_SECONDS
    while not until(delivery):
        assert time.monotonic() < deadline, f"only {sum(delivery.counts.values())} events came"
        turn(source, delivery, stored)
    return delivery


class Log(Protocol):
    """The same events behind one kind of source."""

    partitions: frozenset[int]
    n_dead_letters: int

    def open(self) -> Source:
        """A new source over all events, as after a restart."""
        ...


def is_all(log: Log) -> Callable[[Delivery], bool]:
    """Whether as much was delivered as there is."""
    return lambda d: sum(d.counts.values()) >= 2 * N_EVENTS + log.n_dead_letters


class ReplayLog:
    """A Parquet file; tables have no tombstones."""

    partitions = frozenset({0})
    n_dead_letters = 2

    def __init__(self, directory: Path) -> None:
        self.path = directory / "stream.parquet"
        numbers = [*range(11), 10, *range(11, N_EVENTS)]  # the 12th row is the poison
        base = NOW_US // MICROSECONDS_PER_SECOND
        table = pa.table(
            {
                "prediction_id": [f"id-{number}" for number in numbers],
                "predicted_at": [float(base + number) for number in numbers],
                "score": [7.0 if row == 11 else 0.5 for row in range(len(numbers))],
                "outcome": [7.0 if row == 11 else 1.0 for row in range(len(numbers))],
                "outcome_at": [float(base + number + 20) for number in numbers],
            }
        )
        pq.write_table(table, self.path, row_group_size=33)

    def open(self) -> Source:
        """Read the file from the start, in slices of 7 rows."""
        return ReplaySource(self.path, self.path, ArrowCodec(SCHEMA, Columns()), Columns(), rows_per_batch=7)


class MemoryLog:
    """A queue in this process."""

    partitions = frozenset(range(N_PARTITIONS))
    n_dead_letters = 3

    def open(self) -> Source:
        """Publish everything again."""
        source = MemorySource(codec(), n_partitions=N_PARTITIONS, max_messages=7)
        for role, number, payload in messages():
            assert source.publish(role, f"id-{number}".encode(), payload, NOW_US + 10**9, timeout_seconds=0)
        return source


class KafkaLog:
    """Two topics of a broker."""

    partitions = frozenset(range(N_PARTITIONS))
    n_dead_letters = 3

    def __init__(self, broker: KafkaBroker) -> None:
        self.broker = broker
        self.topics = new_topics(broker)
        produce(broker, self.topics, messages())

    def open(self, **changes: Any) -> KafkaSource:
        """Join a group of its own, unless told otherwise."""
        return KafkaSource(kafka_settings(self.broker, self.topics, **changes), codec(), SystemClock())


class ConfluentLog:
    """The same two topics, read through confluent-kafka."""

    partitions = KafkaLog.partitions
    n_dead_letters = KafkaLog.n_dead_letters

    def __init__(self, log: KafkaLog) -> None:
        self.broker, self.topics = log.broker, log.topics

    def open(self, **changes: Any) -> ConfluentSource:
        """Join a group of its own, unless told otherwise."""
        return ConfluentSource(kafka_settings(self.broker, self.topics, **changes), codec(), SystemClock())


def new_topics(broker: KafkaBroker | None = None, n_partitions: int = N_PARTITIONS) -> Topics:
    """Names of a pair of topics that no other test uses; with a broker they are there."""
    topics = Topics(predictions=unique_name("predictions"), outcomes=unique_name("outcomes"))
    if broker is not None:
        for topic in (topics.predictions, topics.outcomes):
            broker.create_topic(topic, partitions=n_partitions)
    return topics


def open_source(client: Client, broker: KafkaBroker, topics: Topics, **changes: Any) -> KafkaSource | ConfluentSource:
    """Join a group of its own with one of the clients, unless told otherwise."""
    return client(kafka_settings(broker, topics, **changes), codec(), SystemClock())


def kafka_settings(broker: KafkaBroker, topics: Topics, **changes: Any) -> KafkaSettings:
    """Settings for tests: small batches, no waiting for full fetches."""
    version = broker.client_options.get("api_version")
    values: dict[str, Any] = {
        "bootstrap_servers": [broker.bootstrap],
        "topics": topics,
        "group_id": unique_name("group"),
        "fetch_min_bytes": Bytes(1),
        "fetch_max_wait": Duration(0.1),
        "max_poll_records": 7,
        "session_timeout": Duration(6.0),
        "api_version": None if version is None else list(version),
    }
    return KafkaSettings(**(values | changes))


def produce(broker: KafkaBroker, topics: Topics, some: Iterable[tuple[Role, int, bytes | None]]) -> None:
    """Write messages to their topics, partitioned by key; return when all are there.

    They are stamped now, which is later than their events: old stamps would fall to the broker's retention.
    """
    options = {"bootstrap_servers": broker.bootstrap, **broker.client_options}
    with contextlib.closing(KafkaProducer(**options)) as producer:
        futures = [
            producer.send(
                topics.predictions if role == "prediction" else topics.outcomes,
                payload,
                key=f"id-{number}".encode(),
                partition=partition_of(number),
            )
            for role, number, payload in some
        ]
        for future in futures:
            future.get(20)
