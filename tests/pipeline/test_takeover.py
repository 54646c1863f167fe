"""A partition changes hands: whoever goes on with it, with or without its state, ends as one undisturbed owner does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sentinel.clock import ManualClock
from sentinel.errors import FatalError, StoreError
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.loop_status import LoopStatus
from sentinel.pipeline.open_partitions import RETRY_SECONDS
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.published import PaneKey, read_key, read_progress
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.pipeline.stored_rows import rows_of
from sentinel.pipeline.takeovers import FENCED_SECONDS
from sentinel.summaries.rows import SPENT
from tests.pipeline import streams
from tests.pipeline.scripted import ScriptedSource
from tests.pipeline.shared_log import SharedLog, SharedSource
from tests.pipeline.streams import PLANS, ROW_BYTES
from tests.support.join_oracle import Event, Happened, Predicted
from tests.support.layouts import HOUR_US, START_US, small_layout
from tests.support.memory_ledger import MemoryLedger, MemoryLog

CHURN = PLANS[0].key
CHECKPOINT_SECONDS = 5.0
MAX_TURNS = 10_000


class Store(MemoryJoinStore):
    """A store that outlives its owner's death, and fails on demand."""

    n_failures = 0
    n_commit_failures = 0
    n_commits = 0

    def __init__(self) -> None:
        super().__init__(ROW_BYTES)

    def put(self, keys: Any, expires_at: Any, rows: Any) -> None:
        """Put, or report a full disk."""
        if self.n_failures:
            self.n_failures -= 1
            raise StoreError("the disk is full")
        super().put(keys, expires_at, rows)

    def commit(self) -> None:
        """Count commits, or report a full disk."""
        if self.n_commit_failures:
            self.n_commit_failures -= 1
            raise StoreError("the disk is full")
        self.n_commits += 1
        super().commit()

    def close(self) -> None:
        """What was not committed is gone."""
        self.rollback()


class Member:
    """One process that shares the log and the ledger with others."""

    def __init__(
        self, log: SharedLog, ledger: MemoryLog, size: int = 10, end: int = 1 << 60, plans: Sequence[ModelPlan] = PLANS
    ) -> None:
        self.source = SharedSource(log, lambda: size, end)
        self.clock = ManualClock(now_us=START_US)
        self.stores: dict[int, Store] = {}
        self.n_dead_letters = 0
        self.loop = Loop(
            self.source,
            lambda number: self.stores.setdefault(number, Store()),
            plans,
            self.clock,
            checkpoint_seconds=CHECKPOINT_SECONDS,
            on_dead_letters=lambda letters: self.note(len(list(letters))),
            ledger=MemoryLedger(ledger),
        )

    def note(self, n: int) -> None:
        """Count dead letters."""
        self.n_dead_letters += n

    @property
    def status(self) -> LoopStatus:
        """Where its loop stands."""
        return self.loop.status

    def last_success_us(self) -> int | None:
        """When the ledger last had everything."""
        return self.status.ledger_success_us

    def turn(self, n: int = 1, seconds: float = 0.0) -> None:
        """Turn so often."""
        for _ in range(n):
            self.clock.advance(seconds)
            self.loop.turn(0.0)

    def finish(self) -> None:
        """Turn until nothing is left to deliver, then checkpoint."""
        self.turn(2)
        for _ in range(MAX_TURNS):
            if self.source.is_dry() and not self.status.rebuilding:
                break
            self.turn()
        assert not self.status.rebuilding
        self.loop.checkpoint()

    def pipeline(self, number: int = 0) -> PartitionPipeline:
        """What a new process would find in its store."""
        return PartitionPipeline(number, self.stores[number], PLANS)


Ended = tuple[streams.Fingerprint, bytes, list[bytes], dict[str, int], tuple[int, int, int]]


