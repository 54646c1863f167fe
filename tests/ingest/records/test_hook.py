"""Where the reader of columns is put into the client, and where it is not."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import kafka
import pytest
from confluent_kafka import Producer
from kafka.consumer.fetcher import Fetcher
from kafka.record.legacy_records import LegacyRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords

from sentinel.clock import SystemClock
from sentinel.config.kafka import Topics
from sentinel.ingest.kafka import KafkaSource
from sentinel.ingest.records.hook import StockReader, columns_of, open_fetch, read_columns
from sentinel.ingest.records.reader import FetchReader, Wanted
from tests.ingest.logs import (
    N_EVENTS,
    Delivery,
    KafkaLog,
    codec,
    is_all,
    kafka_settings,
    key_of,
    outcome,
    prediction,
    read,
)
from tests.ingest.records.fetches import PLACE, Record, Written
from tests.support.kafka_broker import KafkaBroker, unique_name

N_EACH = 30
STOCK = Fetcher.PartitionRecords


@pytest.fixture
def consumer() -> Any:
    """A consumer that never connects, with a fetcher of the client's own class."""
    fetcher = object.__new__(Fetcher)
    fetcher._next_partition_records = None
    return SimpleNamespace(_fetcher=fetcher)


def _opened(fetcher: Any, data: bytes) -> Any:
    options = {"key_deserializer": None, "value_deserializer": None, "check_crcs": True}
    return fetcher.PartitionRecords(0, PLACE, MemoryRecords(data), **options)


def test_the_pinned_client_is_fitted(consumer: Any) -> None:
    """With the client that is installed, fetches are read as columns."""
    assert read_columns(consumer, keys=False, headers=False)
    reader = _opened(consumer._fetcher, Written([Record(0, 5, b"k", b"v", [])]).to_bytes(0))
    assert isinstance(reader, FetchReader)
    columns = columns_of(list(reader.take(10)), keys=False, headers=False)
    assert (columns.offsets.tolist(), columns.timestamps.tolist(), columns.values) == ([0], [5], [b"v"])


