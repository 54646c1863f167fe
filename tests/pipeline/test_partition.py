"""What one partition counts, held against the plain oracle and against itself under other cuts of the same log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from sentinel.errors import StoreError
from sentinel.events.batch import DeadLetter, EventBatch, Reason
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.pipeline.store.protocol import JoinStore
from tests.pipeline import streams
from tests.pipeline.conftest import MakeStore, reopened
from tests.pipeline.streams import KEYS, PLANS, ROW_BYTES, Split
from tests.support.join_oracle import Event, Happened, JoinOracle, Predicted, fed
from tests.support.layouts import HOUR_US, START_US, small_layout

CHURN, FRAUD = KEYS[0], KEYS[2]


def run(store: JoinStore, parts: Split, checkpoint_every: int = 5) -> tuple[PartitionPipeline, list[DeadLetter]]:
    """Process all batches, with a checkpoint now and then."""
    pipeline, letters = PartitionPipeline(0, store, PLANS), []
    for number, batch in enumerate(streams.batches(parts)):
        letters += pipeline.process(batch)
        if number % checkpoint_every == 0:
            pipeline.checkpoint()
    return pipeline, letters


def assert_counts(pipeline: PartitionPipeline, oracle: JoinOracle) -> None:
    """Panes and tallies are those of the oracle."""
    panes, _ = streams.counted(pipeline)
    assert panes == streams.expected(oracle)
    assert +pipeline.tally.events == +oracle.events
    assert +pipeline.tally.models == +oracle.models
    assert +pipeline.tally.dead_letters == +oracle.reasons
    assert pipeline.tally.n_waiting == oracle.n_waiting
    assert pipeline.tally.n_backfills_waiting == len(oracle.backfills_ahead)


@pytest.mark.parametrize("seed", range(12))
def test_event_by_event_the_oracle_is_followed_through_every_disorder(make_store: MakeStore, seed: int) -> None:
    """Repeats, reused ids, late, early, corrected and orphaned outcomes all count as the oracle says."""
    rng = np.random.default_rng(seed)
    events = streams.recounted(rng, streams.chaos(rng, 250))
    pipeline, letters = run(make_store(), streams.one_by_one(events))
    oracle = fed(streams.RULES, events)
    assert_counts(pipeline, oracle)
    assert [(int(letter.head), letter.reason.value) for letter in letters] == oracle.refused
    assert pipeline.n_pending == sum(1 for waiting in oracle.held.values() if waiting.outcome is None)
    assert pipeline.watermark == oracle.watermark


@pytest.mark.parametrize("seed", range(8))
def test_the_cut_into_batches_does_not_show(make_store: MakeStore, seed: int) -> None:
    """However a stream is cut, panes and tallies are the oracle's, bit for bit."""
    rng = np.random.default_rng(1_000 + seed)
    events = streams.recounted(rng, streams.orderly(rng, 500))
    oracle = fed(streams.RULES, events)
    results = set()
    for largest in (1, 4, 12):
        pipeline, _ = run(make_store(), streams.split(rng, events, largest))
        assert_counts(pipeline, oracle)
        results.add(pipeline.tally.to_bytes())
    assert len(results) == 1


@pytest.mark.parametrize("seed", range(8))
def test_predictions_alone_are_decided_alike_in_batches_of_any_size(make_store: MakeStore, seed: int) -> None:
    """Which predictions expire, repeat, or take an id again that was let go does not depend on where batches end."""
    rng = np.random.default_rng(2_000 + seed)
    events = [event for event in streams.chaos(rng, 400) if isinstance(event, Predicted)]
    pipeline, letters = run(make_store(), streams.split(rng, events, 100))
    oracle = fed(streams.RULES, events)
    assert_counts(pipeline, oracle)
    assert sorted((int(letter.head), letter.reason.value) for letter in letters) == sorted(oracle.refused)


@pytest.mark.parametrize("seed", range(8))
def test_the_two_topics_may_interleave_in_any_way(make_store: MakeStore, seed: int) -> None:
    """With two topics each in its own order, and nothing expiring, the Summaries are always the same."""
    rng = np.random.default_rng(3_000 + seed)
    events = streams.recounted(rng, streams.unhurried(rng, 80))
    seen = []
    for _ in range(4):
        order = streams.interleaved(rng, events)
        pipeline, _ = run(make_store(), streams.split(rng, order, 40))
        panes, _ = streams.counted(pipeline)
        assert panes == streams.expected(fed(streams.RULES, order))
        seen.append(panes)
    assert all(panes == seen[0] for panes in seen)


