"""Takeovers at the worst moments: what was read, but not published, is neither lost nor counted twice."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.pipeline.open_partitions import RETRY_SECONDS
from sentinel.pipeline.publisher import RETRY_SECONDS as PUBLISH_SECONDS
from sentinel.pipeline.takeovers import FENCED_SECONDS
from tests.pipeline.shared_log import SharedLog
from tests.pipeline.test_takeover import (
    CHECKPOINT_SECONDS,
    CHURN,
    Member,
    Store,
    ended,
    history,
    told,
    undisturbed,
)
from tests.support.join_oracle import Event, Happened, Predicted
from tests.support.layouts import HOUR_US, START_US
from tests.support.memory_ledger import MemoryLog

SHARED = SharedLog({0: history(201, 400), 1: history(101, 400)})


class Group:
    """Three members that share two partitions, and to whom everything happens."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.ledger = MemoryLog()
        self.owners = {0: 0, 1: 0}
        self.end = 0
        self.members = [self.started({}) for _ in range(3)]
        self.members[0].source.assign({0, 1})

    def started(self, disk: dict[int, Store]) -> Member:
        """A member that was given nothing yet."""
        member = Member(SHARED, self.ledger, size=int(self.rng.integers(3, 40)), end=self.end)
        member.stores = disk
        member.source.assign(())
        member.source.changes.clear()
        return member

    def held(self, number: int) -> set[int]:
        """Partitions of a member."""
        return {partition for partition, owner in self.owners.items() if owner == number}

    def move(self, partition: int, number: int, *, lost: bool) -> None:
        """Give a partition to a member; where it is lost the former owner may save nothing."""
        former = self.owners[partition]
        self.owners[partition] = number
        for each in {former, number} if former != number else ():
            self.members[each].source.assign(self.held(each), lost=lost and each == former)

    def kill(self, number: int, *, wipe: bool) -> None:
        """End a member, with its disk or without, and start it again."""
        disk = self.members[number].stores
        for store in disk.values():
            store.rollback()
            store.n_failures = store.n_commit_failures = 0
        self.members[number] = self.started({} if wipe else disk)
        self.members[number].source.assign(self.held(number))

    def disturb(self) -> None:
        """One event, whatever it is, and some turns."""
        number, partition = int(self.rng.integers(3)), int(self.rng.integers(2))
        member = self.members[number]
        match self.rng.choice(["move", "lose", "kill", "wipe", "fail", "answer", "full", "refuse", "ask", "calm"]):
            case "move" | "lose" as how:
                self.move(partition, number, lost=how == "lose")
            case "kill" | "wipe" as how:
                self.kill(number, wipe=how == "wipe")
            case "fail" | "answer" as how:
                self.ledger.fails = how == "fail"
            case "full" | "refuse" as how:
                for store in member.stores.values():
                    store.n_failures, store.n_commit_failures = int(how == "full"), int(how == "refuse")
            case "ask":
                member.source.n_questions_fail = 2
        self.end += int(self.rng.integers(0, 30))
        for each in self.members:
            each.source.end = self.end
            each.turn(int(self.rng.integers(0, 3)), seconds=float(self.rng.choice([0.0, CHECKPOINT_SECONDS, 31.0])))

    def settle(self) -> None:
        """Let everything work again until all was counted and published."""
        self.ledger.fails = False
        for member in self.members:
            member.source.end, member.source.n_questions_fail = 1 << 60, 0
            for store in member.stores.values():
                store.n_failures = store.n_commit_failures = 0
        for _ in range(120):
            for member in self.members:
                member.turn(seconds=CHECKPOINT_SECONDS)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_in_whatever_order_the_counts_are_those_of_one_owner(seed: int) -> None:
    """Moves, losses, deaths, full disks, a ledger and a source that fail, at random: panes and tally are the same."""
    group = Group(np.random.default_rng(seed))
    for _ in range(80):
        group.disturb()
    group.settle()
    whole = undisturbed(SHARED)
    for partition, number in group.owners.items():
        assert ended(group.members[number], partition)[:2] == ended(whole, partition)[:2]
        assert told(group.ledger, partition)[1] == ended(whole, partition)[1]


