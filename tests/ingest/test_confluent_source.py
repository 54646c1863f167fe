"""What only a broker can show, through the confluent-kafka client; the same promises as with kafka-python."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from sentinel.clock import SystemClock
from sentinel.config.durations import Duration
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.kafka import Topics
from sentinel.config.secrets import Secret
from sentinel.errors import FatalError
from sentinel.ingest.confluent import ConfluentSource
from sentinel.ingest.confluent_client import confluent_options, translate
from sentinel.ingest.kafka_assignment import Assignment
from sentinel.ingest.protocol import LogSource
from tests.ingest.logs import (
    N_EVENTS,
    N_PARTITIONS,
    NOW_US,
    WAIT_SECONDS,
    ConfluentLog,
    Delivery,
    KafkaLog,
    codec,
    is_all,
    kafka_settings,
    key_of,
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
NOBODY = KafkaBroker("localhost:1", "address", "nobody")


@contextlib.contextmanager
def _opened(source: ConfluentSource) -> Iterator[ConfluentSource]:
    try:
        yield source
    finally:
        source.close(5.0)


def _source(broker: KafkaBroker, topics: Topics, **changes: Any) -> ConfluentSource:
    return ConfluentSource(kafka_settings(broker, topics, **changes), codec(), SystemClock())


def _new_topics(broker: KafkaBroker | None = None, n_predictions: int = N_PARTITIONS) -> Topics:
    topics = Topics(predictions=unique_name("predictions"), outcomes=unique_name("outcomes"))
    if broker is not None:
        broker.create_topic(topics.predictions, partitions=n_predictions)
        broker.create_topic(topics.outcomes, partitions=N_PARTITIONS)
    return topics


class _Member:
    """Reads, and stores the positions at once; what it is given again must come from there."""

    def __init__(self, source: ConfluentSource, stored: dict[int, dict[str, int]]) -> None:
        self.source, self.stored, self.delivery = source, stored, Delivery()

    def turn(self) -> None:
        """Follow the assignment, then poll."""
        changes = self.source.take_changes()
        assert not changes.lost
        for partition in changes.gained:
            self.source.start_at(partition, self.stored.get(partition, {}))
        for batch in self.source.poll(0.3):
            assert batch.partition in self.source.assigned()
            self.delivery.add(batch)
            self.stored.setdefault(batch.partition, {}).update(batch.positions)


def _turn_until(members: list[_Member], until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not until():
        assert time.monotonic() < deadline, [sorted(member.source.assigned()) for member in members]
        for member in members:
            member.turn()


def test_members_come_and_go_without_splitting_a_pair(kafka_broker: KafkaBroker) -> None:
    """A second member takes over whole pairs, gives them back when it leaves, and nothing is missed or doubled."""
    log, group, later = KafkaLog(kafka_broker), unique_name("group"), range(900, 920)
    stored: dict[int, dict[str, int]] = {}
    with _opened(_source(kafka_broker, log.topics, group_id=group)) as one:
        first = _Member(one, stored)
        _turn_until([first], lambda: len(first.delivery.batches) >= 3)
        with _opened(_source(kafka_broker, log.topics, group_id=group)) as two:
            second = _Member(two, stored)
            _turn_until([first, second], lambda: len(one.assigned()) == len(two.assigned()) == N_PARTITIONS // 2)
            assert one.assigned() | two.assigned() == EVERY_PARTITION
            produce(kafka_broker, log.topics, [("prediction", number, prediction(number)) for number in later])
            mine = {key_of(number) for number in later if partition_of(number) in two.assigned()}
            _turn_until([first, second], lambda: mine <= set(second.delivery.predictions))
        _turn_until([first], lambda: one.assigned() == EVERY_PARTITION)
        wanted = N_EVENTS + len(later)
        _turn_until([first], lambda: len(first.delivery.predictions) + len(second.delivery.predictions) >= wanted)
        _turn_until([first], lambda: len(first.delivery.outcomes) + len(second.delivery.outcomes) >= N_EVENTS)
    both = Delivery([*first.delivery.batches, *second.delivery.batches])
    assert sorted(both.predictions) == sorted([*ALL_KEYS, *map(key_of, later)])
    assert sorted(both.outcomes) == ALL_KEYS
    assert one.statistics()["rebalances"] >= 3


def test_both_clients_share_a_group(kafka_broker: KafkaBroker) -> None:
    """A member with each client: they split the pairs, so a roll-out may change the client one replica at a time."""
    log, group = KafkaLog(kafka_broker), unique_name("group")
    with contextlib.ExitStack() as stack:
        ours, other = _source(kafka_broker, log.topics, group_id=group), log.open(group_id=group)
        stack.callback(ours.close, 5.0)
        stack.callback(other.close, 5.0)
        delivery, deadline = Delivery(), time.monotonic() + WAIT_SECONDS
        while not len(ours.assigned()) == len(other.assigned()) == N_PARTITIONS // 2:
            assert time.monotonic() < deadline
            turn(ours, delivery)
            turn(other, delivery)
        assert ours.assigned() | other.assigned() == EVERY_PARTITION


def test_markers_of_transactions_leave_no_lag(kafka_broker: KafkaBroker) -> None:
    """Aborted messages are not delivered, and the markers that end a transaction do not count as unread."""
    topics = _new_topics(kafka_broker)
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
    with _opened(_source(kafka_broker, topics)) as source:
        delivery = read(source, lambda d: len(d.predictions) + len(d.outcomes) >= 2 * N_PARTITIONS)
        read(source, lambda _: list(source.lag().values()) == [0] * (2 * N_PARTITIONS), into=delivery)
    expected = sorted(key_of(10 * partition + 1) for partition in range(N_PARTITIONS))
    assert sorted(delivery.predictions) == sorted(delivery.outcomes) == expected


def test_an_end_is_not_passed(kafka_log: KafkaLog) -> None:
    """Told to end, a partition delivers what lies before, says when it is there, and goes on from there when told."""
    log = ConfluentLog(kafka_log)
    with _opened(log.open()) as source:
        assert isinstance(source, LogSource)
        whole = read(source, is_all(log))
        ends = {p: {topic: offset // 2 for topic, offset in at.items()} for p, at in whole.positions.items()}
        for partition, until in ends.items():
            source.start_at(partition, {}, until)
        assert not source.reached(0)
        half = read(source, lambda _: all(map(source.reached, EVERY_PARTITION)))
        assert turn(source, half) == []
        assert half.positions == ends
        for partition, at in ends.items():
            source.start_at(partition, at)
        rest = read(source, lambda d: is_all(log)(Delivery(half.batches + d.batches)))
    assert half.counts + rest.counts == whole.counts
    assert set((half.counts + rest.counts).values()) == {1}


def test_a_moment_is_found_in_the_log(kafka_log: KafkaLog) -> None:
    """From a moment before everything reading starts at the beginning, from one after everything at the end."""
    log = ConfluentLog(kafka_log)
    with _opened(log.open()) as source:
        whole = read(source, is_all(log))
        topics = (log.topics.predictions, log.topics.outcomes)
        early, late = source.offsets_at(1, NOW_US - 10**9), source.offsets_at(1, NOW_US * 2)
    assert (early.positions, early.missing_us) == (dict.fromkeys(topics, 0), 0)
    assert late.positions == whole.positions[1]


def test_latest_skips_what_is_there(kafka_broker: KafkaBroker) -> None:
    """With auto_offset_reset latest, a partition without a checkpoint begins with what comes after the start."""
    log = KafkaLog(kafka_broker)
    with _opened(_source(kafka_broker, log.topics, auto_offset_reset="latest")) as source:
        delivery = read(source, lambda _: len(source.lag()) == 2 * N_PARTITIONS)
        assert not delivery.batches
        produce(kafka_broker, log.topics, [("prediction", 900, prediction(900))])
        read(source, lambda d: d.predictions == [key_of(900)], into=delivery)


def test_committed_offsets_are_seen_by_tools_and_never_resumed_from(kafka_log: KafkaLog) -> None:
    """A commit lands in Kafka by the time the source is closed, and a restart without a checkpoint ignores it."""
    log, group = ConfluentLog(kafka_log), unique_name("group")
    with _opened(log.open(group_id=group)) as source:
        delivery = read(source, is_all(log))
        source.commit(delivery.positions)
    options = {"bootstrap_servers": log.broker.bootstrap, **log.broker.client_options}
    with contextlib.closing(KafkaConsumer(group_id=group, enable_auto_commit=False, **options)) as tool:
        for partition, by_topic in delivery.positions.items():
            for topic, offset in by_topic.items():
                assert tool.committed(TopicPartition(topic, partition)) == offset
    with _opened(log.open(group_id=group)) as source:
        again = read(source, is_all(log))
    assert sorted(again.predictions) == ALL_KEYS
    assert source.statistics()["commit_failures"] == 0


def test_unequal_partition_counts_are_refused(kafka_broker: KafkaBroker) -> None:
    """Topics that cannot be joined stop the start."""
    topics = _new_topics(kafka_broker, n_predictions=3)
    with _opened(_source(kafka_broker, topics)) as source, pytest.raises(FatalError, match="has 3 partitions and"):
        read(source, lambda _: False)


def test_a_missing_topic_is_waited_for(kafka_broker: KafkaBroker) -> None:
    """Without its topics the source owns nothing and raises nothing; once they are there, reading begins."""
    topics = _new_topics()
    with _opened(_source(kafka_broker, topics)) as source:
        for _ in range(3):
            assert source.poll(0.5) == []
        assert source.assigned() == frozenset()
        assert source.statistics()["errors"] == 0
        for topic in (topics.predictions, topics.outcomes):
            kafka_broker.create_topic(topic, partitions=N_PARTITIONS)
        produce(kafka_broker, topics, [("prediction", 1, prediction(1)), ("outcome", 1, outcome(1))])
        delivery = read(source, lambda d: bool(d.outcomes and d.predictions))
    assert delivery.predictions == delivery.outcomes == [key_of(1)]


def test_an_unreachable_broker_is_an_error_to_count() -> None:
    """With nobody listening, polls return empty in their time, count, own nothing, and close at once."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with _opened(_source(KafkaBroker(f"127.0.0.1:{port}", "address", "nobody"), _new_topics())) as source:
        started = time.monotonic()
        assert source.poll(0.3) == []
        assert time.monotonic() - started < 3.0
        assert source.statistics()["errors"] == 1
        assert source.assigned() == frozenset()
        source.commit({0: {"predictions": 1}})