def ended(member: Member, number: int = 0) -> Ended:
    """Panes, tally, rows, positions and moments that a member's store holds, as bytes.

    Backfills that were spent stay a while and say nothing more; whether there are any depends on who came first.
    """
    pipeline = member.pipeline(number)
    panes, tally = streams.counted(pipeline)
    store = member.stores[number]
    rows = store.expire((1 << 63) - 1)
    kept = rows[rows_of(rows)["state"] != SPENT]
    store.rollback()
    moments = pipeline.watermark, pipeline.expired_until, pipeline.joined_until
    return panes, tally, sorted(row.tobytes() for row in kept), pipeline.positions, moments


def told(ledger: MemoryLog, number: int = 0) -> tuple[streams.Fingerprint, bytes]:
    """Panes and tally as an evaluator finds them in the ledger."""
    panes: streams.Fingerprint = {}
    tally = b""
    for name, value in MemoryLedger(ledger).read(number).items():
        key = read_key(name)
        if isinstance(key, PaneKey):
            panes[key.model, key.version, key.start_us] = value
            panes[key.model, key.version, -1] = str(key.width_us).encode()
        else:
            tally = read_progress(value).tally
    return panes, tally


def undisturbed(log: SharedLog) -> Member:
    """One owner of everything."""
    member = Member(log, MemoryLog())
    member.finish()
    return member


def history(seed: int, n: int = 500) -> list[Event]:
    """Predictions, outcomes and backfills, repeated, corrected, early and late, over some times the longest keep."""
    rng = np.random.default_rng(seed)
    return streams.recounted(rng, streams.orderly(rng, n))


@pytest.mark.parametrize("seed", range(8))
def test_wherever_a_history_is_cut_the_next_owner_ends_the_same(seed: int) -> None:
    """Counts to a random place, a death, a rebuild without any state: panes, tally and rows are one owner's."""
    events = history(seed, n=800)
    log = SharedLog({0: events})
    whole = undisturbed(log)
    rng = np.random.default_rng(900 + seed)
    ledger, ends = MemoryLog(), sorted(int(end) for end in rng.integers(1, len(events), 3))
    for end in ends:
        Member(log, ledger, size=int(rng.integers(5, 40)), end=end).finish()
    last = Member(log, ledger, size=int(rng.integers(5, 40)))
    last.finish()
    assert last.status.rebuilds == 1
    assert ended(last) == ended(whole)
    panes = {name: pane for name, pane in ended(whole)[0].items() if name[2] != -1}
    assert {name: pane for name, pane in told(ledger)[0].items() if name[2] != -1} == panes
    assert told(ledger)[1] == ended(whole)[1]


