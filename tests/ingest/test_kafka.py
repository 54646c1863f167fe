"""What only a broker can show, of each client: rebalances, missing topics, outages, transactions."""

from __future__ import annotations

import contextlib
import gc
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from sentinel.config.durations import Duration
from sentinel.errors import FatalError
from sentinel.ingest import kafka as kafka_source
from sentinel.ingest.confluent import ConfluentSource
from sentinel.ingest.kafka import KafkaSource
from sentinel.ingest.kafka_client import BOOTSTRAP_SECONDS
from sentinel.ingest.protocol import Changes, Source
from tests.ingest.logs import (
    N_EVENTS,
    N_PARTITIONS,
    WAIT_SECONDS,
    Client,
    Delivery,
    KafkaLog,
    is_all,
    key_of,
    new_topics,
    open_source,
    opened,
    outcome,
    partition_of,
    prediction,
    produce,
    read,
    turn,
)
from tests.support.kafka_broker import KafkaBroker, start_broker, unique_name

pytestmark = pytest.mark.kafka
ALL_KEYS = sorted(key_of(number) for number in range(N_EVENTS))
EVERY_PARTITION = frozenset(range(N_PARTITIONS))


class Member:
    """A collector that keeps what was delivered of a partition until the partition goes, as a checkpoint would."""

    def __init__(self, source: Source, stored: dict[int, dict[str, int]]) -> None:
        self.source = source
        self.stored = stored
        self.delivery = Delivery()
        self.revoked: set[int] = set()

    def turn(self) -> None:
        """Follow the assignment, poll, and store the positions at once."""
        changes = self.source.take_changes()
        assert not changes.lost
        self.revoked |= changes.revoked
        for partition in changes.gained:
            self.source.start_at(partition, self.stored.get(partition, {}))
        for batch in self.source.poll(0.3):
            assert batch.partition in self.source.assigned()
            self.delivery.add(batch)
            self.stored.setdefault(batch.partition, {}).update(batch.positions)