@pytest.mark.slow
def test_a_broker_restart_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    """While the broker is away polls return empty and raise nothing; when it is back the rest comes, once."""
    with start_broker(tmp_path) as broker:
        if broker.server is None or broker.kind == "mock":
            pytest.skip(f"a broker of kind {broker.kind} cannot be restarted")
        log = ConfluentLog(KafkaLog(broker))
        with _opened(log.open(session_timeout=Duration(30.0))) as source:
            delivery = read(source, lambda d: len(d.batches) >= 3)
            broker.stop()
            for _ in range(4):
                turn(source, delivery)
            source.commit(delivery.positions)
            broker.start()
            produce(broker, log.topics, [("prediction", 900, prediction(900))])
            read(source, lambda d: key_of(900) in d.predictions and is_all(log)(d), into=delivery)
    assert sorted(delivery.predictions) == sorted([*ALL_KEYS, key_of(900)])
    assert sorted(delivery.outcomes) == ALL_KEYS


def test_a_client_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the start ends with the command that installs it."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(FatalError, match=r"pip install 'sentinel-leakage\[confluent\]'"):
        ConfluentSource(kafka_settings(NOBODY, _new_topics()), codec(), SystemClock())


def test_settings_keep_their_meaning() -> None:
    """Each key is handed on under librdkafka's name, and what must hold does not depend on any."""
    settings = KafkaSettings(
        bootstrap_servers=["a:1", "b:2"],
        topics=_new_topics(),
        group_id="g",
        group_instance_id="pod-0",
        client_rack="r1",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-256",
        sasl_plain_username="me",
        sasl_plain_password=Secret("word"),
        ssl_check_hostname=False,
    )
    options = confluent_options(settings)
    expected = {
        "bootstrap.servers": "a:1,b:2",
        "group.id": "g",
        "group.instance.id": "pod-0",
        "client.rack": "r1",
        "fetch.min.bytes": 64 * 1024,
        "max.partition.fetch.bytes": 1024 * 1024,
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "range",
        "enable.auto.commit": False,
        "check.crcs": True,
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "me",
        "sasl.password": "word",
        "ssl.endpoint.identification.algorithm": "none",
    }
    assert {name: options[name] for name in expected} == expected


