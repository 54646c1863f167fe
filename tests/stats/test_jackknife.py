"""Bucket jackknife against deletion by hand and against repeated entities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import special

from sentinel.stats.auc import auc_from_histogram
from sentinel.stats.estimate import Estimate, NotEnough
from sentinel.stats.jackknife import (
    design_effect_of_mean,
    jackknife,
    jackknife_auc,
    jackknife_variance,
    larger_variance,
)


def rate_of(n: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """Base rate, vectorised."""
    return np.asarray(positives / n)


def test_jackknife_equals_deleting_each_bucket_by_hand() -> None:
    """AUC without each bucket in turn, one call each, gives the same variance; empty buckets do not count."""
    random = np.random.default_rng(0)
    positives, negatives = random.poisson(3, (20, 8)), random.poisson(9, (20, 8))
    positives[5] = negatives[5] = 0
    areas = []
    for gone in [g for g in range(20) if g != 5]:
        left = [g for g in range(20) if g != gone]
        one = auc_from_histogram(positives[left].sum(axis=0), negatives[left].sum(axis=0))
        assert isinstance(one, Estimate)
        areas.append(one.value)
    expected = 18 / 19 * ((np.array(areas) - np.mean(areas)) ** 2).sum()
    got = jackknife_auc(positives, negatives)
    assert isinstance(got, Estimate)
    assert got.variance == pytest.approx(expected, rel=1e-9)
    whole = auc_from_histogram(positives.sum(axis=0), negatives.sum(axis=0))
    assert isinstance(whole, Estimate)
    assert got.value == whole.value


def test_the_variance_of_a_mean_over_equal_buckets_is_the_textbook_one() -> None:
    """For a mean the jackknife is s^2 / G exactly."""
    means = np.random.default_rng(4).normal(size=16)
    got = jackknife((np.full(16, 10), 10 * means), rate_of)
    assert isinstance(got, Estimate)
    assert got.variance == pytest.approx(means.var(ddof=1) / 16, rel=1e-12)


def test_it_sees_the_correlation_that_binomial_variance_misses() -> None:
    """200 entities of 50 events, random effect: jackknife within 15 percent, binomial under a fifth."""
    random = np.random.default_rng(12)
    rates, jackknifed = [], []
    for _ in range(600):
        chance = special.expit(-2 + random.normal(size=200))
        bucket = random.integers(0, 32, 200)
        positives = np.bincount(bucket, weights=random.binomial(50, chance), minlength=32).astype(np.float64)
        sizes = np.bincount(bucket, minlength=32) * np.float64(50)
        got = jackknife((sizes, positives), rate_of)
        assert isinstance(got, Estimate)
        rates.append(got.value)
        jackknifed.append(got.variance)
    truth = np.var(rates)
    assert np.mean(jackknifed) / truth == pytest.approx(1.0, abs=0.15)
    assert np.mean(rates) * (1 - np.mean(rates)) / 10_000 < truth / 5


def test_it_agrees_with_delong_for_independent_events() -> None:
    """300 samples of independent events: mean jackknife over mean DeLong variance within 10 percent."""
    random = np.random.default_rng(6)
    law1, law0 = random.dirichlet(np.arange(1.0, 11)), random.dirichlet(np.arange(10.0, 0, -1))
    ratio = []
    for _ in range(300):
        positives = random.multinomial(random.poisson(10, 32), law1)
        negatives = random.multinomial(random.poisson(40, 32), law0)
        whole = auc_from_histogram(positives.sum(axis=0), negatives.sum(axis=0))
        got = jackknife_auc(positives, negatives)
        assert isinstance(got, Estimate)
        assert isinstance(whole, Estimate)
        ratio.append((got.variance, whole.variance))
    jackknifed, analytic = np.mean(ratio, axis=0)
    assert jackknifed / analytic == pytest.approx(1.0, abs=0.10)


def test_few_or_lopsided_buckets_are_not_enough() -> None:
    """Eleven filled buckets, and a bucket with a fifth of all events, are refused with the reason."""
    few = np.zeros(32, dtype=np.int64)
    few[:11] = 100
    assert jackknife((few, few), rate_of) == NotEnough("too few entity buckets with events", 11, 12)
    lopsided = np.full(16, 10)
    lopsided[0] = 38
    got = jackknife((lopsided, lopsided), rate_of)
    assert isinstance(got, NotEnough)
    assert got.reason == "one entity bucket outweighs the rest"
    assert got.needed > got.n == 188


@settings(deadline=None)
@given(npst.arrays(np.int64, (2, 14, 3), elements=st.integers(0, 3) | st.integers(0, 10**12)))
def test_every_table_gives_a_finite_estimate_or_a_reason(tables: np.ndarray) -> None:
    """Empty buckets, one class and 1e12 counts stay finite."""
    got = jackknife_auc(tables[0], tables[1])
    if isinstance(got, Estimate):
        assert math.isfinite(got.value)
        assert 0 < got.variance < math.inf
    else:
        assert got.n < got.needed


def test_the_design_effect_of_a_mean_is_that_of_repeats() -> None:
    """Each value k times over in one bucket widens the variance k times, but for n / (n - 1) of the jackknife."""
    values, n_times = np.random.default_rng(3).normal(5.0, 1.0, 60), 4
    found = design_effect_of_mean(np.full(60, n_times), n_times * values, n_times * values**2)
    assert found == pytest.approx(n_times * 60 / 59, rel=1e-9)


def test_the_design_effect_of_a_mean_is_never_below_one() -> None:
    """Buckets alike, events all alike, few buckets, and none: 1."""
    ones = np.ones(40)
    assert design_effect_of_mean(4 * ones, 2 * ones, 2 * ones) == 1.0
    assert design_effect_of_mean(4 * ones, 0.4 * ones, 0.04 * ones) == 1.0
    assert design_effect_of_mean(ones[:5], np.arange(5.0), np.arange(5.0) ** 2) == 1.0
    assert design_effect_of_mean(np.zeros(40), np.zeros(40), np.zeros(40)) == 1.0


def test_the_larger_variance_is_taken_and_nothing_else() -> None:
    """Value and events are the first estimate's, whichever variance is larger; without a second the first stands."""
    small, large, short = Estimate(0.7, 0.01, 90, 30), Estimate(0.6, 0.04, 80, 20), NotEnough("short", 1, 2)
    assert larger_variance(small, large) == Estimate(0.7, 0.04, 90, 30)
    assert larger_variance(large, small) == large
    assert larger_variance(small, short) is small
    assert larger_variance(short, large) is short


def test_two_values_have_a_jackknife_variance() -> None:
    """Half the sum of squares about their mean, (2 - 1) / 2 x 2; one value has none."""
    assert float(jackknife_variance(np.array([1.0, 3.0]))) == 1.0
    assert float(jackknife_variance(np.array([1.0]))) == 0.0
