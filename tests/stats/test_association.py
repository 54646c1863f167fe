"""Univariate association of features: order, optimism and collapse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.metrics import roc_auc_score

from sentinel.stats.association import bin_order, collapse, collapse_score, cross_fitted_auc, ordered_auc
from sentinel.stats.estimate import Estimate, NotEnough


def test_ordered_area_equals_sklearn_on_the_reference_rate() -> None:
    """Each row scored with its bin's reference rate: scikit-learn's area is ours."""
    random = np.random.default_rng(2)
    reference = random.integers(5, 60, (2, 9))
    positives, negatives = random.integers(0, 30, 9), random.integers(0, 50, 9)
    base = reference[0].sum() / reference.sum()
    risk = (reference[0] + 2 * base) / (reference.sum(axis=0) + 2)
    rows = np.r_[np.repeat(risk, positives), np.repeat(risk, negatives)]
    outcomes = np.repeat([1, 0], [positives.sum(), negatives.sum()])
    got = ordered_auc(bin_order(reference[0], reference[1]), positives, negatives)
    assert isinstance(got, Estimate)
    assert got.value == pytest.approx(roc_auc_score(outcomes, rows), abs=1e-12)


def test_shrinkage_keeps_single_events_in_the_middle_and_ties_unseen_bins() -> None:
    """Base rate 11/22: one positive alone (.67) ranks below 8 of 10 (.75); unseen bins share a rank."""
    assert bin_order(np.array([8, 1, 0, 0, 2]), np.array([2, 0, 0, 0, 9])).tolist() == [3, 2, 1, 1, 0]


def test_an_empty_reference_ties_everything() -> None:
    """Without events there is no order, and every area is one half."""
    order = bin_order(np.zeros(4, dtype=np.int64), np.zeros(4, dtype=np.int64))
    got = ordered_auc(order, np.array([9, 1, 0, 0]), np.array([1, 9, 0, 0]))
    assert isinstance(got, Estimate)
    assert got.value == 0.5


def test_cross_fitting_removes_optimism() -> None:
    """200 bins that know nothing, 1,000 rows: .5 within .005 cross-fitted, above .65 in their own order."""
    random = np.random.default_rng(31)
    honest, optimistic, variances = [], [], []
    for _ in range(200):
        positives = random.multinomial(300, np.full(200 * 10, 1 / 2000)).reshape(10, 200)
        negatives = random.multinomial(700, np.full(200 * 10, 1 / 2000)).reshape(10, 200)
        own = ordered_auc(bin_order(positives.sum(0), negatives.sum(0)), positives.sum(0), negatives.sum(0))
        crossed = cross_fitted_auc(positives, negatives)
        assert isinstance(own, Estimate)
        assert isinstance(crossed, Estimate)
        optimistic.append(own.value)
        honest.append(crossed.value)
        variances.append(crossed.variance)
    assert np.mean(honest) == pytest.approx(0.5, abs=0.005)
    assert np.mean(optimistic) > 0.65
    assert 0.4 < np.mean(variances) / np.var(honest) < 1.0  # one half is the worst case, see its notes


def test_cross_fitting_keeps_a_real_association() -> None:
    """Ten bins, 20,000 rows, 200 samples: within .01 of the true area, variance within 25 percent."""
    random = np.random.default_rng(13)
    law1 = np.array([1, 2, 3, 4, 6, 9, 13, 18, 22, 22]) / 100
    order = random.permutation(10)
    truth = float(law1 @ (np.cumsum(law1[::-1]) - law1[::-1] / 2))
    values, variances = [], []
    for _ in range(200):
        got = cross_fitted_auc(
            random.multinomial(500, law1[order], 10), random.multinomial(1500, law1[::-1][order], 10)
        )
        assert isinstance(got, Estimate)
        values.append(got.value)
        variances.append(got.variance)
    assert values == pytest.approx([truth] * 200, abs=0.01)
    assert np.mean(variances) / np.var(values) == pytest.approx(1.0, abs=0.25)  # own error: 10 percent


def test_a_dead_feature_collapses_and_a_live_one_does_not() -> None:
    """Served as null the area is .5 and the loss many standard errors; unchanged it is within three."""
    random = np.random.default_rng(21)
    law1 = np.array([1, 3, 6, 20, 70]) / 100
    fold_p, fold_n = random.multinomial(100, law1, 10), random.multinomial(300, law1[::-1], 10)
    offline = cross_fitted_auc(fold_p, fold_n)
    order = bin_order(fold_p.sum(axis=0), fold_n.sum(axis=0))
    null = np.array([1, 0, 0, 0, 0])
    dead = ordered_auc(order, null * 200, null * 600)
    alive = ordered_auc(order, random.multinomial(200, law1), random.multinomial(600, law1[::-1]))
    lost = collapse(offline, dead)
    assert isinstance(lost, Estimate)
    assert lost.value > 0.4
    dead_score, alive_score = collapse_score(offline, dead), collapse_score(offline, alive)
    assert isinstance(dead_score, float)
    assert isinstance(alive_score, float)
    assert dead_score > 30
    assert abs(alive_score) < 3


def test_collapse_passes_on_what_is_missing() -> None:
    """Either side without an estimate is the reason."""
    missing, there = NotEnough("too few positive outcomes", 3, 10), Estimate(0.8, 0.001, 100)
    assert collapse(missing, there) is missing
    assert collapse_score(there, missing) is missing


@settings(deadline=None)
@given(npst.arrays(np.int64, (2, 8, 5), elements=st.integers(0, 3) | st.integers(0, 10**12)), st.integers(2, 8))
def test_every_table_gives_a_finite_area_or_a_reason(tables: np.ndarray, n_folds: int) -> None:
    """Empty folds, one class and 1e12 counts."""
    got = cross_fitted_auc(tables[0], tables[1], n_folds=n_folds)
    if isinstance(got, NotEnough):
        assert got.n < got.needed == 10
    else:
        assert 0 <= got.value <= 1
        assert 0 < got.variance < math.inf
