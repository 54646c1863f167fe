"""Avro events with a registry that fails and comes back: on every source all are counted, and each once."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import fastavro
import pytest
from confluent_kafka import Producer

from sentinel.app.deserializers import make_deserializers
from sentinel.clock import MICROSECONDS_PER_SECOND, SystemClock
from sentinel.config.durations import Duration
from sentinel.config.formats import Format, Formats
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.kafka import Topics
from sentinel.config.registry import SchemaRegistry as RegistrySettings
from sentinel.events.batch import Reason
from sentinel.events.codecs.adapting import AdaptingCodec, make_stages
from sentinel.events.codecs.framing import SCHEMA_HEADER
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.protocol import Codec
from sentinel.events.schema import Limits
from sentinel.ingest.confluent import ConfluentSource
from sentinel.ingest.kafka import KafkaSource
from sentinel.ingest.memory import MemorySource
from sentinel.ingest.protocol import Source
from tests.ingest.logs import NOW_US, SCHEMA, Delivery, kafka_settings, key_of, partition_of, read, turn
from tests.support.kafka_broker import KafkaBroker, unique_name
from tests.support.registry import FakeRegistry, running_registry

GUID = "1a2b3c4d-5e6f-7081-8293-a4b5c6d7e801"
N_EVENTS, N_PARTITIONS = 60, 2
EVENT = {
    "type": "record",
    "name": "Prediction",
    "fields": [
        *({"name": name, "type": "string"} for name in ("model", "version", "prediction_id")),
        {"name": "predicted_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "score", "type": "float"},
    ],
}
Message = tuple[int, bytes, dict[str, bytes]]


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    """A registry that holds the event's schema as id 7."""
    with running_registry() as fake:
        entry = {"id": 7, "guid": GUID, "subject": "predictions-value", "version": 1, "type": "AVRO"}
        fake.add({**entry, "text": json.dumps(EVENT)})
        yield fake


def messages() -> list[Message]:
    """(number, payload, headers): framed in all forms in turn; the last is of a schema that nobody has."""
    parsed, found = fastavro.parse_schema(EVENT), []
    for number in range(N_EVENTS):
        stream = io.BytesIO()
        event = {"model": "churn", "version": "7", "prediction_id": f"id-{number}", "score": 0.5}
        at = NOW_US + number * MICROSECONDS_PER_SECOND
        fastavro.schemaless_writer(stream, parsed, {**event, "predicted_at": at})
        by_id, by_guid = b"\x00\x00\x00\x00\x07", b"\x01" + bytes.fromhex(GUID.replace("-", ""))
        forms: list[tuple[bytes, dict[str, bytes]]] = [
            (by_id + stream.getvalue(), {}),
            (by_guid + stream.getvalue(), {}),
            (stream.getvalue(), {SCHEMA_HEADER: by_guid}),
        ]
        found.append((number, *forms[number % len(forms)]))
    return [*found, (N_EVENTS, b"\x00\x00\x00\x00\x08of another cluster", {})]


def make_codec(settings: KafkaSettings) -> Codec:
    """The codec that the daemon would make."""
    by_role, reads_headers = make_deserializers(settings, SystemClock())
    stages = make_stages(settings.formats, by_role)
    return AdaptingCodec(JsonCodec([SCHEMA]), stages, Limits(), reads_headers=reads_headers)


def with_registry(settings: KafkaSettings, registry: FakeRegistry) -> dict[str, Any]:
    """What to change so that predictions are Avro of this registry."""
    formats = Formats(predictions=Format(encoding="avro"))
    return {
        "formats": formats,
        "schema_registry": RegistrySettings(urls=[registry.url], timeout=Duration(0.5)),
    }


def produced(broker: KafkaBroker, registry: FakeRegistry) -> KafkaSettings:
    """Topics with the messages, written by confluent-kafka, and the settings to read them."""
    topics = Topics(predictions=unique_name("predictions"), outcomes=unique_name("outcomes"))
    for topic in (topics.predictions, topics.outcomes):
        broker.create_topic(topic, N_PARTITIONS)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for number, payload, headers in messages():
        partition = partition_of(number, N_PARTITIONS)
        producer.produce(topics.predictions, payload, partition=partition, headers=list(headers.items()))
    assert producer.flush(20) == 0
    plain = kafka_settings(broker, topics)
    return kafka_settings(broker, topics, group_id=plain.group_id, **with_registry(plain, registry))


def in_memory(registry: FakeRegistry) -> MemorySource:
    """The messages that need no header, and as many of the others in the first form."""
    settings = KafkaSettings(
        bootstrap_servers=["127.0.0.1:9"],
        topics=Topics(predictions="p", outcomes="o"),
        formats=Formats(predictions=Format(encoding="avro")),
        schema_registry=RegistrySettings(urls=[registry.url], timeout=Duration(0.5)),
    )
    source = MemorySource(make_codec(settings), n_partitions=N_PARTITIONS, max_messages=7)
    for number, payload, headers in messages():
        framed = headers.get(SCHEMA_HEADER, b"") + payload
        assert source.publish("prediction", f"id-{number}".encode(), framed, NOW_US + 10**9, timeout_seconds=0)
    return source


@pytest.fixture(
    params=[
        "memory",
        pytest.param("kafka", marks=pytest.mark.kafka),
        pytest.param("confluent", marks=pytest.mark.kafka),
    ]
)
def source(request: pytest.FixtureRequest, registry: FakeRegistry) -> Iterator[Source]:
    """The same Avro messages behind each kind of live source."""
    if request.param == "memory":
        yield in_memory(registry)
        return
    make: Callable[..., Source] = KafkaSource if request.param == "kafka" else ConfluentSource
    settings = produced(request.getfixturevalue("kafka_broker"), registry)
    made = make(settings, make_codec(settings), SystemClock())
    yield made
    made.close(5.0)


def test_events_wait_for_the_registry_and_are_counted_once(source: Source, registry: FakeRegistry) -> None:
    """While the registry fails nothing is delivered and nothing refused; when it is back, everything, once."""
    registry.mood = "broken"
    delivery = Delivery()
    while source.statistics()["errors"] < 2:
        turn(source, delivery)
    assert not delivery.batches
    assert source.statistics()["messages"] == 0
    lag = source.lag()
    registry.mood = "well"
    read(source, lambda d: sum(d.counts.values()) > N_EVENTS, into=delivery)
    assert 0 < sum(lag.values()) <= N_EVENTS + 1  # a partition that was not fetched yet is left out
    assert sorted(delivery.predictions) == sorted(key_of(number) for number in range(N_EVENTS))
    letters = [letter for batch in delivery.batches for letter in batch.dead_letters]
    assert [letter.reason for letter in letters] == [Reason.UNKNOWN_SCHEMA]
    assert source.statistics()["messages"] == N_EVENTS + 1


def test_an_event_in_avro_is_the_event_in_json(registry: FakeRegistry) -> None:
    """Time and score arrive as the canonical event would have brought them."""
    source = in_memory(registry)
    delivery = read(source, lambda d: len(d.predictions) == N_EVENTS)
    rows = [rows for batch in delivery.batches for rows in batch.predictions]
    times = sorted(int(at) for some in rows for at in some.predicted_at)
    assert times == [NOW_US + number * MICROSECONDS_PER_SECOND for number in range(N_EVENTS)]
    assert {float(score) for some in rows for score in some.scores} == {0.5}