def _turn_until(members: list[Member], until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not until():
        assert time.monotonic() < deadline, [sorted(member.source.assigned()) for member in members]
        for member in members:
            member.turn()


@pytest.fixture
def open_log(kafka_log: KafkaLog, client: Client) -> Callable[[str], Source]:
    """Open the events of the module's topics, as a member of the group that is named."""
    return lambda group: open_source(client, kafka_log.broker, kafka_log.topics, group_id=group)


def test_members_come_and_go_without_splitting_a_pair(kafka_broker: KafkaBroker, client: Client) -> None:
    """A second member takes over whole pairs, gives them back when it leaves, and nothing is missed or doubled."""
    log = KafkaLog(kafka_broker)
    group, later = unique_name("group"), range(900, 920)
    stored: dict[int, dict[str, int]] = {}
    with opened(open_source(client, kafka_broker, log.topics, group_id=group)) as one:
        first = Member(one, stored)
        _turn_until([first], lambda: len(first.delivery.batches) >= 3)
        assert one.assigned() == EVERY_PARTITION
        with opened(open_source(client, kafka_broker, log.topics, group_id=group)) as two:
            second = Member(two, stored)
            _turn_until([first, second], lambda: len(one.assigned()) == len(two.assigned()) == N_PARTITIONS // 2)
            assert one.assigned() | two.assigned() == EVERY_PARTITION
            # Whatever was left by then, this is new, and one of it is the second member's for sure.
            produce(log.broker, log.topics, [("prediction", number, prediction(number)) for number in later])
            mine = {key_of(number) for number in later if partition_of(number) in two.assigned()}
            _turn_until([first, second], lambda: mine <= set(second.delivery.predictions))
            assert first.revoked == two.assigned()
        _turn_until([first], lambda: one.assigned() == EVERY_PARTITION)

        def both() -> Delivery:
            return Delivery([*first.delivery.batches, *second.delivery.batches])

        _turn_until([first], lambda: sum(both().counts.values()) >= 2 * N_EVENTS + len(later) + log.n_dead_letters)
    assert sorted(both().predictions) == sorted([*ALL_KEYS, *map(key_of, later)])
    assert sorted(both().outcomes) == ALL_KEYS
    assert one.statistics()["rebalances"] >= 3


def test_both_clients_share_a_group(kafka_log: KafkaLog) -> None:
    """A member with each client: they split the pairs, so a roll-out may change the client one replica at a time."""
    broker, topics, group = kafka_log.broker, kafka_log.topics, unique_name("group")
    with (
        opened(open_source(KafkaSource, broker, topics, group_id=group)) as one,
        opened(open_source(ConfluentSource, broker, topics, group_id=group)) as other,
    ):
        delivery, deadline = Delivery(), time.monotonic() + WAIT_SECONDS
        while not len(one.assigned()) == len(other.assigned()) == N_PARTITIONS // 2:
            assert time.monotonic() < deadline
            turn(one, delivery)
            turn(other, delivery)
        assert one.assigned() | other.assigned() == EVERY_PARTITION


def test_what_a_rebalance_gives_back_at_once_is_no_change(open_log: Callable[[str], Source]) -> None:
    """Of the pairs that a rebalance revokes, those that stay are in no change and go on where they were."""
    group = unique_name("group")
    with opened(open_log(group)) as source, opened(open_log(group)) as other:
        delivery = read(source, lambda d: len(d.batches) >= 3)
        deadline = time.monotonic() + WAIT_SECONDS
        while source.assigned() == EVERY_PARTITION:
            assert time.monotonic() < deadline
            for batch in source.poll(0.2):
                delivery.add(batch)
            other.poll(0.2)
        kept = source.assigned()
        assert source.take_changes() == Changes(revoked=EVERY_PARTITION - kept)
        read(source, lambda _: len(source.lag()) == 2 * len(kept) and not any(source.lag().values()), into=delivery)
    wanted = sorted(key_of(number) for number in range(N_EVENTS) if partition_of(number) in kept)
    assert sorted(key for key in delivery.predictions if key in wanted) == wanted


def test_committed_offsets_are_seen_by_tools_and_never_resumed_from(
    kafka_log: KafkaLog, open_log: Callable[[str], Source]
) -> None:
    """A commit lands in Kafka by the time the source is closed, and a restart without a checkpoint ignores it."""
    group = unique_name("group")
    with opened(open_log(group)) as source:
        delivery = read(source, is_all(kafka_log))
        source.commit(delivery.positions)
    options = {"bootstrap_servers": kafka_log.broker.bootstrap, **kafka_log.broker.client_options}
    with contextlib.closing(KafkaConsumer(group_id=group, enable_auto_commit=False, **options)) as tool:
        for partition, by_topic in delivery.positions.items():
            for topic, offset in by_topic.items():
                assert tool.committed(TopicPartition(topic, partition)) == offset
    with opened(open_log(group)) as source:
        again = read(source, is_all(kafka_log))
    assert sorted(again.predictions) == ALL_KEYS
    assert source.statistics()["commit_failures"] == 0


def test_latest_skips_what_is_there(kafka_broker: KafkaBroker, client: Client) -> None:
    """With auto_offset_reset latest, a partition without a checkpoint begins with what comes after the start."""
    log = KafkaLog(kafka_broker)
    with opened(open_source(client, kafka_broker, log.topics, auto_offset_reset="latest")) as source:
        delivery = read(source, lambda _: len(source.lag()) == 2 * N_PARTITIONS)
        assert not delivery.batches
        produce(kafka_broker, log.topics, [("prediction", 900, prediction(900))])
        read(source, lambda d: d.predictions == [key_of(900)], into=delivery)


def test_unequal_partition_counts_are_refused(kafka_broker: KafkaBroker, client: Client) -> None:
    """Topics that cannot be joined stop the start, and the message names both counts and the ways out."""
    if kafka_broker.kind == "mock":
        pytest.skip("the mock gives every topic the same number of partitions")
    topics = new_topics()
    kafka_broker.create_topic(topics.predictions, partitions=4)
    kafka_broker.create_topic(topics.outcomes, partitions=3)
    expected = f"topic {topics.predictions} has 4 partitions and {topics.outcomes} has 3: .*more partitions.*new topics"
    with opened(open_source(client, kafka_broker, topics)) as source, pytest.raises(FatalError, match=expected):
        read(source, lambda _: False)


def test_partitions_that_are_added_are_gained(kafka_broker: KafkaBroker) -> None:
    """When both topics grow, the new pairs are gained and the old go on, however short the polls are."""
    if kafka_broker.kind == "mock":
        pytest.skip("the mock gives every topic the same number of partitions")
    log = KafkaLog(kafka_broker)
    with opened(open_source(KafkaSource, kafka_broker, log.topics)) as source:
        delivery = read(source, is_all(log))
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap)) as admin:
            admin.create_partitions({log.topics.predictions: 6, log.topics.outcomes: 6})
        assert isinstance(source, KafkaSource)
        assert source._consumer is not None
        source._consumer._cluster.request_update()  # would come by itself within five minutes
        deadline = time.monotonic() + WAIT_SECONDS
        gained: set[int] = set()
        while gained != {4, 5}:
            assert time.monotonic() < deadline
            assert source.poll(0.001) == []
            gained |= source.take_changes().gained
        assert source.assigned() == frozenset(range(6))
        for partition in gained:
            source.start_at(partition, {})
        produce(kafka_broker, log.topics, [("prediction", 900, prediction(900))])
        read(source, lambda d: key_of(900) in d.predictions, into=delivery)