def test_outcomes_that_came_while_nobody_owned_the_partition_are_counted_once() -> None:
    """Where the former owner had read no outcome at all, the rebuild reads none either: counting begins with them."""
    events: list[Event] = [Predicted(CHURN, n, START_US + n, n) for n in range(30)]
    events += [Happened("churn", n, START_US + HOUR_US, 1) for n in range(30)]
    log, ledger = SharedLog({0: events}), MemoryLog()
    Member(log, ledger, end=30).finish()
    second = Member(log, ledger, size=7)
    second.finish()
    assert second.status.rebuilds == 1
    assert ended(second) == ended(undisturbed(log))


@pytest.mark.parametrize("size", [5, 40])
def test_a_member_that_claims_back_what_another_went_on_with_reads_from_the_right_place(size: int) -> None:
    """Fenced, ahead of what the other published, and owner again: nothing beyond those counts enters the rebuild."""
    events = history(20)
    log, ledger = SharedLog({0: events}), MemoryLog()
    owner = Member(log, ledger, size=size, end=200)
    owner.finish()
    other = Member(log, ledger, end=220)
    other.finish()
    owner.source.end = 300
    for _ in range(100):
        owner.turn()
    owner.turn(1, seconds=CHECKPOINT_SECONDS)
    assert owner.status.fenced == 1
    owner.stores.clear()  # its disk, too
    owner.source.end = 1 << 60
    owner.turn(2, seconds=FENCED_SECONDS)
    owner.finish()
    assert owner.status.rebuilds == 1
    assert ended(owner) == ended(undisturbed(log))


def test_what_is_published_as_another_partition_goes_is_a_checkpoint() -> None:
    """A partition that the ledger lacks, and that is counted on, is not published halfway when another is revoked."""
    log, ledger = SharedLog({0: history(21), 1: history(22)}), MemoryLog()
    first = Member(log, ledger, end=300)
    first.turn(3)
    ledger.fails = True
    first.turn(1, seconds=CHECKPOINT_SECONDS)
    ledger.fails = False
    assert first.status.ledger_failures == 1
    first.turn(1, seconds=PUBLISH_SECONDS - 0.1)  # a checkpoint, too early for the ledger
    first.turn(1, seconds=0.2)  # events after it
    first.source.assign({1})
    first.turn(1)  # and then it dies
    second = Member(log, ledger)
    second.finish()
    whole = undisturbed(log)
    for number in (0, 1):
        assert ended(second, number) == ended(whole, number)


def test_a_disk_that_is_full_as_a_stale_store_is_emptied_is_tried_again() -> None:
    """The member stays, and takes the partition over once there is room."""
    log, ledger = SharedLog({0: history(24)}), MemoryLog()
    first, second = Member(log, ledger, end=100), Member(log, ledger, end=200)
    first.finish()
    second.finish()
    stale = Member(log, ledger)
    stale.stores = first.stores
    stale.stores[0].n_commit_failures = 1
    stale.turn()
    assert (stale.status.checkpoint_failures, stale.status.rebuilding) == (1, {})
    stale.turn(1, seconds=RETRY_SECONDS)
    stale.finish()
    assert stale.status.rebuilds == 1
    assert ended(stale) == ended(undisturbed(log))


def test_a_full_disk_as_a_partition_goes_publishes_nothing_of_it() -> None:
    """The next owner goes on from what was published before; it counts what could not be made durable."""
    log, ledger = SharedLog({0: history(23)}), MemoryLog()
    first = Member(log, ledger, end=100)
    first.finish()
    before = told(ledger)
    first.source.end = 300
    first.turn(5)
    first.stores[0].n_commit_failures = 1
    first.source.assign(())
    first.turn(1)
    assert first.status.checkpoint_failures == 1
    assert told(ledger) == before
    second = Member(log, ledger)
    second.finish()
    assert ended(second) == ended(undisturbed(log))
