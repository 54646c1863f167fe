"""What goes wrong with a broker and its topics, on a real one: nothing lost, nothing doubled, and the loop goes on."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.record.util import calc_crc32c

from sentinel.clock import SystemClock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.kafka import Topics
from sentinel.config.sizes import Bytes
from sentinel.events.batch import Reason
from sentinel.events.codecs.messages import Role
from sentinel.ingest.damages import ATTEMPTS
from sentinel.ingest.kafka import KafkaSource
from sentinel.ingest.protocol import Source
from tests.ingest.logs import (
    CLIENTS,
    NOW_US,
    WAIT_SECONDS,
    Client,
    Delivery,
    codec,
    kafka_settings,
    key_of,
    opened,
    outcome,
    prediction,
    produce,
    read,
    turn,
)
from tests.support.kafka_broker import KafkaBroker, start_broker, unique_name
from tests.support.kafka_cluster import kafka_cluster
from tests.support.process import wait_until

pytestmark = pytest.mark.kafka
LENGTH_ENDS_AT, CRC_AT, ATTRIBUTES_AT, LAST_DELTA_AT = 12, 17, 21, 23  # in the head of a batch


@pytest.fixture
def topics(kafka_broker: KafkaBroker) -> Topics:
    """A pair of topics with one partition each, and room for large messages."""
    made = Topics(predictions=unique_name("predictions"), outcomes=unique_name("outcomes"))
    for topic in (made.predictions, made.outcomes):
        kafka_broker.create_topic(topic, 1, {"max.message.bytes": "4000000"})
    return made


def reading(settings: KafkaSettings, client: Client = KafkaSource) -> AbstractContextManager[Source]:
    """A source that is closed with the block."""
    return opened(client(settings, codec(), SystemClock()))


def delete_until(broker: KafkaBroker, topic: str, offset: int) -> None:
    """Let go of what is before an offset, as retention does."""
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap, **broker.client_options)) as admin:
        admin.delete_records({TopicPartition(topic, 0): offset})


def missed(source: Source, delivery: Delivery, stored: Mapping[int, Mapping[str, int]] | None = None) -> int:
    """What a source says that it missed, after one more turn."""
    turn(source, delivery, stored)
    return source.statistics()["missed"]


def padded(number: int, n_bytes: int) -> bytes:
    """A prediction with a field that nobody reads."""
    return prediction(number)[:-1] + b',"padding":"' + b"x" * n_bytes + b'"}'


def write(broker: KafkaBroker, topic: str, payloads: list[bytes | None]) -> None:
    """Write messages as they are, each in a batch of its own."""
    with contextlib.closing(
        KafkaProducer(
            bootstrap_servers=broker.bootstrap, max_request_size=4_000_000, acks="all", **broker.client_options
        )
    ) as producer:
        for payload in payloads:
            producer.send(topic, payload, key=b"k", partition=0).get(20)


def test_a_message_larger_than_a_fetch_is_read(kafka_broker: KafkaBroker, topics: Topics, client: Client) -> None:
    """With fetches of 1 KiB a message of 600 KB is counted, one of 2 MB a dead letter, and what follows comes, too."""
    write(kafka_broker, topics.predictions, [padded(1, 600_000), padded(2, 2_000_000), prediction(3)])
    small = kafka_settings(kafka_broker, topics, max_partition_fetch_bytes=Bytes.parse("1KiB"))
    with reading(small, client) as source:
        delivery = read(source, lambda d: len(d.predictions) == 2)
    assert delivery.predictions == [key_of(1), key_of(3)]
    assert [letter.reason for batch in delivery.batches for letter in batch.dead_letters] == [Reason.OVERSIZED]


def test_tombstones_are_dead_letters(kafka_broker: KafkaBroker, topics: Topics, client: Client) -> None:
    """A message without a value, and one with an empty one, stop nothing."""
    write(kafka_broker, topics.predictions, [None, b"", prediction(1)])
    with reading(kafka_settings(kafka_broker, topics), client) as source:
        delivery = read(source, lambda d: len(d.predictions) == 1)
    letters = [letter for batch in delivery.batches for letter in batch.dead_letters]
    assert [(letter.reason, letter.offset) for letter in letters] == [(Reason.EMPTY, 0), (Reason.EMPTY, 1)]


def test_a_topic_that_is_made_anew_is_read_from_its_beginning(
    kafka_broker: KafkaBroker, topics: Topics, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """A stored position beyond the end of the new topic goes back to the earliest message, and nothing is skipped."""
    write(kafka_broker, topics.predictions, [prediction(n) for n in range(5)])
    with reading(kafka_settings(kafka_broker, topics), client) as source:
        stored = {0: {topics.predictions: 500, topics.outcomes: 0}}
        delivery = read(source, lambda d: len(d.predictions) == 5, stored)
    assert delivery.predictions == [key_of(n) for n in range(5)]
    (said,) = [record for record in caplog.records if record.message == "positions_reset"]
    assert said.levelname == "WARNING"


@pytest.mark.slow
def test_a_leader_that_moves_is_followed(tmp_path: Path, kafka_broker: KafkaBroker) -> None:
    """A broker goes, another leads its partitions, it comes back: every event is delivered once."""
    if kafka_broker.kind != "maven":
        pytest.skip("two nodes are started from Maven's jars alone")
    with kafka_cluster(tmp_path) as cluster:
        topics = Topics(predictions="predictions", outcomes="outcomes")
        for topic in (topics.predictions, topics.outcomes):
            cluster.create_topic(topic, 4)
        settings = kafka_settings(
            cluster.first, topics, bootstrap_servers=[cluster.first.bootstrap, cluster.second.bootstrap]
        )
        events: list[tuple[Role, int, bytes | None]] = [("prediction", n, prediction(n)) for n in range(40)]
        events += [("outcome", n, outcome(n)) for n in range(40)]
        with reading(settings) as source:
            delivery = Delivery()
            produce(cluster.first, topics, events[:20])
            read(source, lambda d: len(d.predictions) == 20, into=delivery)
            assert cluster.leaders(topics.predictions) == {1, 2}
            cluster.second.stop()
            wait_until(lambda: cluster.leaders(topics.predictions) == {1}, 60, "the first node to lead alone")
            produce(cluster.first, topics, events[20:60])
            read(source, lambda d: len(d.predictions) == 40, into=delivery)
            cluster.second.start()
            produce(cluster.first, topics, events[60:])
            read(source, lambda d: len(d.outcomes) == 40, into=delivery)
    everything = sorted(key_of(n) for n in range(40))
    assert sorted(delivery.predictions) == sorted(delivery.outcomes) == everything


def test_a_clock_that_jumps_changes_nothing_that_is_counted(
    kafka_broker: KafkaBroker, topics: Topics, client: Client
) -> None:
    """What is too early or too far ahead is judged by the message's own time: a clock years off refuses nothing."""

    class Wrong(SystemClock):
        def now_us(self) -> int:
            return NOW_US // 2

    write(kafka_broker, topics.predictions, [prediction(n) for n in range(3)])
    settings = kafka_settings(kafka_broker, topics)
    with opened(client(settings, codec(), Wrong())) as source:
        delivery = read(source, lambda d: len(d.predictions) == 3)
    assert delivery.n_dead_letters == 0