def test_a_missing_topic_is_waited_for(kafka_broker: KafkaBroker, client: Client) -> None:
    """Without one of its topics the source owns nothing and raises nothing; once it is there, reading begins."""
    if kafka_broker.kind == "mock":
        pytest.skip("the mock makes a topic when it is asked about it")
    topics = new_topics()
    kafka_broker.create_topic(topics.predictions, partitions=N_PARTITIONS)
    with opened(open_source(client, kafka_broker, topics)) as source:
        for _ in range(3):
            assert source.poll(0.5) == []
        assert source.assigned() == frozenset()
        assert source.statistics()["errors"] == 0
        kafka_broker.create_topic(topics.outcomes, partitions=N_PARTITIONS)
        produce(kafka_broker, topics, [("prediction", 1, prediction(1)), ("outcome", 1, outcome(1))])
        delivery = read(source, lambda d: bool(d.outcomes and d.predictions))
    assert delivery.predictions == delivery.outcomes == [key_of(1)]


def test_outcomes_are_behind_until_their_end_is_reached(kafka_log: KafkaLog, open_log: Callable[[str], Source]) -> None:
    """Every batch but those at the end of a partition's outcomes says that outcomes may still be unread."""
    with opened(open_log(unique_name("group"))) as source:
        delivery = read(source, is_all(kafka_log))
    by_partition: dict[int, list[tuple[int, bool]]] = {}
    seen: Mapping[str, int]
    for partition in EVERY_PARTITION:
        seen = {}
        for batch in delivery.batches:
            if batch.partition == partition:
                seen = {**seen, **batch.positions}
                by_partition.setdefault(partition, []).append(
                    (seen.get(kafka_log.topics.outcomes, 0), batch.outcomes_behind)
                )
    for partition, steps in by_partition.items():
        end = delivery.positions[partition][kafka_log.topics.outcomes]
        assert all(behind for position, behind in steps if position < end)
        assert not steps[-1][1]


def test_markers_of_transactions_leave_no_lag(kafka_broker: KafkaBroker, client: Client) -> None:
    """Aborted messages are not delivered, and the markers that end a transaction do not count as unread."""
    if kafka_broker.kind == "mock":
        pytest.skip("the mock has no transactions")
    topics = new_topics(kafka_broker)
    options = {"bootstrap_servers": kafka_broker.bootstrap, "transactional_id": unique_name("producer")}
    with contextlib.closing(KafkaProducer(**options)) as producer:
        producer.init_transactions()
        for number, end in ((1, producer.commit_transaction), (2, producer.abort_transaction)):
            producer.begin_transaction()
            for partition in range(N_PARTITIONS):
                producer.send(topics.predictions, prediction(10 * partition + number), partition=partition)
                producer.send(topics.outcomes, outcome(10 * partition + number), partition=partition)
            producer.flush()
            end()
    with opened(open_source(client, kafka_broker, topics)) as source:
        delivery = read(source, lambda d: len(d.predictions) + len(d.outcomes) >= 2 * N_PARTITIONS)
        read(source, lambda _: list(source.lag().values()) == [0] * (2 * N_PARTITIONS), into=delivery)
    expected = sorted(key_of(10 * partition + 1) for partition in range(N_PARTITIONS))
    assert sorted(delivery.predictions) == sorted(delivery.outcomes) == expected


def test_an_unreachable_broker_is_an_error_to_count(client: Client) -> None:
    """With nobody listening, polls return empty in their time, count, own nothing; a commit is dropped."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with opened(open_source(client, KafkaBroker(f"127.0.0.1:{port}", "address", "nobody"), new_topics())) as source:
        started = time.monotonic()
        assert source.poll(0.3) == []
        assert time.monotonic() - started < 0.8 * BOOTSTRAP_SECONDS  # what the client itself would take to say so
        assert source.statistics()["errors"] == 1
        assert source.assigned() == frozenset()
        source.commit({0: {"predictions": 1}})


@pytest.mark.parametrize(
    ("client", "session_seconds"),
    [
        pytest.param(KafkaSource, 6.0, id="kafka-python"),
        pytest.param(ConfluentSource, 30.0, id="confluent-kafka", marks=pytest.mark.slow),
    ],
)
def test_a_broker_restart_in_the_middle_loses_nothing(
    tmp_path: Path, client: Client, session_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the broker is away polls return empty and raise nothing; when it is back the rest comes, once."""
    monkeypatch.setattr(kafka_source, "CONTACT_SECONDS", 0.5)
    with start_broker(tmp_path) as broker:
        if broker.server is None or broker.kind == "mock":
            pytest.skip(f"a broker of kind {broker.kind} cannot be restarted")
        log = KafkaLog(broker)
        with opened(open_source(client, broker, log.topics, session_timeout=Duration(session_seconds))) as source:
            delivery = read(source, lambda d: len(d.batches) >= 3)
            broker.stop()
            for _ in range(4):
                turn(source, delivery)
            source.commit(delivery.positions)
            if client is KafkaSource:  # the other says so in its log alone
                read(source, lambda _: source.statistics()["errors"] > 0, into=delivery)
            broker.start()
            produce(broker, log.topics, [("prediction", 900, prediction(900))])
            read(source, lambda d: key_of(900) in d.predictions and is_all(log)(d), into=delivery)
    assert sorted(delivery.predictions) == sorted([*ALL_KEYS, key_of(900)])
    assert sorted(delivery.outcomes) == ALL_KEYS
    gc.collect()  # a socket that was left open is found now, and the warning fails the test
