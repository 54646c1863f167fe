"""What every ledger promises, in memory and on Kafka."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Protocol

import pytest
from kafka import KafkaProducer

from sentinel.clock import SystemClock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.kafka import Topics
from sentinel.ingest.kafka_ledger import KafkaLedger
from sentinel.ingest.kafka_ledger_reader import KafkaLedgerReader
from sentinel.ingest.ledger import FencedError, Ledger, LedgerError, LedgerReader
from tests.ingest.logs import WAIT_SECONDS, kafka_settings
from tests.support.kafka_broker import KafkaBroker, unique_name
from tests.support.memory_ledger import MemoryLedger, MemoryLedgerReader, MemoryLog

Told = list[tuple[bytes, bytes | None]]
N_LEDGER_PARTITIONS = 3


class World(Protocol):
    """One ledger that several members share."""

    def member(self) -> Ledger:
        """Another process."""
        ...

    def reader(self) -> LedgerReader:
        """An evaluator."""
        ...

    def leave_open(self, partition: int, key: bytes) -> None:
        """Write as a member does that dies before it ends its transaction."""
        ...


class MemoryWorld:
    """A list."""

    def __init__(self) -> None:
        self.log = MemoryLog()

    def member(self) -> Ledger:
        """Another process."""
        return MemoryLedger(self.log)

    def reader(self) -> LedgerReader:
        """An evaluator."""
        return MemoryLedgerReader(self.log)

    def leave_open(self, partition: int, key: bytes) -> None:
        """Nothing: what is not finished is never in the list."""


class KafkaWorld:
    """A topic."""

    def __init__(self, broker: KafkaBroker) -> None:
        self.broker = broker
        topics = Topics(
            predictions=unique_name("predictions"),
            outcomes=unique_name("outcomes"),
            summaries=unique_name("summaries"),
        )
        self.settings: KafkaSettings = kafka_settings(broker, topics)
        assert topics.summaries is not None
        self.topic = topics.summaries
        broker.create_topic(self.topic, N_LEDGER_PARTITIONS, {"cleanup.policy": "compact"})
        self.members: list[Ledger | LedgerReader] = []

    def member(self) -> Ledger:
        """Another process."""
        self.members.append(member := KafkaLedger(self.settings, SystemClock()))
        return member

    def reader(self) -> LedgerReader:
        """An evaluator."""
        self.members.append(reader := KafkaLedgerReader(self.settings, SystemClock()))
        return reader

    def leave_open(self, partition: int, key: bytes) -> None:
        """Send, and never commit."""
        producer = KafkaProducer(
            bootstrap_servers=self.broker.bootstrap,
            transactional_id=f"{self.settings.group_id}.{self.topic}.{partition}",
        )
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(self.topic, b"never", key, partition=partition % N_LEDGER_PARTITIONS)
        producer.flush(WAIT_SECONDS)
        producer._sender.force_close()  # as if the process were gone: nothing more is sent
        producer._closed = True


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A ledger of each kind, empty."""
    if request.param == "memory":
        yield MemoryWorld()
        return
    there = KafkaWorld(request.getfixturevalue("kafka_broker"))
    yield there
    for member in there.members:
        member.close(5.0)


def key(partition: int, name: str = "a") -> bytes:
    """A key of an input partition."""
    return f'["pane",{partition},"{name}"]'.encode()


def claimed(world: World, *partitions: int) -> Ledger:
    """A member that has claimed and read partitions."""
    member = world.member()
    for partition in partitions:
        member.claim(partition)
        member.read(partition)
    return member


def told(reader: LedgerReader, n: int) -> Told:
    """Poll until so many records came."""
    found: Told = []
    deadline = time.monotonic() + WAIT_SECONDS
    while len(found) < n:
        assert time.monotonic() < deadline, found
        found += reader.poll(0.2)
    return found


def test_the_latest_record_of_each_key_is_read(world: World) -> None:
    """A record replaces the one before it; another member reads the same; an empty ledger reads empty."""
    member = world.member()
    member.claim(0)
    assert member.read(0) == {}
    member.write(0, {key(0, "a"): b"1", key(0, "b"): b"1"})
    member.write(0, {key(0, "a"): b"2"})
    assert member.read(0) == {key(0, "a"): b"2", key(0, "b"): b"1"}
    member.release(0)
    assert claimed(world, 0).read(0) == {key(0, "a"): b"2", key(0, "b"): b"1"}


def test_a_tombstone_forgets_its_key(world: World) -> None:
    """None in place of a value removes the key, and a later value brings it back."""
    member = claimed(world, 0)
    member.write(0, {key(0): b"1", key(0, "b"): b"1"})
    member.write(0, {key(0): None})
    assert member.read(0) == {key(0, "b"): b"1"}
    member.write(0, {key(0): b"2"})
    assert member.read(0) == {key(0): b"2", key(0, "b"): b"1"}


