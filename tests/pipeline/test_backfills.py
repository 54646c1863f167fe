"""Single fates of backfills and of feature times in the join; the oracle's tests run them through every disorder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from sentinel.events.batch import Backfills, EventBatch, Recomputed
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.summaries.algebra import Summary
from tests.pipeline import streams
from tests.pipeline.conftest import MakeStore, reopened
from tests.pipeline.streams import KEYS, PLANS
from tests.support.join_oracle import Event, Happened, Predicted, Recounted
from tests.support.layouts import HOUR_US, START_US

CHURN = KEYS[0]
ROW = 3
"""The pool's row that is predicted; a backfill of the same row agrees with it, one of another may differ."""
PREDICTED = Predicted(CHURN, 1, START_US, ROW)
LATER_US = START_US + HOUR_US


def fed(store_: MakeStore, *batches: Sequence[Event]) -> PartitionPipeline:
    """A partition that has seen these batches."""
    pipeline = PartitionPipeline(0, store_(), PLANS)
    for batch in streams.batches(batches):
        pipeline.process(batch)
    return pipeline


def total(pipeline: PartitionPipeline) -> Summary:
    """Everything counted of the churn model."""
    return pipeline.publish()[CHURN].total()


def recounted(row: int = ROW, id_: int = 1) -> Recounted:
    """A backfill received an hour after the prediction."""
    return Recounted("churn", id_, LATER_US, row)


def happened(value: int) -> Happened:
    """An outcome of the prediction."""
    return Happened("churn", 1, LATER_US, value)


def other_row() -> int:
    """A row of the pool whose ages lie in another bin."""
    numeric = streams.POOL[CHURN].numeric[0]
    return int(np.flatnonzero((numeric < 30.0) != (numeric[ROW] < 30.0))[0])


def test_every_order_of_backfill_outcome_and_correction_ends_the_same(make_store: MakeStore) -> None:
    """Backfill first, last, twice, or between an outcome and its correction: one prediction, one cell a feature."""
    other, right = recounted(other_row()), recounted()
    orders: list[list[Event]] = [
        [PREDICTED, other, happened(0), happened(1)],
        [PREDICTED, happened(0), other, happened(1)],
        [PREDICTED, happened(0), happened(1), other],
        [other, PREDICTED, happened(1)],
        [happened(1), other, PREDICTED],
        [PREDICTED, other, happened(1), other],
    ]
    summaries = [total(fed(make_store, *streams.one_by_one(order))) for order in orders]
    assert all(summary == summaries[0] for summary in summaries)
    found = summaries[0]
    assert found["backfills"].sum(axis=1).tolist() == [1, 1, 1]
    assert found["backfills"][0].tolist() == [0, 0, 1]  # the age was given, and differs
    assert found["backfill_outcomes"][:, :, 1].tolist() == found["backfills"].tolist()
    assert found["backfill_outcomes"][:, :, 0].sum() == 0
    mended = total(fed(make_store, [PREDICTED, other], [happened(1)], [right]))
    assert mended["backfills"][0].tolist() == [0, 1, 0]
    assert mended["backfill_outcomes"][0].tolist() == [[0, 0], [0, 1], [0, 0]]


def test_a_restart_between_backfill_and_outcome_changes_nothing(make_store: MakeStore) -> None:
    """What a backfill said is in the store's row, and one that waits is in the store too."""
    events: list[Event] = [recounted(), PREDICTED, happened(1)]
    for order, n_before in (((1, 0, 2), 2), ((0, 1, 2), 1)):
        first, second = [events[i] for i in order[:n_before]], [events[i] for i in order[n_before:]]
        store = make_store()
        pipeline = PartitionPipeline(0, store, PLANS)
        both = list(streams.batches([first, second]))
        pipeline.process(both[0])
        pipeline.checkpoint()
        again = PartitionPipeline(0, reopened(store), PLANS)
        again.process(both[1])
        undisturbed = fed(make_store, first, second)
        assert streams.counted(again) == streams.counted(undisturbed)
        assert again.tally.events["backfill", "joined"] == 1
        assert again.tally.n_backfills_waiting == 0


