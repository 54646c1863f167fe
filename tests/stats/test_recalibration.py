"""The tests of recalibration are those of an independent fit, hold their level, and tell four worlds apart."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import chi2, chi2_contingency

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.estimate import NotEnough
from sentinel.stats.recalibration import (
    Homogeneity,
    Recalibration,
    homogeneity,
    homogeneity_by_outcome,
    kind_of_shift,
    recalibration,
)

N_BINS = 48
EDGES = expit(np.linspace(-4.0, 3.0, N_BINS - 1))
DISTANCE, PRIOR = 1.3, math.log(0.3 / 0.7)


class Counted(NamedTuple):
    """Counts by score bin and outcome, and mean scores."""

    cells: Counts
    scores: Floats


def count(scores: Floats, outcomes: Counts) -> Counted:
    """Bin events."""
    bins = np.searchsorted(EDGES, scores, side="right")
    cells = np.stack([np.bincount(bins[outcomes == y], minlength=N_BINS) for y in (0, 1)], axis=1)
    return Counted(cells, np.bincount(bins, scores, N_BINS) / np.maximum(cells.sum(axis=1), 1))


def draw(rng: np.random.Generator, n: int, world: str) -> Counted:
    """Events of a model that is calibrated in world ``same``: normal scores given the outcome."""
    outcomes = rng.random(n) < (0.45 if world == "label" else 0.3)
    x = rng.normal(size=n) + DISTANCE * outcomes
    if world == "covariate":
        x = 0.9 + 1.2 * rng.normal(size=n)
    odds = PRIOR + DISTANCE * (x - DISTANCE / 2.0)
    if world == "covariate":
        outcomes = rng.random(n) < expit(odds)
    if world == "concept":
        outcomes = rng.random(n) < expit(0.5 * odds - 0.2)
    return count(expit(odds), outcomes.astype(np.int64))


def recalibrated(before: Counted, after: Counted) -> Recalibration:
    """Recalibration of two sides with enough outcomes."""
    found = recalibration(before.cells, after.cells, before.scores, after.scores)
    assert isinstance(found, Recalibration)
    return found


def homogeneous(first: Counts, second: Counts) -> Homogeneity:
    """Test of two filled histograms."""
    found = homogeneity(first, second) if first.ndim == 1 else homogeneity_by_outcome(first, second)
    assert isinstance(found, Homogeneity)
    return found


def kind(before: Counted, after: Counted) -> str:
    """The world that the counts speak of."""
    scores = homogeneous(before.cells.sum(axis=1), after.cells.sum(axis=1))
    return kind_of_shift(recalibrated(before, after), scores, homogeneous(before.cells, after.cells))


def deviance(design: Floats, n: Floats, positives: Floats) -> tuple[Floats, float]:
    """Maximum of the binomial likelihood by a general optimiser: coefficients and log likelihood."""

    def loss(b: Floats) -> float:
        odds = b @ design
        return float((n * np.logaddexp(0.0, odds) - positives * odds).sum())

    def slope(b: Floats) -> Floats:
        return np.asarray(design @ (n * expit(b @ design) - positives))

    found = minimize(loss, np.zeros(len(design)), jac=slope, method="BFGS", options={"gtol": 1e-6})
    return found.x, -float(found.fun)


@pytest.mark.parametrize("world", ["same", "covariate", "label", "concept"])
def test_equals_an_independent_fit(world: str) -> None:
    """Level, slope and both p-values are those that scipy's BFGS finds on the same likelihood."""
    rng = np.random.default_rng(11)
    before, after = draw(rng, 600, "same"), draw(rng, 500, world)
    used = np.concatenate([before.cells, after.cells]).sum(axis=1) > 0
    cells = np.concatenate([before.cells, after.cells])[used].astype(np.float64)
    odds = logit(np.clip(np.concatenate([before.scores, after.scores]), 1e-6, 1 - 1e-6))[used]
    live = np.repeat([0.0, 1.0], N_BINS)[used]
    design = np.stack([np.ones_like(odds), odds, odds**2, live, live * odds])
    fits = [deviance(design[:k], cells.sum(axis=1), cells[:, 1]) for k in (3, 4, 5)]
    found = recalibrated(before, after)
    assert found.level == pytest.approx(fits[1][0][3], abs=1e-3)
    assert found.slope == pytest.approx(fits[2][0][4], abs=1e-3)
    assert found.p_level == pytest.approx(chi2.sf(2 * (fits[1][1] - fits[0][1]), 1), rel=0.01, abs=1e-12)
    assert found.p_slope == pytest.approx(chi2.sf(2 * (fits[2][1] - fits[1][1]), 1), rel=0.01, abs=1e-12)


def test_homogeneity_is_scipy_where_nothing_is_pooled() -> None:
    """With full bins the p-value is that of chi2_contingency, and of both outcomes that of the sum."""
    first, second = np.array([[40, 30], [50, 60], [20, 90]]), np.array([[50, 20], [30, 60], [30, 70]])
    tests = [chi2_contingency([first[:, y], second[:, y]], correction=False, lambda_="log-likelihood") for y in (0, 1)]
    assert homogeneous(first[:, 0], second[:, 0]).p_value == pytest.approx(tests[0].pvalue, rel=1e-9)
    both = chi2.sf(tests[0].statistic + tests[1].statistic, 4)
    assert homogeneous(first, second).p_value == pytest.approx(both, rel=1e-9)


