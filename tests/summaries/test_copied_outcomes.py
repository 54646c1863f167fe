"""Offline scores that are the outcomes, and scores that only look like it."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.summaries.algebra import Summary
from sentinel.summaries.copied_outcomes import LEAST_PER_CLASS, LEAST_ROWS, are_outcomes
from tests.evaluation.test_tasks import LAYOUTS, counted, rows_of
from tests.evaluation.worlds import count, draw, world_layout

LAYOUT = world_layout()


def binary(bins: dict[int, tuple[int, int]]) -> Summary:
    """Rows with these numbers of no and yes in each score bin."""
    rows = draw(LAYOUT, np.random.default_rng(1), sum(map(sum, bins.values())))
    cells = [(at, outcome) for at, counts in bins.items() for outcome in (0, 1) for _ in range(counts[outcome])]
    rows["score_bin"], rows["outcome"] = np.array(cells).T
    return count(LAYOUT, rows)


@pytest.mark.parametrize(
    ("bins", "expected"),
    [
        ({0: (90, 0), 63: (0, 10)}, True),  # scores of 0 and 1
        ({20: (60, 0), 21: (0, 60)}, True),  # a copy under other numbers
        ({0: (90, 1), 63: (0, 30)}, False),  # one row that it does not give away
        ({0: (0, 60), 63: (60, 0)}, False),  # upside down: an area of 0, which nobody reports
        ({0: (50, 0), 10: (50, 0), 63: (0, 50)}, False),  # too good, but three values
        ({0: (LEAST_ROWS, 0), 63: (0, LEAST_PER_CLASS - 1)}, False),
        ({0: (LEAST_ROWS // 2, 0), 63: (0, LEAST_ROWS // 2 - 1)}, False),
        ({0: (120, 0)}, False),
    ],
)
def test_two_scores_that_agree_with_every_outcome_are_copies(bins: dict[int, tuple[int, int]], expected: bool) -> None:
    """Of a binary model."""
    assert are_outcomes(binary(bins)) is expected


def test_predicted_numbers_without_an_error_are_copies() -> None:
    """Of a regression: outcomes as predicted to the last digit; not with an error of a thousandth, nor of few rows."""
    layout = LAYOUTS["regression"]
    rows = rows_of(layout, np.random.default_rng(2), 300)
    assert not are_outcomes(counted(layout, rows))
    rows["outcome"] = rows["score"]
    assert are_outcomes(counted(layout, rows))
    assert not are_outcomes(counted(layout, rows[: LEAST_ROWS - 1]))
    rows["outcome"] += 1e-3
    assert not are_outcomes(counted(layout, rows))


@pytest.mark.parametrize("task", LAYOUTS)
def test_honest_rows_of_every_task_are_none(task: str) -> None:
    """Nor is a side without a row."""
    layout = LAYOUTS[task]
    assert not are_outcomes(counted(layout, rows_of(layout, np.random.default_rng(3), 500)))
    assert not are_outcomes(Summary.zero(layout))