def test_messages_that_retention_deleted_are_said_to_be_missing(
    kafka_broker: KafkaBroker, topics: Topics, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """A stored position that the log has left behind: reading goes on where it begins, and the loss is counted."""
    write(kafka_broker, topics.predictions, [prediction(n) for n in range(10)])
    delete_until(kafka_broker, topics.predictions, 6)
    with reading(kafka_settings(kafka_broker, topics), client) as source:
        delivery = read(source, lambda d: len(d.predictions) == 4, {0: {topics.predictions: 2}})
        turn(source, delivery)
        assert delivery.predictions == [key_of(n) for n in range(6, 10)]
        assert source.statistics()["missed"] == 4
    (said,) = [record for record in caplog.records if record.message == "messages_missed"]
    assert said.levelname == "ERROR"


def test_all_that_was_not_read_is_gone(kafka_broker: KafkaBroker, topics: Topics, client: Client) -> None:
    """A log that is empty by now is as much of a loss, and known before the next message comes."""
    write(kafka_broker, topics.predictions, [prediction(n) for n in range(5)])
    delete_until(kafka_broker, topics.predictions, 5)
    with reading(kafka_settings(kafka_broker, topics), client) as source:
        delivery = Delivery()
        stored = {0: {topics.predictions: 2, topics.outcomes: 0}}
        wait_until(lambda: missed(source, delivery, stored) == 3, WAIT_SECONDS, "the loss to be told")
        assert source.statistics()["missed_predictions"] == 3
        assert source.statistics()["missed_outcomes"] == 0


def test_gaps_of_transactions_are_not_missed(kafka_broker: KafkaBroker, topics: Topics, client: Client) -> None:
    """Markers and aborted messages leave gaps within the log, and nobody misses them."""
    with contextlib.closing(
        KafkaProducer(bootstrap_servers=kafka_broker.bootstrap, transactional_id=unique_name("producer"))
    ) as producer:
        producer.init_transactions()
        for number, end in enumerate([producer.commit_transaction, producer.abort_transaction] * 3):
            producer.begin_transaction()
            producer.send(topics.predictions, prediction(number), partition=0)
            producer.flush()
            end()
    write(kafka_broker, topics.predictions, [prediction(9)])
    with reading(kafka_settings(kafka_broker, topics), client) as source:
        stored = {0: {topics.predictions: 0, topics.outcomes: 0}}
        delivery = read(source, lambda d: len(d.predictions) == 4, stored)
        assert missed(source, delivery) == 0
    assert delivery.predictions == [key_of(n) for n in (0, 2, 4, 9)]


def flipped(batch: bytearray) -> None:
    """A byte of the records is another: the checksum does not fit."""
    batch[batch.index(b"xxxx")] ^= 0xFF


def of_an_unknown_codec(batch: bytearray) -> None:
    """The head names a codec that there is not, with a checksum that fits."""
    batch[ATTRIBUTES_AT + 1] |= 6
    sealed(batch)


def not_compressed_at_all(batch: bytearray) -> None:
    """The head says gzip and the records are plain, with a checksum that fits."""
    batch[ATTRIBUTES_AT + 1] |= 1
    sealed(batch)


def longer_than_it_is(batch: bytearray) -> None:
    """A byte of the head is another: the batch claims to reach beyond the end of the log."""
    batch[LAST_DELTA_AT + 1] ^= 0x7F


def sealed(batch: bytearray) -> None:
    """Write the checksum that fits."""
    struct.pack_into(">I", batch, CRC_AT, calc_crc32c(bytes(batch[ATTRIBUTES_AT:])))


DAMAGES = (flipped, of_an_unknown_codec, not_compressed_at_all, longer_than_it_is)


@pytest.mark.slow
@pytest.mark.parametrize("damaging", DAMAGES, ids=lambda function: function.__name__)
def test_a_batch_that_is_damaged_on_the_disk_stops_nothing(
    tmp_path: Path, damaging: Callable[[bytearray], None]
) -> None:
    """Its events are a dead letter with its place, and the rest comes once, whichever client reads."""
    with start_broker(tmp_path) as broker:
        if broker.kind != "maven":
            pytest.skip("only a broker of our own has its log at hand")
        topics = Topics(predictions="predictions", outcomes="outcomes")
        for topic in (topics.predictions, topics.outcomes):
            broker.create_topic(topic, 1)
        write(broker, topics.predictions, [prediction(1), padded(2, 5_000), prediction(3)])
        broker.stop()
        (segment,) = tmp_path.glob("node-*/data/predictions-0/00000000000000000000.log")
        data = bytearray(segment.read_bytes())
        start = LENGTH_ENDS_AT + int.from_bytes(data[8:LENGTH_ENDS_AT], "big")
        stop = start + LENGTH_ENDS_AT + int.from_bytes(data[start + 8 : start + LENGTH_ENDS_AT], "big")
        batch = data[start:stop]
        damaging(batch)
        segment.write_bytes(data[:start] + batch + data[stop:])
        broker.start()
        deliveries = []
        for client in CLIENTS:
            with reading(kafka_settings(broker, topics), client) as source:
                deliveries.append(read(source, lambda d: key_of(3) in d.predictions))
                turn(source, deliveries[-1])
                assert source.statistics()["errors"] == ATTEMPTS - 1
                assert source.statistics()["missed"] == 0
    for delivery in deliveries:
        assert delivery.predictions == [key_of(1), key_of(3)]
        (letter,) = [letter for batch in delivery.batches for letter in batch.dead_letters]
        assert (letter.reason, letter.topic, letter.offset) == ("damaged_batch", "predictions", 1)
        assert letter.detail.startswith("1 offsets from 1 on cannot be read: ")
        assert delivery.positions[0]["predictions"] == 3