def test_tests_hold_their_level() -> None:
    """In 200 equal worlds each of the four p-values is below .05 in at most 21."""
    below = np.zeros(4)
    for seed in range(200):
        rng = np.random.default_rng(2_000 + seed)
        before, after = draw(rng, 800, "same"), draw(rng, 1_600, "same")
        found = recalibrated(before, after)
        scores = homogeneous(before.cells.sum(axis=1), after.cells.sum(axis=1))
        by_outcome = homogeneous(before.cells, after.cells)
        below += np.array([found.p_level, found.p_slope, scores.p_value, by_outcome.p_value]) < 0.05
    assert below.max() <= 21  # P(Binomial(200, .05) > 21) = .0004


@pytest.mark.parametrize("world", ["same", "covariate", "label", "concept"])
def test_four_worlds_are_told_apart(world: str) -> None:
    """With 2,000 events a side, at least 57 of 60 draws of each world are named right."""
    named = Counter(
        kind(draw(rng, 2_000, "same"), draw(rng, 2_000, world))
        for rng in (np.random.default_rng(3_000 + seed) for seed in range(60))
    )
    assert named[world] >= 57, named


def test_excess_is_the_stability_index() -> None:
    """For many events the excess is PSI: a normal whose mean moves by .14 standard deviations, .14^2."""
    edges = np.linspace(-4.0, 4.0, 200)
    rng = np.random.default_rng(5)
    first, second = (np.histogram(rng.normal(mean, 1.0, 400_000), edges)[0] for mean in (0.0, 0.14))
    assert homogeneous(first, second).excess == pytest.approx(0.0196, abs=0.0015)


def test_small_changes_of_many_events_are_no_shift() -> None:
    """A p-value of nothing with a change too small to matter is no finding."""
    faint = Recalibration(level=0.1, slope=0.2, standard_slope=0.25, p_level=0.0, p_slope=0.0)
    moved, still = Homogeneity(0.0, 0.5), Homogeneity(0.0, 0.001)
    assert kind_of_shift(faint, still, still) == "same"
    assert kind_of_shift(faint, moved, still) == "covariate"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([[50, 0], [0, 50]], [[50, 0], [0, 50]]),  # separable
        ([[50, 0], [0, 50]], [[0, 50], [50, 0]]),  # separable, the other way round
        ([[50, 50], [0, 0]], [[20, 80], [0, 0]]),  # one score
        ([[50, 50], [0, 0]], [[0, 0], [40, 60]]),  # one score each, another
    ],
)
def test_degenerate_fits_are_defined(before: list[list[int]], after: list[list[int]]) -> None:
    """Separable outcomes and single scores give finite numbers."""
    scores = np.array([0.2, 0.7])
    found = recalibration(np.array(before), np.array(after), scores, scores)
    assert isinstance(found, Recalibration)
    values = (found.level, found.slope, found.standard_slope, found.p_level, found.p_slope)
    assert all(math.isfinite(value) for value in values)


def test_no_slope_without_two_scores() -> None:
    """Over one score there is no change of slope, and the level is the difference of the log-odds."""
    scores = np.array([0.5])
    found = recalibration(np.array([[50, 50]]), np.array([[25, 75]]), scores, scores)
    assert isinstance(found, Recalibration)
    assert found.slope == 0.0
    assert found.p_slope == pytest.approx(1.0, abs=1e-6)
    assert found.level == pytest.approx(math.log(3.0), abs=1e-3)


def test_one_class_is_not_enough() -> None:
    """A side without positives says so."""
    scores = np.array([0.2, 0.7])
    found = recalibration(np.array([[50, 20], [20, 50]]), np.array([[50, 0], [20, 0]]), scores, scores)
    assert found == NotEnough("too few outcomes of one class", 0, 10)


@given(st.integers(0, 10_000), st.sampled_from([0.2, 2.0, 200.0]), st.sampled_from([0.2, 2.0, 200.0]))
@settings(max_examples=60, deadline=None)
def test_any_counts_give_finite_results(seed: int, size: float, live_size: float) -> None:
    """For any counts all tests are finite or not enough."""
    rng = np.random.default_rng(seed)
    before, after = rng.poisson(size, (9, 2)), rng.poisson(live_size, (9, 2))
    scores = np.sort(rng.random((2, 9)))
    found = recalibration(before, after, scores[0], scores[1])
    if isinstance(found, Recalibration):
        values = (found.level, found.slope, found.standard_slope, found.p_level, found.p_slope)
        assert all(math.isfinite(value) for value in values)
    for test in (homogeneity(before[:, 0], after[:, 0]), homogeneity_by_outcome(before, after)):
        if isinstance(test, Homogeneity):
            assert math.isfinite(test.excess)
            assert 0.0 <= test.p_value <= 1.0


def test_excess_by_outcome_counts_the_events_of_both() -> None:
    """Both statistics less their degrees of freedom, over the sum of n m / (n + m) of either outcome; by scipy."""
    first = np.stack([[400, 300, 300], [90, 60, 50]], axis=1)
    second = np.stack([[900, 500, 600], [30, 30, 60]], axis=1)
    found = homogeneity_by_outcome(first, second)
    assert isinstance(found, Homogeneity)
    tests = [chi2_contingency([first[:, y], second[:, y]], lambda_="log-likelihood") for y in (0, 1)]
    events = 1_000 * 2_000 / 3_000 + 200 * 120 / 320
    assert found.excess == pytest.approx(sum(test.statistic - 2 for test in tests) / events)
    assert found.p_value == pytest.approx(chi2.sf(sum(test.statistic for test in tests), 4))
