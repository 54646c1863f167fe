"""The loop: assignment, checkpoints, failures and what it shows, against a scripted source."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sentinel.clock import ManualClock
from sentinel.errors import StoreError
from sentinel.events.batch import DeadLetter, EventBatch, Reason
from sentinel.ingest.protocol import Changes
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.loop_status import PartitionView
from sentinel.pipeline.open_partitions import RETRY_SECONDS
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.pipeline.tally import Tally, add_up
from tests.pipeline import streams
from tests.pipeline.scripted import ScriptedSource
from tests.support.join_oracle import Event, fed

EVERY_SECONDS = 5.0


class KeptStore(MemoryJoinStore):
    """A store that survives its close as a file does, and fails on demand."""

    def __init__(self) -> None:
        super().__init__(streams.ROW_BYTES)
        self.commits_fail = 0
        self.puts_fail = 0
        self.torn = False
        self.n_commits = 0

    def put(self, keys: Any, expires_at: Any, rows: Any) -> None:
        """Put, or fail half way."""
        super().put(keys, expires_at, rows)
        if self.puts_fail:
            self.puts_fail -= 1
            self.torn = True
            raise StoreError("no room left")

    def commit(self) -> None:
        """Commit, or fail as a torn store does: until it is rolled back."""
        if self.commits_fail or self.torn:
            self.commits_fail = max(0, self.commits_fail - 1)
            self.torn = True
            raise StoreError("the disk is full")
        self.n_commits += 1
        super().commit()

    def rollback(self) -> None:
        """Return to the last commit, whole again."""
        self.torn = False
        super().rollback()

    def close(self) -> None:
        """Drop what is not committed."""
        self.rollback()


class Stage:
    """A loop with everything around it at hand."""

    def __init__(self, source: ScriptedSource, stores: defaultdict[int, KeptStore] | None = None) -> None:
        self.source = source
        self.clock = ManualClock(now_us=1_000_000)
        self.stores = defaultdict(KeptStore) if stores is None else stores
        self.letters: list[DeadLetter] = []
        self.n_checkpoints = 0
        self.loop = Loop(
            source,
            self.stores.__getitem__,
            streams.PLANS,
            self.clock,
            checkpoint_seconds=EVERY_SECONDS,
            on_dead_letters=self.take,
            on_checkpoint=self.count,
        )

    def take(self, letters: Iterable[DeadLetter]) -> None:
        """Keep dead letters."""
        self.letters += letters

    def count(self) -> None:
        """Count checkpoints."""
        self.n_checkpoints += 1

    def turn(self, n: int = 1, seconds: float = 0.0) -> None:
        """Turn so many times, and let time pass before each."""
        for _ in range(n):
            self.clock.advance(seconds)
            self.loop.turn(0.0)

    def view(self, number: int = 0) -> PartitionView:
        """What a partition shows."""
        return self.loop.status.views[number]

    def calls(self, name: str) -> list[Any]:
        """What the source was told under this name."""
        return [told for called, told in self.source.journal if called == name]

    def last_success_us(self) -> int | None:
        """When the last checkpoint succeeded."""
        return self.loop.status.checkpoint_success_us

    def durable(self, number: int = 0) -> tuple[streams.Fingerprint, bytes]:
        """What a new process would find."""
        return streams.counted(PartitionPipeline(number, self.stores[number], streams.PLANS))


def stream(seed: int, n: int = 200) -> list[Event]:
    """A log of one partition."""
    return streams.orderly(np.random.default_rng(seed), n)


def whole(events: list[Event]) -> tuple[streams.Fingerprint, bytes]:
    """What an undisturbed run over the log counts."""
    pipeline = PartitionPipeline(0, MemoryJoinStore(streams.ROW_BYTES), streams.PLANS)
    for batch in streams.batches([events[i : i + 10] for i in range(0, len(events), 10)]):
        pipeline.process(batch)
    return streams.counted(pipeline)


def shown(view: PartitionView) -> tuple[streams.Fingerprint, bytes]:
    """A view as bytes."""
    return streams.fingerprint(view.series.values()), view.tally.to_bytes()


def test_a_finite_source_ends_with_a_checkpoint_of_everything() -> None:
    """run() returns when the source is exhausted, and all partitions are durable and shown to their end."""
    logs = {0: stream(1), 3: stream(2, 77)}
    stage = Stage(ScriptedSource(logs))
    stage.loop.run()
    for number, events in logs.items():
        assert stage.durable(number) == whole(events)
        assert shown(stage.view(number)) == whole(events)
        assert sum(stage.calls("commit")[-1][number].values()) == len(events)
    total = add_up(stage.view(number).tally for number in logs)
    assert sum(total.events.values()) + total.n_waiting == sum(map(len, logs.values()))
    assert {letter.reason for letter in stage.letters} <= {Reason.EXPIRED, Reason.DUPLICATE}
    assert len(stage.letters) == sum(total.dead_letters.values()) > 0


def test_checkpoints_come_when_they_are_due_and_the_source_hears_after_the_store() -> None:
    """Nothing is committed before the interval has passed; then the store commits first, the source second."""
    stage = Stage(ScriptedSource({0: stream(3)}))
    stage.turn(4, seconds=1.0)
    assert stage.stores[0].n_commits == 0
    assert stage.calls("commit") == []
    assert stage.last_success_us() is None
    heard: list[int] = []
    stage.source.on_commit = lambda: heard.append(stage.stores[0].n_commits)
    stage.turn(1, seconds=1.0)
    assert heard == [1]
    assert stage.last_success_us() == stage.clock.now_us()
    stage.turn(4, seconds=1.0)
    assert heard == [1]
    stage.turn(1, seconds=1.0)
    assert heard == [1, 2]
    assert stage.n_checkpoints == 2


def test_a_restart_reads_on_from_the_checkpoint() -> None:
    """A loop dropped between checkpoints is followed by one that starts at the stored positions and ends the same."""
    events = stream(4)
    first = Stage(ScriptedSource({0: events}))
    first.turn(7, seconds=1.0)  # checkpoint after turn 5, two turns lost
    first.loop.close()
    second = Stage(ScriptedSource({0: events}, size=lambda: 7), first.stores)
    second.loop.run()
    started = second.calls("start_at")[0]
    assert sum(started[1].values()) == 50
    assert second.durable() == whole(events)


def test_a_revoked_partition_is_checkpointed_before_it_is_let_go() -> None:
    """What was delivered of a revoked partition is durable, it is no longer shown, and its return continues there."""
    events = stream(5)
    stage = Stage(ScriptedSource({0: events}))
    stage.turn(3)
    stage.source.changes = [Changes(revoked=frozenset({0}))]
    stage.turn()
    assert stage.durable() == whole(events[:30])
    assert stage.loop.status.views == {}
    stage.source.changes = [Changes(gained=frozenset({0}))]
    stage.loop.run()
    assert sum(stage.calls("start_at")[-1][1].values()) == 30
    assert stage.durable() == whole(events)


def test_a_lost_partition_is_dropped_without_a_checkpoint() -> None:
    """What was counted since the last checkpoint of a lost partition is discarded; others are left alone."""
    logs = {0: stream(6), 1: stream(7)}
    stage = Stage(ScriptedSource(logs))
    stage.turn(2)
    stage.source.changes = [Changes(lost=frozenset({0}))]
    stage.turn(1, seconds=EVERY_SECONDS)
    assert stage.stores[0].n_commits == 0
    assert stage.calls("commit")[-1].keys() == stage.loop.status.views.keys() == {1}
    stage.source.changes = [Changes(gained=frozenset({0}))]
    stage.turn()
    stage.source.changes = [Changes(lost=frozenset({0}), gained=frozenset({0}))]
    stage.turn()
    assert stage.calls("start_at")[-1] == (0, {})
    stage.loop.run()
    assert stage.durable(0) == whole(logs[0])
    assert stage.durable(1) == whole(logs[1])


def test_a_partition_revoked_while_its_store_refuses_keeps_its_last_checkpoint(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A failing checkpoint on revocation is counted, and the earlier checkpoint stays the truth."""
    events = stream(8)
    stage = Stage(ScriptedSource({0: events}))
    stage.turn(1, seconds=EVERY_SECONDS)
    stage.turn(2)
    stage.stores[0].commits_fail = 1
    stage.source.changes = [Changes(revoked=frozenset({0}))]
    stage.turn()
    assert stage.loop.status.checkpoint_failures == 1
    assert stage.durable() == whole(events[:10])
    assert "checkpoint_failed" in caplog.text


