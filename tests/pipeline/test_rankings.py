"""Ranked lists meet the grades of their items: in any order, with corrections, and with what came ahead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from sentinel.events.batch import F64, I64, U64, EventBatch, Origin, Outcomes, Predictions
from sentinel.events.rankings import flatten, rank_items, read_grades
from sentinel.pipeline.ahead import GRADED_HEADER
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.stats.estimate import Estimate
from sentinel.stats.ranking import ndcg
from sentinel.summaries.metrics import measure
from sentinel.summaries.rows import row_dtype
from tests.support.layouts import HOUR_US, START_US, TASKS, draw_predictions, small_layout

LAYOUT = small_layout(**TASKS["ranking"])
PLAN = ModelPlan(LAYOUT, 100 * HOUR_US)
OTHER = ModelPlan(small_layout(model="fraud", version="1", n_buckets=4), 100 * HOUR_US)
ROW_BYTES = max(GRADED_HEADER.itemsize, row_dtype(LAYOUT).itemsize, row_dtype(OTHER.layout).itemsize)
K, N, SIZE = LAYOUT.n_ranked, 200, 6
NAMES = [f"item-{j}" for j in range(SIZE)]

Grades = Sequence[dict[str, float]]


def pipeline() -> PartitionPipeline:
    """A partition that serves a ranking and a binary model."""
    return PartitionPipeline(0, MemoryJoinStore(ROW_BYTES), [PLAN, OTHER])


def lists(scores: F64) -> Predictions:
    """Lists of the same items with these scores, an hour's worth of predictions."""
    rng = np.random.default_rng(0)
    drawn = draw_predictions(LAYOUT, rng, len(scores), start_us=START_US, span_us=HOUR_US)
    items, _ = rank_items(flatten([list(zip(NAMES, row, strict=True)) for row in scores.tolist()]), len(scores), K)
    return Predictions(**{name: getattr(drawn, name) for name in drawn.__slots__ if name != "items"}, items=items)


def outcomes(keys: U64, grades: Grades, at_us: I64 | int, first: int = 0) -> Outcomes:
    """Grades of items, known at these times."""
    values, relevances = read_grades(grades)
    times = np.broadcast_to(np.asarray(at_us, np.int64), len(keys)).copy()
    origin = Origin("outcomes", 0, np.arange(first, first + len(keys), dtype=np.int64))
    return Outcomes("churn", keys, times, values, origin, relevances)


def batch(predictions: Predictions | None = None, *happened: Outcomes) -> EventBatch:
    """One poll."""
    return EventBatch(0, {}, () if predictions is None else (predictions,), happened)


def drawn_grades(rng: np.random.Generator, n: int) -> Grades:
    """Grades 0 to 3 of each item, now and then of none."""
    table = rng.integers(0, 4, (n, SIZE)) * (rng.random((n, 1)) < 0.9)
    return [dict(zip(NAMES, row, strict=True)) for row in table.astype(float).tolist()]


def mean_ndcg(scores: F64, grades: Grades) -> float:
    """Mean NDCG at k of the raw lists, over those with a relevant item."""
    table = np.array([list(one.values()) for one in grades])
    ranked = np.take_along_axis(table, np.argsort(-scores, axis=1), axis=1)[:, :K]
    values, known = ndcg(ranked, -np.sort(-table, axis=1)[:, :K])
    return float(values[known].mean())


def counted(join: PartitionPipeline) -> tuple[float, bytes]:
    """Live NDCG, and all counts as bytes."""
    total = join.publish()[PLAN.key].total()
    found = measure(total)["ndcg"]
    assert isinstance(found, Estimate)
    return found.value, total.to_bytes()


@pytest.mark.parametrize("seed", range(3))
def test_a_correction_moves_ndcg_exactly(seed: int) -> None:
    """Before and after half of the outcomes are corrected, NDCG is that of the raw lists; nothing is left behind."""
    rng = np.random.default_rng(seed)
    scores, old, new = rng.random((N, SIZE)), drawn_grades(rng, N), drawn_grades(rng, N)
    predictions, join = lists(scores), pipeline()
    keys, late = predictions.keys, START_US + 2 * HOUR_US
    join.process(batch(predictions, outcomes(keys, old, late)))
    assert counted(join)[0] == pytest.approx(mean_ndcg(scores, old), abs=2.0**-20)
    half = N // 2
    join.process(batch(None, outcomes(keys[:half], new[:half], late + 1, N)))
    mixed = [*new[:half], *old[half:]]
    assert counted(join)[0] == pytest.approx(mean_ndcg(scores, mixed), abs=2.0**-20)

    straight = pipeline()
    straight.process(batch(predictions, outcomes(keys, mixed, np.where(np.arange(N) < half, late + 1, late))))
    assert counted(straight) == counted(join)