def test_silence_taken_as_negative_counts_its_backfills_as_negative(make_store: MakeStore) -> None:
    """Where no outcome means a negative, a backfilled prediction moves there when its time is over."""
    plans = [replace(PLANS[0], absence="negative")]
    pipeline = PartitionPipeline(0, make_store(), plans)
    far = Predicted(CHURN, 2, START_US + 100 * HOUR_US, 0)
    for batch in streams.batches([[PREDICTED, recounted()], [far]]):
        pipeline.process(batch)
    found = total(pipeline)
    assert found["backfill_outcomes"][0].tolist() == [[0, 0], [1, 0], [0, 0]]


def test_what_finds_no_prediction_is_orphaned_when_its_time_is_over(make_store: MakeStore) -> None:
    """Of two backfills without a prediction, one a repeat, one event is orphaned and one a duplicate; none waits."""
    far = Predicted(CHURN, 2, START_US + 100 * HOUR_US, 0)
    pipeline = fed(make_store, [recounted(), recounted()], [far])
    assert pipeline.tally.events["backfill", "orphaned"] == 1
    assert pipeline.tally.events["backfill", "duplicate"] == 1
    assert pipeline.tally.n_backfills_waiting == 0
    assert total(pipeline)["backfills"].sum() == 0


def test_a_backfill_that_names_no_feature_is_empty_and_one_of_an_old_baseline_is_stale(make_store: MakeStore) -> None:
    """Neither is compared, and both are counted."""
    store = make_store()
    old = PartitionPipeline(0, store, PLANS)
    first, second = streams.batches([[PREDICTED], [recounted(), recounted(id_=7)]])
    old.process(first)
    [group] = second.backfills
    [seven, eight] = (nothing_given(one) for one in group.inputs)
    old.process(EventBatch(0, {}, backfills=(replace(group, inputs=(seven, eight)),)))
    assert old.tally.events["backfill", "empty"] == 2
    old.checkpoint()
    new = PartitionPipeline(0, reopened(store), PLANS[1:])
    new.process(EventBatch(0, {}, backfills=(only_version(group, 1),)))
    assert new.tally.events["backfill", "stale"] == 1
    assert new.tally.n_backfills_waiting == 1  # id 7 has no prediction yet


@pytest.mark.parametrize("stays", [0, 1])
def test_a_waiting_backfill_counts_once_though_a_version_goes_away(make_store: MakeStore, stays: int) -> None:
    """Whichever version is left when its prediction, a repeat, or the end of its time comes: one event, one fate."""
    for again in (False, True):
        store = make_store()
        both = PartitionPipeline(0, store, PLANS)
        met = replace(PREDICTED, key=KEYS[stays])
        far = Predicted(KEYS[stays], 2, START_US + 100 * HOUR_US, 0)
        waits, repeated, prediction, end = streams.batches([[recounted()], [recounted()], [met], [far]])
        both.process(waits)
        both.checkpoint()
        one = PartitionPipeline(0, reopened(store), [PLANS[stays]])
        if again:
            one.process(replace(repeated, backfills=(only_version(repeated.backfills[0], stays),)))
        else:
            one.process(prediction)
        one.process(end)
        fates = {result: n for (kind, result), n in one.tally.events.items() if kind == "backfill"}
        assert fates == ({"duplicate": 1, "orphaned": 1} if again else {"joined": 1})
        assert one.tally.n_backfills_waiting == 0


def nothing_given(inputs: Recomputed) -> Recomputed:
    """The same values, none of them named."""
    return replace(inputs, given=np.zeros_like(inputs.given))


def only_version(group: Backfills, nth: int) -> Backfills:
    """The backfills as a codec gives them that knows one version only."""
    return replace(group, inputs=(group.inputs[nth],))


def test_the_times_of_a_repeated_prediction_count_once(make_store: MakeStore) -> None:
    """A duplicate and an expired prediction leave no age, however they are batched."""
    stale = replace(PREDICTED, id=9, at=START_US - 100 * HOUR_US)
    events: list[Event] = [PREDICTED, PREDICTED, replace(PREDICTED, id=2), stale]
    alone = total(fed(make_store, [PREDICTED]))
    for parts in ([events], [events[:1], events[1:]], streams.one_by_one(events)):
        found = total(fed(make_store, *parts))
        for name in ("ages", "too_old", "outside_range", "unused_times"):
            np.testing.assert_array_equal(found[name], 2 * alone[name])
    assert alone["ages"].sum() + alone["unused_times"].sum() + alone["outside_range"].sum() > 0
