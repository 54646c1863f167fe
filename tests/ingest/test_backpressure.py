"""A loop that falls behind: what is fetched ahead of it is bounded, and it catches up in batches of a bounded size."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from confluent_kafka import Producer

from sentinel.clock import SystemClock
from sentinel.config.kafka import Topics
from sentinel.config.sizes import Bytes
from sentinel.ingest.confluent import ConfluentSource
from sentinel.ingest.confluent_client import QUEUED_KIB, confluent_options
from sentinel.ingest.kafka import KafkaSource
from tests.ingest.logs import Delivery, codec, kafka_settings, prediction, turn
from tests.support.kafka_broker import KafkaBroker, unique_name

N_PARTITIONS, N_MESSAGES, MOST = 4, 12_000, 50
FETCH_BYTES, BATCH_BYTES = 16 * 1024, 4 * 1024

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def full_topics(kafka_broker: KafkaBroker) -> Topics:
    """Predictions for many fetches, in batches much smaller than one, and nothing beside them."""
    topics = Topics(predictions=unique_name("predictions"), outcomes=unique_name("outcomes"))
    for topic in (topics.predictions, topics.outcomes):
        kafka_broker.create_topic(topic, partitions=N_PARTITIONS)
    options = {"bootstrap.servers": kafka_broker.bootstrap, "batch.size": BATCH_BYTES, "linger.ms": 5}
    producer = Producer(options)
    for number in range(N_MESSAGES):
        producer.produce(topics.predictions, prediction(number), partition=number % N_PARTITIONS)
    assert producer.flush(20) == 0
    return topics


def _settings(broker: KafkaBroker, topics: Topics) -> Any:
    return kafka_settings(broker, topics, max_partition_fetch_bytes=Bytes(FETCH_BYTES), max_poll_records=MOST)


def _buffered(source: KafkaSource) -> int:
    """Bytes of the answers that wait to be read."""
    assert source._consumer is not None
    fetcher = source._consumer._fetcher
    return sum(len(fetch.partition_data.records or b"") for fetch in list(fetcher._completed_fetches))


def test_what_is_fetched_ahead_is_bounded(kafka_broker: KafkaBroker, full_topics: Topics) -> None:
    """However far behind the loop is, no more waits than one fetch of each topic partition."""
    with contextlib.ExitStack() as stack:
        source = KafkaSource(_settings(kafka_broker, full_topics), codec(), SystemClock())
        stack.callback(source.close, 5.0)
        delivery = Delivery()
        most = 0
        for _ in range(100):
            turn(source, delivery)
            most = max(most, _buffered(source))
    assert 0 < most <= 2 * N_PARTITIONS * FETCH_BYTES
    assert source.statistics()["messages"] < N_MESSAGES


@pytest.mark.parametrize("kind", [KafkaSource, ConfluentSource])
def test_catching_up_goes_in_batches_of_a_bounded_size(
    kind: type[KafkaSource] | type[ConfluentSource], kafka_broker: KafkaBroker, full_topics: Topics
) -> None:
    """A poll delivers at most max_poll_records messages, over all partitions, however many wait."""
    with contextlib.ExitStack() as stack:
        source = kind(_settings(kafka_broker, full_topics), codec(), SystemClock())
        stack.callback(source.close, 5.0)
        delivery, sizes = Delivery(), set[int]()
        while len(delivery.predictions) < N_MESSAGES // 4:
            sizes.add(sum(map(len, turn(source, delivery))))
    assert max(sizes) == MOST


def test_the_other_client_bounds_its_queue() -> None:
    """Through confluent-kafka at most 16 MiB wait, where its own default is four times as much."""
    topics = Topics(predictions="p", outcomes="o")
    options = confluent_options(kafka_settings(KafkaBroker("localhost:1", "address", "nobody"), topics))
    assert options["queued.max.messages.kbytes"] == QUEUED_KIB == 16 * 1024
