"""What only a broker can show of the ledger: topics that do not fit, sizes, writers that break, what is left behind."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaProducer, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import KafkaAdminClient

from sentinel.clock import SystemClock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.kafka import Topics
from sentinel.errors import FatalError
from sentinel.ingest import kafka_ledger
from sentinel.ingest.kafka_ledger import KafkaLedger
from sentinel.ingest.kafka_ledger_reader import KafkaLedgerReader
from sentinel.ingest.kafka_ledger_topic import Contents, read_partition, wrong
from sentinel.ingest.kafka_writer import TransactionalWriter
from sentinel.ingest.ledger import FencedError, LedgerError
from sentinel.ingest.protocol import LogSource
from tests.ingest.logs import N_EVENTS, WAIT_SECONDS, KafkaLog, is_all, kafka_settings, read, turn
from tests.support.kafka_broker import KafkaBroker, start_broker, unique_name
from tests.support.process import wait_until

KEY = b'["pane",0,"a"]'


def named(broker: KafkaBroker) -> KafkaSettings:
    """Settings that name topics which are not there."""
    names = {role: unique_name(role) for role in ("predictions", "outcomes", "summaries")}
    return kafka_settings(broker, Topics(**names))


def topic_of(settings: KafkaSettings) -> str:
    """The ledger's topic."""
    assert settings.topics.summaries is not None
    return settings.topics.summaries


@pytest.fixture
def settings(kafka_broker: KafkaBroker) -> KafkaSettings:
    """A ledger of one partition that takes records up to 100 kB."""
    made = named(kafka_broker)
    kafka_broker.create_topic(topic_of(made), 1, {"cleanup.policy": "compact", "max.message.bytes": "100000"})
    return made


@pytest.fixture
def ledger(settings: KafkaSettings) -> Iterator[KafkaLedger]:
    """Claimed and read."""
    made = KafkaLedger(settings, SystemClock())
    made.claim(0)
    made.read(0)
    yield made
    made.close(5.0)


@pytest.mark.kafka
def test_a_missing_topic_is_waited_for(kafka_broker: KafkaBroker) -> None:
    """The error says how to create it; once it is there the same ledger claims, and the same reader reads."""
    settings = named(kafka_broker)
    ledger, reader = KafkaLedger(settings, SystemClock()), KafkaLedgerReader(settings, SystemClock())
    with pytest.raises(LedgerError, match=f"--create --topic {topic_of(settings)} .* cleanup.policy=compact"):
        ledger.claim(0)
    assert reader.poll(0.1) == []
    assert not reader.caught_up()
    assert reader.failures == 1
    kafka_broker.create_topic(topic_of(settings), 1, {"cleanup.policy": "compact"})
    ledger.claim(0)
    ledger.write(0, {KEY: b"1"})
    found: list[tuple[bytes, bytes | None]] = []
    deadline = time.monotonic() + WAIT_SECONDS
    while not found:
        assert time.monotonic() < deadline
        found += reader.poll(0.2)
    assert found == [(KEY, b"1")]
    ledger.close(5.0)
    reader.close(5.0)


@pytest.mark.kafka
@pytest.mark.parametrize("policy", ["delete", "compact,delete"])
def test_a_topic_that_forgets_is_refused(kafka_broker: KafkaBroker, policy: str) -> None:
    """Where counts would be deleted one day, neither collector nor evaluator starts, and both say the command."""
    settings = named(kafka_broker)
    kafka_broker.create_topic(topic_of(settings), 1, {"cleanup.policy": policy})
    with pytest.raises(FatalError, match=f"cleanup.policy={policy}.*kafka-configs.sh .*cleanup.policy=compact"):
        KafkaLedger(settings, SystemClock()).claim(0)
    reader = KafkaLedgerReader(settings, SystemClock())
    with pytest.raises(FatalError, match="It must be compact alone"):
        reader.poll(0.1)
    reader.close(5.0)


@pytest.mark.kafka
def test_a_record_that_is_too_large_names_the_limit(ledger: KafkaLedger) -> None:
    """The whole write is taken back, the error says what to set, and the next write succeeds."""
    with pytest.raises(LedgerError, match=r"max\.message\.bytes"):
        ledger.write(0, {KEY: b"1", b'["pane",0,"b"]': bytes(200_000)})
    assert ledger.read(0) == {}
    ledger.write(0, {KEY: b"2"})
    assert ledger.read(0) == {KEY: b"2"}


