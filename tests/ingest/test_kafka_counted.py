"""From the broker to the counts: another producer's codecs and transactions, and garbage among good messages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from sentinel.clock import SystemClock
from sentinel.config.kafka import Topics
from sentinel.events.codecs.json import JsonCodec
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.pipeline.tally import Tally
from sentinel.summaries.rows import row_dtype
from tests.ingest.logs import WAIT_SECONDS, Client, kafka_settings, new_topics, outcome, prediction
from tests.support.kafka_broker import KafkaBroker, unique_name
from tests.support.layouts import HOUR_US, small_layout
from tests.support.process import wait_until

pytestmark = pytest.mark.kafka
PLAN = ModelPlan(small_layout(), horizon_us=HOUR_US)
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
PER_CODEC = 60
N_GARBAGE = 2_000


@pytest.fixture
def topics(kafka_broker: KafkaBroker) -> Topics:
    """A pair of topics with one partition each."""
    return new_topics(kafka_broker, n_partitions=1)


@contextlib.contextmanager
def counting(broker: KafkaBroker, topics: Topics, client: Client) -> Iterator[Loop]:
    """A loop over both topics that keeps its counts in memory."""
    codec = JsonCodec([PLAN.layout.schema])
    source = client(kafka_settings(broker, topics, max_poll_records=500), codec, SystemClock())
    row_bytes = row_dtype(PLAN.layout).itemsize
    loop = Loop(source, lambda _: MemoryJoinStore(row_bytes), [PLAN], SystemClock(), checkpoint_seconds=0.2)
    try:
        yield loop
    finally:
        loop.close()
        source.close(5.0)


def counted(loop: Loop, n_events: int) -> Tally:
    """Turn until so many events are counted, and a little longer; what was counted."""

    def is_there() -> bool:
        loop.turn(0.2)
        return sum(loop.status.counted.events.values()) >= n_events

    wait_until(is_there, WAIT_SECONDS, "the events to be counted")
    loop.turn(0.2)
    loop.checkpoint()
    return loop.status.views[0].tally


def test_every_codec_and_committed_transactions_are_counted(
    kafka_broker: KafkaBroker, topics: Topics, client: Client
) -> None:
    """Of librdkafka's messages each is counted once, compressed or not; those of aborted transactions are not."""
    for i, codec in enumerate(CODECS):
        options = {"bootstrap.servers": kafka_broker.bootstrap, "compression.type": codec, "linger.ms": 50}
        producer = Producer(options | {"transactional.id": unique_name("producer")})
        producer.init_transactions()
        for kept in (False, True, False):
            producer.begin_transaction()
            for number in range(i * PER_CODEC, (i + 1) * PER_CODEC):
                at = number if kept else number + 10_000  # what is aborted would be counted as well
                producer.produce(topics.predictions, prediction(at), partition=0)
                producer.produce(topics.outcomes, outcome(at), partition=0)
            producer.flush(WAIT_SECONDS)
            (producer.commit_transaction if kept else producer.abort_transaction)()
    n = len(CODECS) * PER_CODEC
    with counting(kafka_broker, topics, client) as loop:
        tally = counted(loop, 2 * n)
    assert dict(tally.events) == {("prediction", "accepted"): n, ("outcome", "joined"): n}
    assert not tally.dead_letters


def test_a_poison_batch_among_good_messages_stops_nothing(
    kafka_broker: KafkaBroker, topics: Topics, client: Client
) -> None:
    """2,000 messages of garbage in the middle are 2,000 dead letters, and every good one is counted."""
    producer = Producer({"bootstrap.servers": kafka_broker.bootstrap, "linger.ms": 50})
    for number in range(100):
        producer.produce(topics.predictions, prediction(number), partition=0)
        producer.produce(topics.outcomes, outcome(number), partition=0)
        if number == 50:
            for garbage in range(N_GARBAGE):
                producer.produce(topics.predictions, b"\xff garbage %d" % garbage, partition=0)
    producer.flush(WAIT_SECONDS)
    with counting(kafka_broker, topics, client) as loop:
        tally = counted(loop, N_GARBAGE + 200)
    assert dict(tally.events) == {
        ("prediction", "accepted"): 100,
        ("outcome", "joined"): 100,
        ("prediction", "dead_letter"): N_GARBAGE,
    }
    assert dict(tally.dead_letters) == {"not_json": N_GARBAGE}