@pytest.mark.parametrize("version", ["3.0.11", "3.1.0", "2.3.1", "4.0"])
def test_another_version_is_left_alone(version: str, consumer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that this was never tried with keeps its own reader."""
    monkeypatch.setattr(kafka, "__version__", version)
    assert not read_columns(consumer, keys=False, headers=False)
    assert consumer._fetcher.PartitionRecords is STOCK


def test_a_client_of_another_shape_is_left_alone(consumer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """So does one that opens fetches in another way, one that reads them differently, and one that has no fetcher."""

    class Other(STOCK):  # type: ignore[misc, valid-type]
        def __init__(self, fetch_offset: int, records: Any) -> None:
            super().__init__(fetch_offset, PLACE, records)

    class Different(STOCK):  # type: ignore[misc, valid-type]
        def take(self, n: int | None = None) -> Any:
            return super().take(None if n is None else n + 1)

    Different.__init__ = STOCK.__init__  # type: ignore[method-assign]
    for shape in (Other, Different):
        monkeypatch.setattr(Fetcher, "PartitionRecords", shape)
        assert not read_columns(consumer, keys=False, headers=False)
    assert not read_columns(SimpleNamespace(), keys=False, headers=False)


def test_formats_before_2_are_read_by_the_client() -> None:
    """What an old broker sends goes the client's own way, and comes out as columns all the same."""
    builder = LegacyRecordBatchBuilder(1, 0, 1 << 16)
    for offset in range(3):
        builder.append(offset, timestamp=7 + offset, key=b"k", value=b"%d" % offset)
    records = MemoryRecords(bytes(builder.build()))
    options: dict[str, Any] = {"key_deserializer": None, "value_deserializer": None}
    reader = open_fetch(STOCK, Wanted(keys=True), 0, PLACE, records, **options)
    assert isinstance(reader, StockReader)
    (columns,) = reader.take(2)
    assert (columns.offsets.tolist(), columns.timestamps.tolist()) == ([0, 1], [7, 8])
    assert (columns.values, columns.keys) == ([b"0", b"1"], [b"k", b"k"])
    assert reader.next_fetch_offset == 2
    assert len(reader.take(2)) == 1
    assert not reader


def test_records_of_the_client_become_columns() -> None:
    """Where the client's own reader is in use, its records give the same columns, and no time is no time."""
    record = SimpleNamespace(offset=4, timestamp=None, value=b"v", key=b"k", headers=[("h", b"1")])
    columns = columns_of([record], keys=True, headers=True)
    assert (columns.offsets.tolist(), columns.timestamps.tolist()) == ([4], [-1])
    assert (columns.values, columns.keys, columns.headers) == ([b"v"], [b"k"], [[("h", b"1")]])


@pytest.mark.kafka
def test_with_the_client_s_own_reader_everything_comes_too(
    kafka_broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that is not known costs speed alone: the same events come, and the statistic says which reader it is."""
    monkeypatch.setattr(kafka, "__version__", "3.1.0")
    log = KafkaLog(kafka_broker)
    with contextlib.closing(_Closing(log.open())) as opened:
        delivery = read(opened.source, is_all(log))
        assert opened.source.statistics()["columnar_reader"] == 0
    assert sorted(delivery.predictions) == sorted(key_of(number) for number in range(N_EVENTS))
    assert delivery.n_dead_letters == log.n_dead_letters


def _send(producer: Producer, topics: Topics, numbers: range) -> None:
    for number in numbers:
        producer.produce(topics.predictions, prediction(number), key=f"id-{number}", headers={"trace": b"1"})
        producer.produce(topics.outcomes, outcome(number), key=f"id-{number}")
    assert producer.flush(20) == 0


@pytest.mark.kafka
def test_another_producer_with_every_codec_and_transactions(kafka_broker: KafkaBroker) -> None:
    """Messages of librdkafka count with each codec, tombstones and committed transactions too, aborted ones do not."""
    if kafka_broker.kind == "mock":
        pytest.skip("the mock has no transactions")
    topics = Topics(predictions=unique_name("predictions"), outcomes=unique_name("outcomes"))
    for topic in (topics.predictions, topics.outcomes):
        kafka_broker.create_topic(topic, partitions=2)
    expected: set[int] = set()
    for i, compression in enumerate(("none", "gzip", "snappy", "lz4", "zstd")):
        options = {
            "bootstrap.servers": kafka_broker.bootstrap,
            "compression.type": compression,
            "linger.ms": 50,
            "transactional.id": unique_name("other"),
        }
        first = i * 3 * N_EACH
        plain = Producer({name: value for name, value in options.items() if name != "transactional.id"})
        _send(plain, topics, range(first, first + N_EACH))
        transactional = Producer(options)
        transactional.init_transactions(20)
        for numbers, end in (
            (range(first + N_EACH, first + 2 * N_EACH), transactional.commit_transaction),
            (range(first + 2 * N_EACH, first + 3 * N_EACH), transactional.abort_transaction),
        ):
            transactional.begin_transaction()
            _send(transactional, topics, numbers)
            end(20)
        expected |= {key_of(number) for number in range(first, first + 2 * N_EACH)}
    plain.produce(topics.predictions, None, key="gone")
    assert plain.flush(20) == 0
    settings = kafka_settings(kafka_broker, topics, max_poll_records=64)
    with contextlib.closing(_Closing(KafkaSource(settings, codec(), SystemClock()))) as opened:
        delivery = read(opened.source, lambda d: len(d.outcomes) >= len(expected) and d.n_dead_letters >= 1)
        read(opened.source, lambda _: list(opened.source.lag().values()) == [0] * 4, into=delivery)
        assert opened.source.statistics()["columnar_reader"] == 1
    assert _sorted(delivery) == (sorted(expected), sorted(expected))
    assert delivery.n_dead_letters == 1


def _sorted(delivery: Delivery) -> tuple[list[int], list[int]]:
    return sorted(delivery.predictions), sorted(delivery.outcomes)


class _Closing:
    """Closes a source in its time."""

    def __init__(self, source: KafkaSource) -> None:
        self.source = source

    def close(self) -> None:
        """Leave the group."""
        self.source.close(5.0)
