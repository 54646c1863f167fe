"""Lists from items and grades to NDCG and MRR, against scikit-learn on the raw lists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from sentinel.events.rankings import Flat, flatten, keep_best, rank_items, relevance_code
from sentinel.stats.estimate import Estimate, Measured
from sentinel.summaries.algebra import Summary
from sentinel.summaries.list_block import asked_ranks, judge_lists
from sentinel.summaries.metrics import measure, measure_slices
from sentinel.summaries.rows import JOINED, bin_predictions
from tests.support.layouts import TASKS, draw_predictions, small_layout

LAYOUT = small_layout(**TASKS["ranking"])
K = LAYOUT.n_ranked


def value(measured: Measured) -> float:
    """The number, where there is one."""
    assert isinstance(measured, Estimate)
    return measured.value


def test_metrics_agree_with_scikit_learn() -> None:
    """500 lists of 9 items, scored and graded at random: NDCG at 4 and MRR of the counts are those of the lists."""
    rng = np.random.default_rng(1)
    n, size = 500, 9
    scores, grades = rng.random((n, size)), rng.integers(0, 4, (n, size)).astype(float)
    grades[rng.random(n) < 0.1] = 0.0
    names = [[f"{i}-{j}" for j in range(size)] for i in range(n)]
    items, good = rank_items(flatten([list(zip(a, b, strict=True)) for a, b in zip(names, scores, strict=True)]), n, K)
    relevances, right = keep_best(
        flatten([list(zip(a, b, strict=True)) for a, b in zip(names, grades, strict=True)]), n
    )
    assert good.all()
    assert right.all()
    rows = bin_predictions(LAYOUT, replace(draw_predictions(LAYOUT, rng, n), items=items))
    rows["state"], rows["outcome"] = JOINED, judge_lists(LAYOUT, rows, relevances)
    rows["outcome_at"] = rows["predicted_at"] + 1
    summary = Summary.zero(LAYOUT)
    summary.observe_predictions(rows)
    summary.observe_outcomes(rows)

    found, rated = measure(summary), (grades > 0).any(axis=1)
    expected = [ndcg_score([2.0**g - 1], [s], k=K) for g, s in zip(grades[rated], scores[rated], strict=True)]
    order = np.argsort(-scores, axis=1)[:, :K]
    shown = np.take_along_axis(grades, order, axis=1) > 0
    first = np.where(shown.any(axis=1), 1.0 / (shown.argmax(axis=1) + 1), 0.0)[rated]
    assert value(found["ndcg"]) == pytest.approx(np.mean(expected), abs=2.0**-20)
    assert value(found["mrr"]) == pytest.approx(first.mean(), abs=2.0**-20)
    assert value(found["rated_ratio"]) == pytest.approx(rated.mean())
    asked = asked_ranks(LAYOUT, rows)
    assert set(asked.tolist()) == set(range(K))
    assert value(found["base_rate"]) == pytest.approx(shown[np.arange(n), asked].mean())
    table = measure_slices(summary)
    slot = LAYOUT.slice_names.index("region=EU")
    inside = (rows["slices"][:, 0] == slot)[rated]
    assert table.values["ndcg"][slot] == pytest.approx(np.array(expected)[inside].mean(), abs=2.0**-20)


@pytest.mark.parametrize(
    ("lists", "good"),
    [
        ([[("a", 1.0), ("b", 2.0)], []], [True, False]),
        ([[("a", 1.0), ("a", 2.0)], [("a", 1.0)]], [False, True]),
        ([[("a", float("nan"))], [("a", float("inf")), ("b", 1.0)]], [False, False]),
    ],
)
def test_bad_lists_are_told_apart(lists: list[list[tuple[str, float]]], good: list[bool]) -> None:
    """Empty lists, items named twice and scores that are no finite number are marked; their neighbours are not."""
    items, found = rank_items(flatten(lists), len(lists), K)
    assert found.tolist() == good
    assert (items[~found] == 0).all()


@pytest.mark.parametrize("grade", [-1.0, 30.5, float("nan"), float("inf")])
def test_bad_grades_are_told_apart(grade: float) -> None:
    """Grades below zero, huge ones and what is no number are marked."""
    assert keep_best(flatten([[("a", 1.0)], [("b", grade)], []]), 3)[1].tolist() == [True, False, True]


def test_equal_scores_keep_their_order_and_short_lists_end_in_zeros() -> None:
    """Of equal scores the earlier item comes first; ranks beyond the list hold no item."""
    flat = flatten([[("x", 1.0), ("y", 3.0), ("z", 1.0)]])
    items, _ = rank_items(flat, 1, K)
    assert items.tolist() == [[int(flat.items[1]), int(flat.items[0]), int(flat.items[2]), 0]]


def test_the_code_of_grades_is_that_of_their_content() -> None:
    """Items in another order, and items of grade 0, give the same code; another grade gives another."""
    lists = [[("a", 2.0), ("b", 1.0)], [("b", 1.0), ("c", 0.0), ("a", 2.0)], [("a", 2.0), ("b", 2.0)]]
    first, second, third = relevance_code(keep_best(flatten(lists), 3)[0]).tolist()
    assert first == second != third


def test_no_lists_are_no_trouble() -> None:
    """Nothing in, nothing out."""
    empty = Flat(np.empty(0, np.int64), np.empty(0, np.uint64), np.empty(0))
    assert rank_items(empty, 0, K)[0].shape == (0, K)
    assert len(keep_best(empty, 0)[0]) == 0