def test_a_token_is_handed_on_with_its_end(tmp_path: Path) -> None:
    """With OAUTHBEARER the client is given the token, how long it may keep it, and what is sent beside it."""
    file = tmp_path / "token"
    file.write_text("a-token\n")
    settings = KafkaSettings(
        bootstrap_servers=["a:1"],
        topics=_new_topics(),
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="OAUTHBEARER",
        sasl_oauth_token_file=str(file),
        sasl_oauth_extensions={"logicalCluster": "one"},
    )
    token, expires_at, principal, extensions = confluent_options(settings)["oauth_cb"]("")
    assert (token, principal, extensions) == ("a-token", "", {"logicalCluster": "one"})
    assert expires_at > time.time()


def test_what_a_person_has_to_mend_ends_the_poll() -> None:
    """An error that came with the last messages is raised by the next poll, after those were delivered."""
    source = _source(NOBODY, _new_topics())
    source._consumer = object()  # type: ignore[assignment]
    source._assignment = Assignment(KafkaConsumer, source._settings.topics)
    source._error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(FatalError, match="READ and DESCRIBE"):
        source.poll(0.0)


@pytest.mark.parametrize(
    ("code", "was_in", "fatal"),
    [
        ("TOPIC_AUTHORIZATION_FAILED", True, "READ and DESCRIBE on the topics"),
        ("SASL_AUTHENTICATION_FAILED", True, "refused the login"),
        ("_AUTHENTICATION", False, "refused the login"),
        ("_AUTHENTICATION", True, ""),
        ("FENCED_INSTANCE_ID", True, "taken over group_instance_id"),
        ("_ALL_BROKERS_DOWN", False, ""),
        ("COORDINATOR_NOT_AVAILABLE", True, ""),
    ],
)
def test_errors_are_told_apart(code: str, was_in: bool, fatal: str) -> None:
    """What a person has to mend is fatal and says how; everything else is tried again."""
    meant = translate(KafkaError(getattr(KafkaError, code)), kafka_settings(NOBODY, _new_topics()), was_in=was_in)
    assert isinstance(meant, FatalError) == bool(fatal)
    assert fatal in str(meant)