@pytest.mark.parametrize("fault", ["commit", "put"])
def test_a_store_that_fails_is_rolled_back_and_read_again(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    """A full disk is counted and logged, reading pauses, goes on from the last checkpoint, and nothing counts twice."""
    logs = {0: stream(9), 1: stream(10)}
    stage = Stage(ScriptedSource(logs))
    stage.turn(1, seconds=EVERY_SECONDS)
    before = shown(stage.view(0))
    stage.stores[0].commits_fail, stage.stores[0].puts_fail = int(fault == "commit"), int(fault == "put")
    stage.turn(1, seconds=EVERY_SECONDS)
    assert stage.loop.status.checkpoint_failures == 1
    assert "checkpoint_failed" in caplog.text
    assert stage.calls("pause") == [[0]]
    assert stage.calls("start_at")[-1] == (0, positions(logs[0][:10]))
    assert shown(stage.view(0)) == before
    assert stage.calls("commit")[-1].keys() == {1}  # the other partition is durable all the same
    stage.turn(1, seconds=RETRY_SECONDS / 2)
    assert stage.calls("resume") == []
    stage.turn(1, seconds=RETRY_SECONDS / 2)
    assert stage.calls("resume") == [[0]]
    stage.loop.run()
    assert stage.loop.status.checkpoint_failures == 1
    for number, events in logs.items():
        assert stage.durable(number) == whole(events)


def positions(events: Iterable[Event]) -> dict[str, int]:
    """Next offsets after these events."""
    return dict(streams.batch_of(list(events), {}).positions)


def test_a_store_that_goes_on_failing_is_tried_again_and_again() -> None:
    """Each attempt is counted; when the disk has room again the counts are whole, and success is told only then."""
    events = stream(11)
    stage = Stage(ScriptedSource({0: events}))
    stage.stores[0].commits_fail = 3
    stage.turn(12, seconds=EVERY_SECONDS)
    assert stage.loop.status.checkpoint_failures == 3
    stage.loop.run()
    assert stage.durable() == whole(events)


def test_a_failing_last_checkpoint_is_raised() -> None:
    """run() does not end as if all were durable."""
    stage = Stage(ScriptedSource({0: stream(12, 20)}))
    stage.turn(1)
    stage.stores[0].commits_fail = 1
    stage.loop.stop()
    with pytest.raises(StoreError, match="disk is full"):
        stage.loop.run()


def test_stop_ends_the_loop_after_its_turn_with_a_checkpoint() -> None:
    """stop() from another thread, and more than once, ends run() within a turn, and what was read is durable."""
    source = ScriptedSource({0: stream(13, 40)})
    source.live = True
    stage = Stage(source)
    seen = threading.Event()

    def with_signal(batch: EventBatch) -> EventBatch:
        seen.set()
        return batch

    source.transform = with_signal
    thread = threading.Thread(target=stage.loop.run)
    thread.start()
    assert seen.wait(60.0)
    stage.loop.stop()
    stage.loop.stop()
    thread.join(60.0)
    assert not thread.is_alive()
    assert sum(stage.calls("commit")[-1][0].values()) == sum(source._positions[0].values())


def test_views_belong_to_one_moment_and_never_change() -> None:
    """A view taken at a checkpoint has panes and tally of the same events, and keeps them while counting goes on."""
    events = stream(14)
    stage = Stage(ScriptedSource({0: events}))
    assert shown_after(stage, 1) == whole(events[:10])
    view = stage.view()
    stage.turn(1)
    assert stage.view() is view
    assert shown_after(stage, 1) == whole(events[:30])
    assert shown(view) == whole(events[:10])
    oracle = fed(streams.RULES, events[:30])
    assert stage.view().watermark == oracle.watermark
    assert stage.view().pending == sum(1 for waiting in oracle.held.values() if waiting.outcome is None)


def shown_after(stage: Stage, n: int) -> tuple[streams.Fingerprint, bytes]:
    """Turn with a checkpoint, and look."""
    stage.turn(n, seconds=EVERY_SECONDS)
    return shown(stage.view())


def test_a_gained_partition_is_shown_at_once_as_it_was_stored() -> None:
    """After a restart evaluation sees the stored panes before anything new is read."""
    events = stream(15)
    first = Stage(ScriptedSource({0: events}))
    first.loop.run()
    second = Stage(ScriptedSource({0: events}), first.stores)
    second.turn()
    assert shown(second.view()) == whole(events)


def test_the_loop_turns_even_when_nothing_comes() -> None:
    """turned_at follows the clock with nothing assigned and nothing read: that is what liveness is judged by."""
    source = ScriptedSource({})
    source.live = True
    stage = Stage(source)
    assert stage.loop.turn(0.25) == 0
    assert source.waited_seconds == 0.25
    stage.clock.advance(60.0)
    assert stage.loop.loop_age_seconds() == 60.0
    stage.turn()
    assert stage.loop.loop_age_seconds() == 0.0
    assert stage.loop.status.turns == 2


def test_dead_letters_of_the_codec_are_handed_over_and_counted() -> None:
    """What the codec refused reaches the taker unchanged and stands in the tally under its reason."""
    bad = DeadLetter(Reason.NOT_JSON, "no JSON", "outcomes", 0, 5, b"{", "outcome")
    source = ScriptedSource({0: stream(16)[:10]})

    def with_letter(batch: EventBatch) -> EventBatch:
        return replace(batch, dead_letters=(bad,))

    source.transform = with_letter
    stage = Stage(source)
    stage.loop.run()
    assert stage.letters[0] is bad
    tally = stage.view().tally
    assert tally.events["outcome", "dead_letter"] == 1
    assert tally.dead_letters[Reason.NOT_JSON] == 1


def test_a_batch_of_a_partition_that_went_is_passed_over() -> None:
    """Events of a partition that is not held are neither counted nor committed."""
    source = ScriptedSource({0: stream(17, 20)})
    source.transform = lambda batch: replace(batch, partition=9)
    stage = Stage(source)
    assert stage.loop.turn(0.0) == 0
    stage.loop.run()
    assert stage.calls("commit") == []


def test_tallies_survive_their_encoding() -> None:
    """from_bytes gives back what to_bytes took, and equal tallies have equal bytes whatever the order of counting."""
    one, other = Tally(), Tally()
    one.count("outcome", "joined", 2, ("churn", "7"))
    one.count("prediction", "accepted", 3, ("churn", "7"))
    one.n_waiting = 4
    other.count("prediction", "accepted", 3, ("churn", "7"))
    other.count("outcome", "joined", 2, ("churn", "7"))
    other.n_waiting = 4
    assert one.to_bytes() == other.to_bytes() == Tally.from_bytes(one.to_bytes()).to_bytes()