def test_the_log_is_read_back_two_keeps_and_no_further() -> None:
    """A rebuild starts two of the longest keeps before the watermark, less what messages may be stamped early."""
    keep_us = max(plan.keep_us for plan in PLANS)
    step_us = HOUR_US // 2
    events: list[Event] = [Predicted(CHURN, n, START_US + n * step_us, n) for n in range(400)]
    events.append(Happened("fraud", 7, events[-1].at, 1))
    log, ledger = SharedLog({0: events}), MemoryLog()
    Member(log, ledger, end=401).finish()
    second = Member(log, ledger)
    second.finish()
    watermark = events[399].at
    first = -(-(watermark - 2 * keep_us - START_US) // step_us)
    assert first > 100
    assert second.source.started[0] == (0, {"predictions": first, "outcomes": 0})
    assert second.source.started[-1] == (0, {"predictions": 400, "outcomes": 1})
    assert ended(second) == ended(undisturbed(log))


@pytest.mark.parametrize("outcomes_first", [True, False])
def test_a_topic_of_which_nothing_was_read_is_not_read_back(*, outcomes_first: bool) -> None:
    """An owner that dies before its first message of one topic leaves all of that topic to be counted."""
    predictions: list[Event] = [Predicted(CHURN, n, START_US + n, n) for n in range(30)]
    outcomes: list[Event] = [Happened(CHURN[0], n, START_US + HOUR_US + n, n % 2) for n in range(30)]
    events = [*outcomes, *predictions] if outcomes_first else [*predictions, *outcomes]
    log, ledger = SharedLog({0: events}), MemoryLog()
    Member(log, ledger, end=20).finish()
    second = Member(log, ledger, size=7)
    second.finish()
    assert second.status.rebuilds == 1
    assert second.n_dead_letters == 0
    assert ended(second) == ended(undisturbed(log))


def test_a_rebuild_counts_publishes_and_refuses_nothing() -> None:
    """While the log is read again no dead letter is written, nothing is shown, and the ledger stays as it is."""
    events = history(3)
    log, ledger = SharedLog({0: events}), MemoryLog()
    first = Member(log, ledger)
    first.finish()
    assert first.n_dead_letters > 0
    before, n_entries = told(ledger), len(ledger.entries)
    second = Member(log, ledger, size=7)
    second.turn(2)
    assert 0.0 <= second.status.rebuilding[0] < 1.0
    while second.status.rebuilding:
        assert second.status.views == {}
        assert len(ledger.entries) == n_entries
        second.turn()
    second.finish()
    assert second.n_dead_letters == 0
    assert told(ledger) == before
    assert ended(second) == ended(first)


def test_a_local_store_that_is_ahead_stays_and_is_published() -> None:
    """A restart with its state reads nothing again and brings the ledger up to it."""
    events = history(4)
    log, ledger = SharedLog({0: events}), MemoryLog()
    first = Member(log, ledger, end=200)
    first.finish()
    ledger.fails = True
    first.source.end = 300
    first.finish()  # durable here, unknown there
    ledger.fails = False
    again = Member(log, ledger)
    again.stores = first.stores
    again.finish()
    assert again.status.rebuilds == 0
    assert len(again.source.started) == 1
    assert sum(again.source.started[0][1].values()) == 300
    assert ended(again) == ended(undisturbed(log))
    assert told(ledger)[1] == ended(again)[1]


def test_a_local_store_that_is_behind_is_dropped() -> None:
    """A partition that went away and came back finds its old state overtaken, and is rebuilt."""
    events = history(5)
    log, ledger = SharedLog({0: events}), MemoryLog()
    first, second = Member(log, ledger, end=150), Member(log, ledger, end=400)
    first.finish()
    first.source.assign(())
    first.turn()
    second.finish()
    assert second.status.rebuilds == 1
    second.source.assign(())
    second.turn()
    first.source.end = 1 << 60
    first.source.assign({0})
    first.finish()
    assert first.status.rebuilds == 1
    assert ended(first) == ended(undisturbed(log))


def test_a_zombie_is_fenced_and_changes_nothing() -> None:
    """A member that was away while another took over loses the partition at its first write, and does not fight."""
    events = history(6)
    log, ledger = SharedLog({0: events}), MemoryLog()
    zombie, owner = Member(log, ledger, end=200), Member(log, ledger)
    zombie.finish()
    owner.turn(3)
    zombie.source.end = 300
    zombie.turn(3, seconds=CHECKPOINT_SECONDS)
    assert zombie.status.fenced == 1
    assert zombie.status.views == {}
    zombie.source.assign((), lost=True)  # its group tells it, as it asks again
    zombie.turn(3, seconds=FENCED_SECONDS)
    owner.finish()
    assert owner.status.fenced == 0
    assert ended(owner) == ended(undisturbed(log))
    assert told(ledger)[1] == ended(owner)[1]


def test_an_owner_that_was_fenced_wrongly_has_its_partition_back_after_a_while() -> None:
    """A claim by somebody who is not the owner stops the owner for half a minute, not for ever."""
    events = history(7)
    log, ledger = SharedLog({0: events}), MemoryLog()
    owner = Member(log, ledger, end=200)
    owner.finish()
    MemoryLedger(ledger).claim(0)
    owner.source.end = 1 << 60
    owner.turn(2, seconds=CHECKPOINT_SECONDS)
    assert owner.status.fenced == 1
    owner.turn(2, seconds=FENCED_SECONDS)
    owner.finish()
    assert owner.status.fenced == 1
    assert ended(owner) == ended(undisturbed(log))
    assert told(ledger)[1] == ended(owner)[1]


def test_a_ledger_that_fails_holds_up_nothing() -> None:
    """Counting and checkpoints go on, failures are counted, and later the ledger has everything at once."""
    events = history(8)
    log, ledger = SharedLog({0: events}), MemoryLog()
    member = Member(log, ledger)
    member.turn(2)
    ledger.fails = True
    member.turn(100, seconds=CHECKPOINT_SECONDS)
    assert member.source.is_dry()
    assert member.status.ledger_failures >= 2
    assert member.last_success_us() is None
    assert member.status.checkpoint_failures == 0
    ledger.fails = False
    member.turn(5, seconds=CHECKPOINT_SECONDS)
    assert member.last_success_us() is not None
    assert told(ledger)[1] == ended(member)[1] == ended(undisturbed(log))[1]


def test_a_partition_waits_for_the_ledger() -> None:
    """Without an answer to the claim nothing is counted, since another member may own it; then it begins."""
    log, ledger = SharedLog({0: history(9)}), MemoryLog()
    ledger.fails = True
    member = Member(log, ledger)
    member.turn(3, seconds=RETRY_SECONDS)
    assert member.status.views == {}
    assert member.source.started == []
    assert member.status.ledger_failures == 3
    ledger.fails = False
    member.turn(1, seconds=RETRY_SECONDS)
    member.finish()
    assert ended(member) == ended(undisturbed(log))


@pytest.mark.parametrize("n_turns", [1, 3, 20])
def test_a_death_in_the_middle_of_a_rebuild_is_a_rebuild_from_the_start(n_turns: int) -> None:
    """What a rebuild had put into the store when it died is not taken for state."""
    log, ledger = SharedLog({0: history(10)}), MemoryLog()
    Member(log, ledger, end=400).finish()
    killed = Member(log, ledger, size=3)
    killed.turn(1 + n_turns)
    assert killed.status.rebuilding
    killed.stores[0].commit()  # the worst moment: rows, and no counts
    again = Member(log, ledger)
    again.stores = killed.stores
    again.finish()
    assert again.status.rebuilds == 1
    assert ended(again) == ended(undisturbed(log))


def test_a_full_disk_during_a_rebuild_is_tried_again() -> None:
    """The rebuild starts anew after a while, and ends the same."""
    log, ledger = SharedLog({0: history(11)}), MemoryLog()
    Member(log, ledger, end=400).finish()
    member = Member(log, ledger, size=5)
    member.turn(4)
    member.stores[0].n_failures = 1
    while member.status.rebuilding:
        member.turn()
    assert (member.status.checkpoint_failures, member.status.rebuilds) == (1, 0)
    member.turn(1, seconds=RETRY_SECONDS)
    member.finish()
    assert ended(member) == ended(undisturbed(log))


def test_a_source_that_does_not_answer_delays_a_rebuild() -> None:
    """A question about offsets that fails is asked again by the next turn."""
    log, ledger = SharedLog({0: history(12)}), MemoryLog()
    Member(log, ledger, end=400).finish()
    member = Member(log, ledger)
    member.source.n_questions_fail = 4
    member.finish()
    assert ended(member) == ended(undisturbed(log))


def test_other_partitions_go_on_during_a_rebuild() -> None:
    """While one partition is rebuilt, the one beside it is counted and shown."""
    log, ledger = SharedLog({0: history(13), 1: history(14)}), MemoryLog()
    first = Member(log, ledger, end=400)
    first.source.assign({0})
    first.finish()
    second = Member(log, ledger, size=5)
    second.turn(5)
    assert set(second.status.rebuilding) == {0}
    assert set(second.status.views) == {1}
    assert second.loop._partitions.started[1].positions
    second.finish()
    whole = undisturbed(log)
    for number in (0, 1):
        assert ended(second, number) == ended(whole, number)


def test_a_partition_that_goes_during_its_rebuild_is_let_go() -> None:
    """A rebuild is dropped with its partition, and nothing of it is left."""
    log, ledger = SharedLog({0: history(15)}), MemoryLog()
    Member(log, ledger, end=400).finish()
    member = Member(log, ledger, size=5)
    member.turn(4)
    assert member.status.rebuilding
    member.source.assign(())
    member.turn()
    assert member.status.rebuilding == {}
    assert len(member.stores[0]) == 0
    member.source.assign({0})
    member.finish()
    assert ended(member) == ended(undisturbed(log))


def test_a_log_that_is_too_short_is_reported_and_gone_on_with() -> None:
    """Where retention removed predictions, the counts stand, the loss is counted, and new events count as ever."""
    step_us = HOUR_US // 2
    events: list[Event] = [Predicted(CHURN, n, START_US + n * step_us, n) for n in range(60)]
    events += [Happened("churn", n, events[59].at, 1) for n in (58, 59, 58, 59)]
    log, ledger = SharedLog({0: events}), MemoryLog()
    Member(log, ledger, end=62).finish()
    log.first["predictions", 0] = 59
    second = Member(log, ledger)
    second.finish()
    assert (second.status.rebuilds, second.status.rebuilds_short) == (1, 1)
    tally = second.pipeline().tally
    assert tally.models[*CHURN, "prediction_accepted"] == 60
    assert tally.events["outcome", "joined"] == 2
    assert tally.events["outcome", "duplicate"] == 2


def test_widths_that_were_doubled_leave_nothing_behind() -> None:
    """When panes are merged into wider ones, the ledger forgets those of the width before."""
    events: list[Event] = [Predicted(CHURN, n, START_US + n * HOUR_US, n) for n in range(40)]
    log, ledger = SharedLog({0: events}), MemoryLog()
    member = Member(log, ledger, end=5)
    member.finish()
    keys = [key for key in map(read_key, MemoryLedger(ledger).read(0)) if isinstance(key, PaneKey)]
    assert [key.width_us for key in keys] == [HOUR_US] * 5
    member.source.end = 40
    member.finish()
    keys = [key for key in map(read_key, MemoryLedger(ledger).read(0)) if isinstance(key, PaneKey)]
    assert {key.width_us for key in keys} == {8 * HOUR_US}  # 40 hours on at most 8 panes
    assert told(ledger)[0] == {name: pane for name, pane in ended(member)[0].items() if name[:2] == CHURN}


def test_only_what_changed_is_written() -> None:
    """A checkpoint after one event writes the pane of that event and the progress; a restart writes no pane at all."""
    events: list[Event] = [Predicted(CHURN, n, START_US + n * HOUR_US, n) for n in range(6)]
    log, ledger = SharedLog({0: events}), MemoryLog()
    member = Member(log, ledger, end=5)
    member.finish()
    member.source.end = 6
    member.finish()
    assert sorted(type(read_key(name)) is int for name, _ in ledger.entries[-1]) == [False, True]
    again = Member(log, ledger)
    again.stores = member.stores
    again.finish()
    assert [type(read_key(name)) for name, _ in ledger.entries[-1]] == [int]


def test_predictions_under_a_baseline_that_is_gone_do_not_count_for_the_new_one() -> None:
    """Taken over with another baseline, what was predicted under the old one is stale, and its panes are kept."""
    events: list[Event] = [Predicted(CHURN, n, START_US + n, n) for n in range(4)]
    events += [Happened("churn", 1, START_US + 5, 1), Predicted(CHURN, 9, START_US + 6, 9)]
    log, ledger = SharedLog({0: events}), MemoryLog()
    Member(log, ledger, end=4).finish()
    before = told(ledger)[0]
    changed = [replace(PLANS[0], layout=small_layout(threshold=0.9)), *PLANS[1:]]
    second = Member(log, ledger, plans=changed)
    second.finish()
    new = PartitionPipeline(0, second.stores[0], changed)
    assert new.publish()[CHURN].total().n_predictions == 1
    assert new.tally.events["outcome", "stale"] == 1
    kept = streams.fingerprint([second.pipeline().publish()[CHURN]])
    assert {name: pane for name, pane in before.items() if name[:2] == CHURN} == kept


def test_a_source_that_cannot_be_read_again_takes_no_ledger() -> None:
    """The loop refuses at once, rather than lose what waits at the first takeover."""
    with pytest.raises(FatalError, match="the source scripted cannot be read again"):
        Loop(ScriptedSource({}), lambda _: Store(), PLANS, ManualClock(), ledger=MemoryLedger(MemoryLog()))