def test_writing_again_changes_nothing(world: World) -> None:
    """A write that is repeated, as after an answer that was lost, leaves what is read as it was."""
    member = claimed(world, 1)
    records = {key(1): b"1", key(1, "b"): None}
    member.write(1, records)
    before = member.read(1)
    member.write(1, records)
    assert member.read(1) == before == {key(1): b"1"}


def test_partitions_share_a_ledger_and_see_only_their_own(world: World) -> None:
    """Input partitions beyond the ledger's number share its partitions without mixing, under one member or several."""
    first, second = claimed(world, 0, 1), claimed(world, 3)
    first.write(0, {key(0): b"zero"})
    second.write(3, {key(3): b"three"})
    first.write(1, {key(1): b"one"})
    assert [first.read(0), first.read(1), second.read(3)] == [
        {key(0): b"zero"},
        {key(1): b"one"},
        {key(3): b"three"},
    ]


def test_a_claim_fences_the_writer_before(world: World) -> None:
    """Who lost a partition to another's claim cannot write it, whatever it does; others of it go on."""
    zombie = claimed(world, 0, 1)
    zombie.write(0, {key(0): b"old"})
    owner = claimed(world, 0)
    with pytest.raises(FencedError):
        zombie.write(0, {key(0): b"zombie"})
    with pytest.raises(LedgerError):  # its claim is gone with it
        zombie.write(0, {key(0): b"zombie"})
    owner.write(0, {key(0): b"new"})
    assert owner.read(0) == {key(0): b"new"}
    zombie.write(1, {key(1): b"mine"})
    assert zombie.read(1) == {key(1): b"mine"}


def test_claiming_again_is_to_have_it_back(world: World) -> None:
    """A member that was fenced may claim anew; then the other one is fenced."""
    one, two = claimed(world, 0), claimed(world, 0)
    one.claim(0)
    one.write(0, {key(0): b"one"})
    with pytest.raises(FencedError):
        two.write(0, {key(0): b"two"})
    assert one.read(0) == {key(0): b"one"}


def test_without_a_claim_nothing_is_written(world: World) -> None:
    """A partition that was never claimed, or was released, takes no write; releasing twice does nothing."""
    member = claimed(world, 0)
    with pytest.raises(LedgerError):
        member.write(1, {key(1): b"1"})
    member.release(0)
    member.release(0)
    with pytest.raises(LedgerError):
        member.write(0, {key(0): b"1"})
    assert claimed(world, 0).read(0) == {}


def test_what_a_dead_member_left_open_is_undone_by_the_claim(world: World) -> None:
    """Records of a transaction that was never finished are read by nobody, and hold up nobody once claimed."""
    claimed(world, 0).write(0, {key(0): b"1"})
    world.leave_open(0, key(0))
    started = time.monotonic()
    owner = claimed(world, 0)
    assert owner.read(0) == {key(0): b"1"}
    owner.write(0, {key(0): b"2"})
    assert told(world.reader(), 2) == [(key(0), b"1"), (key(0), b"2")]
    assert time.monotonic() - started < WAIT_SECONDS


def test_a_reader_follows_all_partitions_from_the_beginning(world: World) -> None:
    """Everything of all partitions comes, each key in its order, tombstones included; then what is written later."""
    member = claimed(world, 0, 1, 2)
    for number, partition in itertools.product(range(4), range(3)):
        member.write(partition, {key(partition): None if number == 2 else b"%d" % number})
    reader = world.reader()
    assert not reader.caught_up()
    found = told(reader, 12)
    for partition in range(3):
        assert [value for k, value in found if k == key(partition)] == [b"0", b"1", None, b"3"]
    deadline = time.monotonic() + WAIT_SECONDS
    while not reader.caught_up() or any(reader.lag().values()):
        assert reader.poll(0.2) == []
        assert time.monotonic() < deadline
    member.write(1, {key(1, "later"): b"4"})
    assert told(reader, 1) == [(key(1, "later"), b"4")]


def test_a_reader_of_an_empty_ledger_has_caught_up(world: World) -> None:
    """Nothing to deliver is all there is, as soon as it was asked."""
    reader = world.reader()
    deadline = time.monotonic() + WAIT_SECONDS
    while not reader.caught_up():
        assert reader.poll(0.1) == []
        assert time.monotonic() < deadline


def test_closing_twice_is_closing_once(world: World) -> None:
    """A ledger and a reader close, used or not, in bounded time, and what was claimed is claimed no more."""
    member, reader = claimed(world, 0), world.reader()
    reader.poll(0.1)
    started = time.monotonic()
    for part in (member, reader, world.member(), world.reader()):
        part.close(5.0)
        part.close(5.0)
    assert time.monotonic() - started < WAIT_SECONDS  # eight closes; one that waits for an answer takes for ever
    with pytest.raises(LedgerError):
        member.write(0, {key(0): b"1"})