@pytest.mark.kafka
def test_a_writer_that_broke_is_replaced(ledger: KafkaLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a producer became useless, the next write goes through a new one."""
    with monkeypatch.context() as patched:
        patched.setattr(TransactionalWriter, "write", _break)
        with pytest.raises(LedgerError, match="it broke"):
            ledger.write(0, {KEY: b"1"})
    ledger.write(0, {KEY: b"2"})
    ledger.write(0, {KEY: b"3"})
    assert ledger.read(0) == {KEY: b"3"}


@pytest.mark.kafka
def test_a_writer_is_not_replaced_over_somebody_else(
    ledger: KafkaLedger, settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another member has written since, whose producer broke is fenced, and overwrites nothing."""
    ledger.write(0, {KEY: b"1"})
    with monkeypatch.context() as patched:
        patched.setattr(TransactionalWriter, "write", _break)
        with pytest.raises(LedgerError):
            ledger.write(0, {KEY: b"2"})
    other = KafkaLedger(settings, SystemClock())
    other.claim(0)
    other.write(0, {KEY: b"theirs"})
    with pytest.raises(FencedError, match="meanwhile"):
        ledger.write(0, {KEY: b"2"})
    assert other.read(0) == {KEY: b"theirs"}
    other.close(5.0)


@pytest.mark.kafka
def test_what_lies_before_our_last_write_is_not_read_again(
    ledger: KafkaLedger, settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed write only what came after the last good one is looked through, not hours of checkpoints."""
    for n in range(20):
        ledger.write(0, {KEY: b"%d" % n})
    starts: list[int | None] = []

    def look(*given: Any) -> Contents:
        starts.append(given[5])
        return read_partition(*given)

    with monkeypatch.context() as patched:
        patched.setattr(TransactionalWriter, "write", _break)
        with pytest.raises(LedgerError):
            ledger.write(0, {KEY: b"broken"})
    with monkeypatch.context() as patched:
        patched.setattr(kafka_ledger, "read_partition", look)
        ledger.write(0, {KEY: b"again"})
    assert starts == [39]  # of 20 records and as many markers the last is a marker
    assert ledger.read(0) == {KEY: b"again"}


@pytest.mark.kafka
def test_a_topic_of_another_deployment_is_refused(settings: KafkaSettings, ledger: KafkaLedger) -> None:
    """Two groups would overwrite each other's counts without fencing: the second is told, with both ways out."""
    ledger.write(0, {KEY: b"1"})
    other = KafkaLedger(msgspec.structs.replace(settings, group_id="elsewhere"), SystemClock())
    other.claim(0)
    try:
        with pytest.raises(FatalError, match=f"set .*group_id to {settings.group_id} to"):
            other.read(0)
    finally:
        other.close(5.0)
    ledger.write(0, {KEY: b"2"})
    assert ledger.read(0) == {KEY: b"2"}


@pytest.mark.kafka
def test_a_topic_that_was_given_more_partitions_is_refused(kafka_broker: KafkaBroker) -> None:
    """Counts that are no longer found where they were written do not begin anew: the error says what to do."""
    settings = named(kafka_broker)
    topic = topic_of(settings)
    kafka_broker.create_topic(topic, 1, {"cleanup.policy": "compact"})
    before = KafkaLedger(settings, SystemClock())
    before.claim(1)
    before.write(1, {b'["pane",1,"a"]': b"1"})
    before.close(5.0)
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap)
    admin.create_partitions({topic: 2})
    admin.close()
    after = KafkaLedger(settings, SystemClock())

    def claim() -> bool:
        with contextlib.suppress(LedgerError):
            after.claim(1)
            return after._n_partitions == 2
        return False

    wait_until(claim, WAIT_SECONDS, "the new partition to be known")
    with pytest.raises(FatalError, match=r"input partition 1 were written to its partition 0.*Name a new topic"):
        after.read(1)
    after.close(5.0)


@contextlib.contextmanager
def _opened(log: KafkaLog) -> Iterator[LogSource]:
    source = log.open()
    try:
        yield source
    finally:
        source.close(5.0)


def _break(*_: object) -> None:
    raise kafka_errors.KafkaError("it broke")


@pytest.mark.kafka
def test_nothing_is_left_behind(settings: KafkaSettings) -> None:
    """A claim costs one thread, claiming again no second one, and a release gives it back."""
    before = _own_threads()
    ledger = KafkaLedger(settings, SystemClock())
    for partition in range(5):
        ledger.claim(partition)
        ledger.claim(partition)
        ledger.read(partition)
    wait_until(lambda: len(_own_threads() - before) == 5, WAIT_SECONDS, "one thread a claim")
    ledger.release(0)
    wait_until(lambda: len(_own_threads() - before) == 4, WAIT_SECONDS, "the released claim's thread to end")
    ledger.close(5.0)
    wait_until(lambda: not _own_threads() - before, WAIT_SECONDS, "all threads to end")


def _own_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.is_alive()}


