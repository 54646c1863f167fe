"""Whether the scores of an offline evaluation are its outcomes: a copy, not a prediction."""

from __future__ import annotations

from typing import Final

import numpy as np

from sentinel.stats.regression import POWERS
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import Summary

LEAST_ROWS: Final = 100
LEAST_PER_CLASS: Final = 10
"""Rows with an outcome, and of each answer, from which scores that agree with all of them are no luck."""
LEAST_ERROR: Final = 1e-6
"""Mean absolute error, offline standard deviations, below which predicted numbers are the outcomes."""

_SIZE, _ABSOLUTE, _SQUARED = (POWERS.index(name) for name in ("n", "abs_e", "y2"))


def are_outcomes(summary: Summary) -> bool:
    """Whether every score is its row's outcome, or a copy of it under other numbers.

    Parameters
    ----------
    summary : Summary
        Of the offline rows.

    Returns
    -------
    bool
        For a number: all errors are zero. For an answer of yes or no: there are two scores, all of the yes have the
        higher one and all of the no the lower. False for a ranking, whose score is a place in a list, and with too
        few rows. A score that separates the outcomes and takes many values is too good, but no copy.
    """
    task = summary.layout.task
    if task == "ranking":
        return False
    if task == "regression":
        sums = fixed_point.joined(summary["errors"][0])
        n, spread = float(sums[_SIZE]), float(sums[_SQUARED])
        return n >= LEAST_ROWS and spread > 0.0 and float(sums[_ABSOLUTE]) <= LEAST_ERROR * n
    counts = summary["outcomes"]
    filled = np.flatnonzero(counts.sum(axis=1))
    if len(filled) != 2 or int(counts.sum()) < LEAST_ROWS:
        return False
    (low_no, low_yes), (high_no, high_yes) = counts[filled].tolist()
    return bool(low_yes == 0 and high_no == 0 and min(low_no, high_yes) >= LEAST_PER_CLASS)