def test_what_came_ahead_counts_as_if_it_had_waited_its_turn() -> None:
    """First outcome and correction before the prediction, one before and one after, both after: the same counts."""
    rng = np.random.default_rng(7)
    scores, old, new = rng.random((N, SIZE)), drawn_grades(rng, N), drawn_grades(rng, N)
    predictions = lists(scores)
    keys, late = predictions.keys, START_US + 2 * HOUR_US
    first, second = outcomes(keys, old, late), outcomes(keys, new, late + 1, N)
    found = []
    for order in ([batch(predictions, first), batch(None, second)],
                  [batch(None, first), batch(predictions, second)],
                  [batch(None, first), batch(None, second), batch(predictions)]):  # fmt: skip
        join = pipeline()
        for one in order:
            join.process(one)
        noted = {name: n for (_, _, name), n in join.tally.models.items()}
        found.append((counted(join), noted["outcome_corrected"], join.tally.n_waiting))
    assert found[0] == found[1] == found[2]
    assert found[0][0][0] == pytest.approx(mean_ndcg(scores, new), abs=2.0**-20)


def test_an_early_correction_that_proves_late_falls_back_on_the_grades_before() -> None:
    """Of two outcomes ahead of their prediction the later is beyond the horizon: the earlier one's grades count."""
    rng = np.random.default_rng(8)
    scores, old, new = rng.random((N, SIZE)), drawn_grades(rng, N), drawn_grades(rng, N)
    predictions, join = lists(scores), pipeline()
    keys = predictions.keys
    join.process(batch(None, outcomes(keys, old, START_US + 2 * HOUR_US)))
    join.process(batch(None, outcomes(keys, new, START_US + 200 * HOUR_US, N)))
    join.process(batch(predictions))
    assert counted(join)[0] == pytest.approx(mean_ndcg(scores, old), abs=2.0**-20)


def test_the_same_grades_again_are_no_correction() -> None:
    """Grades in another order are a repeat; others that are worth the same are a correction that moves nothing."""
    predictions, join = lists(np.arange(SIZE, dtype=np.float64)[None, ::-1]), pipeline()
    keys, late = predictions.keys, START_US + 2 * HOUR_US
    join.process(batch(predictions, outcomes(keys, [{"item-0": 2.0, "item-1": 1.0}], late)))
    before = join.publish()[PLAN.key].total().to_bytes()
    join.process(batch(None, outcomes(keys, [{"item-1": 1.0, "item-0": 2.0}], late + 1, 1)))
    join.process(batch(None, outcomes(keys, [{"item-0": 3.0, "item-1": 1.0}], late, 2)))
    events = {(kind, result): n for (kind, result), n in join.tally.events.items()}
    assert (events["outcome", "joined"], events["outcome", "duplicate"], events["outcome", "corrected"]) == (1, 1, 1)
    assert join.publish()[PLAN.key].total().to_bytes() == before


def test_a_binary_model_shares_the_partition() -> None:
    """An outcome of 0 or 1 of another model waits and joins as ever, beside wider rows."""
    rng, join = np.random.default_rng(9), pipeline()
    drawn = draw_predictions(OTHER.layout, rng, 50, span_us=HOUR_US)
    values = (rng.random(50) < 0.5).astype(float)
    times = drawn.predicted_at + HOUR_US
    origin = Origin("outcomes", 0, np.arange(50, dtype=np.int64))
    join.process(EventBatch(0, {}, (), (Outcomes("fraud", drawn.keys, times, values, origin),)))
    join.process(EventBatch(0, {}, (drawn,)))
    total = join.publish()[OTHER.key].total()
    assert total["outcomes"].sum(axis=0).tolist() == [(values == 0).sum(), (values == 1).sum()]