@pytest.mark.kafka
def test_a_broker_that_is_away_is_an_error_soon() -> None:
    """Nobody at the address: claim and read fail at once, a reader delivers nothing, and none of it waits for long."""
    topics = Topics(predictions="p", outcomes="o", summaries="s")
    settings = KafkaSettings(bootstrap_servers=["127.0.0.1:1"], topics=topics)
    ledger, reader = KafkaLedger(settings, SystemClock()), KafkaLedgerReader(settings, SystemClock())
    for call in (ledger.claim, ledger.read):
        with pytest.raises(LedgerError, match="no bootstrap server answers"):
            call(0)
    assert reader.poll(0.1) == []
    assert reader.lag() == {}
    ledger.close(1.0)
    reader.close(1.0)


def test_a_ledger_needs_a_topic() -> None:
    """Without a name for the topic nothing is built."""
    settings = KafkaSettings(bootstrap_servers=["127.0.0.1:1"], topics=Topics(predictions="p", outcomes="o"))
    for kind in (KafkaLedger, KafkaLedgerReader):
        with pytest.raises(FatalError, match=r"topics\.summaries is missing"):
            kind(settings, SystemClock())


def test_missing_rights_are_named() -> None:
    """Whoever has to grant them reads which, on what."""
    topics = Topics(predictions="p", outcomes="o", summaries="sums")
    settings = KafkaSettings(bootstrap_servers=["127.0.0.1:1"], topics=topics, group_id="fraud")
    error = wrong(kafka_errors.TransactionalIdAuthorizationFailedError(), settings, "sums")
    assert isinstance(error, FatalError)
    assert "READ, WRITE and DESCRIBE on the topic sums" in str(error)
    assert "transactional ids that begin with fraud.sums." in str(error)


@pytest.mark.kafka
def test_a_log_that_was_cut_says_how_much_is_missing(kafka_broker: KafkaBroker) -> None:
    """Where retention removed messages, the first that is left is named, and how much later than asked it is."""
    log = KafkaLog(kafka_broker)
    with _opened(log) as source:
        delivery = read(source, is_all(log))
        partition, ends = next(iter(delivery.positions.items()))
        topic, end = next(iter(ends.items()))
        admin = KafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap)
        admin.delete_records({TopicPartition(topic, partition): end - 1})
        admin.close()
        found = source.offsets_at(partition, 1_000_000)
        assert found.positions[topic] == end - 1
        assert found.missing_us > 10**15  # asked for 1970; the messages are of today


@pytest.mark.kafka
def test_an_end_behind_aborted_messages_is_reached(kafka_broker: KafkaBroker) -> None:
    """Messages that were taken back, and the markers behind them, are passed without being delivered."""
    log = KafkaLog(kafka_broker)
    pairs = [(topic, n) for topic in (log.topics.predictions, log.topics.outcomes) for n in log.partitions]
    producer = KafkaProducer(bootstrap_servers=kafka_broker.bootstrap, transactional_id=unique_name("aborted"))
    producer.init_transactions()
    producer.begin_transaction()
    sent = [producer.send(topic, b"taken back", b"k", partition=n) for topic, n in pairs]
    offsets = {pair: future.get(WAIT_SECONDS).offset for pair, future in zip(pairs, sent, strict=True)}
    producer.abort_transaction()
    producer.close()
    ends = {n: {topic: offsets[topic, n] + 1 for topic, m in pairs if m == n} for n in log.partitions}
    with _opened(log) as source:
        delivery = read(source, is_all(log))
        for partition in log.partitions:
            source.start_at(partition, dict.fromkeys(ends[partition], 0), ends[partition])
        again = read(source, lambda _: all(map(source.reached, log.partitions)))
        assert turn(source, again) == []
    assert again.counts == delivery.counts
    assert len(again.predictions) == N_EVENTS


@pytest.mark.kafka
@pytest.mark.slow
def test_an_outage_of_the_broker_is_outlived(tmp_path: Path) -> None:
    """While the broker is away every call ends soon with an error; once it is back, writes and reads go on."""
    with start_broker(tmp_path) as broker:
        settings = named(broker)
        broker.create_topic(topic_of(settings), 1, {"cleanup.policy": "compact"})
        ledger, reader = KafkaLedger(settings, SystemClock()), KafkaLedgerReader(settings, SystemClock())
        ledger.claim(0)
        ledger.read(0)
        ledger.write(0, {KEY: b"1"})
        broker.stop()
        deadline = time.monotonic() + WAIT_SECONDS
        for call in (lambda: ledger.write(0, {KEY: b"2"}), lambda: ledger.read(0), lambda: ledger.claim(1)):
            with pytest.raises(LedgerError):
                call()
        assert reader.poll(0.1) == []
        assert time.monotonic() < deadline
        broker.start()
        ledger.write(0, {KEY: b"3"})
        assert ledger.read(0) == {KEY: b"3"}
        found: list[tuple[bytes, bytes | None]] = []
        while (KEY, b"3") not in found:
            assert time.monotonic() < deadline + WAIT_SECONDS
            found += reader.poll(0.2)
        ledger.close(5.0)
        reader.close(5.0)