@pytest.mark.parametrize("seed", range(6))
def test_a_crash_at_any_point_leaves_no_trace(make_store: MakeStore, seed: int) -> None:
    """Dropped without a checkpoint and opened again, a partition reads on from its positions to the same bytes."""
    rng = np.random.default_rng(4_000 + seed)
    events = streams.recounted(rng, streams.orderly(rng, 400))
    undisturbed, _ = run(make_store(), streams.split(rng, events, 12))
    store, at_checkpoint, n_batches = make_store(), 0, 0
    parts = streams.split(rng, events, 12)
    pipeline = PartitionPipeline(0, store, PLANS)
    pending = list(streams.batches(parts))
    while n_batches < len(parts):
        pipeline.process(pending[n_batches])
        n_batches += 1
        chance = rng.random()
        if chance < 0.3:
            pipeline.checkpoint()
            at_checkpoint = n_batches
        elif chance < 0.5:
            store = reopened(store)
            pipeline = PartitionPipeline(0, store, PLANS)
            assert pipeline.positions == merged_positions(pending[:at_checkpoint])
            n_batches = at_checkpoint
    assert streams.counted(pipeline) == streams.counted(undisturbed)
    pipeline.checkpoint()
    again = PartitionPipeline(0, reopened(store), PLANS)
    assert streams.counted(again) == streams.counted(undisturbed)


def merged_positions(batches: Iterable[EventBatch]) -> dict[str, int]:
    """Where reading goes on after these batches."""
    merged: dict[str, int] = {}
    for batch in batches:
        merged |= batch.positions
    return merged


class FullStore(MemoryJoinStore):
    """A store whose next commits fail."""

    n_failures = 0

    def commit(self) -> None:
        """Commit, or report a full disk."""
        if self.n_failures:
            self.n_failures -= 1
            raise StoreError("the disk is full")
        super().commit()


def test_a_failed_commit_is_mended_by_rollback_and_reading_again() -> None:
    """After a StoreError, rollback and a new pipeline over the store stand exactly at the last checkpoint."""
    events = streams.orderly(np.random.default_rng(5), 200)
    parts = list(streams.batches(streams.split(np.random.default_rng(6), events, 12)))
    store = FullStore(ROW_BYTES)
    pipeline = PartitionPipeline(0, store, PLANS)
    for batch in parts[:10]:
        pipeline.process(batch)
    pipeline.checkpoint()
    before = streams.counted(pipeline)
    for batch in parts[10:]:
        pipeline.process(batch)
    store.n_failures = 1
    with pytest.raises(StoreError, match="disk is full"):
        pipeline.checkpoint()
    store.rollback()
    restored = PartitionPipeline(0, store, PLANS)
    assert streams.counted(restored) == before
    for batch in parts[10:]:
        restored.process(batch)
    restored.checkpoint()
    assert_counts(restored, fed(streams.RULES, events))


def test_what_is_published_is_never_changed_afterwards() -> None:
    """Panes given out keep their bytes, and refuse writes, while counting goes on."""
    events = streams.orderly(np.random.default_rng(7), 300)
    parts = list(streams.batches(streams.split(np.random.default_rng(8), events, 12)))
    pipeline = PartitionPipeline(0, MemoryJoinStore(ROW_BYTES), PLANS)
    for batch in parts[:20]:
        pipeline.process(batch)
    series = pipeline.publish()
    before = streams.fingerprint(series.values())
    for batch in parts[20:]:
        pipeline.process(batch)
    pipeline.publish()
    assert streams.fingerprint(series.values()) == before
    _, pane = series[CHURN].panes[0]
    with pytest.raises(ValueError, match="read-only"):
        pane["scores"][0] = 1


def test_another_baseline_starts_afresh_beside_the_old_panes(make_store: MakeStore) -> None:
    """Rows of the old layout are stale, and its panes stay stored and apart until its baseline returns."""
    store = make_store()
    old = PartitionPipeline(0, store, PLANS)
    first: list[Event] = [
        Predicted(CHURN, 1, START_US, 0),
        Predicted(CHURN, 2, START_US, 1),
        Happened("churn", 1, START_US, 1),
    ]
    for batch in streams.batches([first]):
        old.process(batch)
    old.checkpoint()
    before = streams.counted(old)[0]

    changed = [replace(PLANS[0], layout=small_layout(threshold=0.9)), *PLANS[1:]]
    new = PartitionPipeline(0, reopened(store), changed)
    assert new.publish()[CHURN].panes == ()
    second: list[Event] = [
        *first,
        Happened("churn", 2, START_US, 1),
        Predicted(CHURN, 2, START_US, 2),
        Predicted(CHURN, 3, START_US, 3),
    ]
    for batch in streams.batches([first, second[3:]], skip=1):
        letters = new.process(batch)
    assert [letter.reason for letter in letters] == [Reason.DUPLICATE]
    assert new.tally.events["outcome", "stale"] == 1
    assert new.publish()[CHURN].total().n_predictions == 1
    assert new.n_pending == 2  # id 2 under the old layout, id 3 under the new
    new.checkpoint()

    late: list[Event] = [Predicted(CHURN, 4, START_US + 20 * HOUR_US, 4)]
    for batch in streams.batches([first, second, late], skip=2):
        new.process(batch)
    assert new.n_pending == 1
    new.checkpoint()
    kept = PartitionPipeline(0, new._store, PLANS)
    assert {name: pane for name, pane in streams.counted(kept)[0].items() if name[:2] == CHURN} == {
        name: pane for name, pane in before.items() if name[:2] == CHURN
    }
