"""Metrics at a threshold, against scikit-learn and against repeated samples."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from sentinel.stats.confusion import Confusion, accuracy, f1, precision, recall
from sentinel.stats.estimate import Estimate, Measured, NotEnough

TABLE = Confusion(true_positives=57, false_positives=23, false_negatives=31, true_negatives=189)
METRICS: list[tuple[Callable[[Confusion], Measured], Callable[..., float]]] = [
    (accuracy, metrics.accuracy_score),
    (precision, metrics.precision_score),
    (recall, metrics.recall_score),
    (f1, metrics.f1_score),
]


@pytest.mark.parametrize(("ours", "theirs"), METRICS)
def test_values_equal_sklearn(ours: Callable[[Confusion], Measured], theirs: Callable[..., float]) -> None:
    """Each metric of the four cells is scikit-learn's of the rows."""
    outcomes = np.repeat([1, 0, 1, 0], [57, 23, 31, 189])
    decisions = np.repeat([1, 1, 0, 0], [57, 23, 31, 189])
    got = ours(TABLE)
    assert isinstance(got, Estimate)
    assert got.value == pytest.approx(theirs(outcomes, decisions), abs=1e-12)


@pytest.mark.parametrize(("ours", "theirs"), METRICS)
def test_variances_are_those_of_repeated_tables(
    ours: Callable[[Confusion], Measured], theirs: Callable[..., float]
) -> None:
    """Over 4,000 tables of 300 events the mean variance is within 7 percent of the variance of the values."""
    random = np.random.default_rng(3)
    tables = random.multinomial(300, np.array([57, 23, 31, 189]) / 300, 4000)
    found = [ours(Confusion(*map(int, cells))) for cells in tables]
    values = np.array([one.value for one in found if isinstance(one, Estimate)])
    variances = np.array([one.variance for one in found if isinstance(one, Estimate)])
    assert values.size == 4000
    assert variances.mean() / values.var() == pytest.approx(1.0, abs=0.07)


def test_f1_variance_is_the_delta_method() -> None:
    """With large cells the half events vanish: V = [TP (2 - 2F)^2 + (FP + FN) F^2] / d^2."""
    got = f1(Confusion(57_000_000, 23_000_000, 31_000_000, 1))
    d = 2 * 57e6 + 54e6
    value = 2 * 57e6 / d
    assert isinstance(got, Estimate)
    assert got.variance == pytest.approx((57e6 * (2 - 2 * value) ** 2 + 54e6 * value**2) / d**2, rel=1e-6)


CELL = st.integers(0, 40) | st.integers(0, 10**12)


@settings(deadline=None)
@given(CELL, CELL, CELL, CELL)
def test_every_table_gives_a_share_with_a_variance_or_a_reason(tp: int, fp: int, fn: int, tn: int) -> None:
    """Empty rows, perfect tables and 1e12 events: 0..1 with a positive variance, or NotEnough below ten."""
    for ours, _ in METRICS:
        got = ours(Confusion(tp, fp, fn, tn))
        if isinstance(got, NotEnough):
            assert got.n < got.needed == 10
        else:
            assert 0 <= got.value <= 1
            assert 0 < got.variance < math.inf
