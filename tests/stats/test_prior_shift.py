"""The base rate is found from scores alone where only it has moved, and refused where scores contradict that."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.estimate import NotEnough
from sentinel.stats.prior_shift import PriorShift, prior_shift

EDGES = np.concatenate([[-np.inf], np.linspace(-2.5, 4.0, 40), [np.inf]])


def shares(mean: float, spread: float = 1.0) -> Floats:
    """Chances of each bin."""
    return np.diff(norm.cdf(EDGES, mean, spread))


def draw(rng: np.random.Generator, n: int, rate: float) -> Counts:
    """Counts by bin and outcome of scores that 1.4 standard deviations part."""
    positives = rng.binomial(n, rate)
    return np.stack([rng.multinomial(n - positives, shares(0.0)), rng.multinomial(positives, shares(1.4))], axis=1)


def fitted(offline: Counts, predictions: Counts) -> PriorShift:
    """Result of counts that are enough."""
    found = prior_shift(offline, predictions)
    assert isinstance(found, PriorShift)
    return found


def test_rate_is_where_expectation_maximisation_ends() -> None:
    """Saerens' iteration on the same cells, bins few enough not to be pooled, ends at the same rate."""
    offline, live = np.array([[60, 10], [30, 30], [10, 60]]), np.array([150, 120, 130])
    negative, positive = ((offline + 0.5 / 3) / (offline.sum(axis=0) + 0.5)).T
    rate = 0.5
    for _ in range(2_000):
        weight = rate * positive / (rate * positive + (1 - rate) * negative)
        rate = float((live * weight).sum() / live.sum())
    assert fitted(offline, live).base_rate.value == pytest.approx(rate, abs=1e-9)


def test_covers_and_accepts_where_only_the_base_rate_moved() -> None:
    """From .3 to .5, at least 88 of 100 intervals hold .5 and at least 94 fits are accepted."""
    held = accepted = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        found = fitted(draw(rng, 2_000, 0.3), draw(rng, 2_000, 0.5).sum(axis=1))
        held += abs(found.base_rate.value - 0.5) <= 1.96 * found.base_rate.standard_error
        accepted += found.accepted
    assert held >= 88  # P(Binomial(100, .95) < 88) = .0004
    assert accepted >= 94  # P(Binomial(100, .99) < 94) = .0001


def test_refuses_scores_that_no_base_rate_makes() -> None:
    """Scores whose spread has halved are no mixture of the offline laws."""
    rng = np.random.default_rng(7)
    assert not fitted(draw(rng, 2_000, 0.3), rng.multinomial(2_000, shares(0.7, 0.5))).accepted


@pytest.mark.parametrize(
    ("offline", "live", "reason"),
    [
        ([[90, 0], [60, 3]], [50, 50], "too few offline outcomes of one class"),
        ([[90, 30], [60, 90]], [3, 2], "too few live predictions"),
        ([[90, 90]], [50], "offline scores that differ between outcomes"),
    ],
)
def test_too_little_says_so(offline: list[list[int]], live: list[int], reason: str) -> None:
    """A missing class, no predictions, or one score give the reason instead of a rate."""
    found = prior_shift(np.array(offline), np.array(live))
    assert isinstance(found, NotEnough)
    assert found.reason == reason


@given(st.integers(0, 10_000), st.sampled_from([0.2, 3.0, 100.0]))
@settings(max_examples=40, deadline=None)
def test_any_counts_give_finite_results(seed: int, size: float) -> None:
    """For any counts the rate is a share with a finite error."""
    rng = np.random.default_rng(seed)
    found = prior_shift(rng.poisson(size, (20, 2)), rng.poisson(size, 20))
    if isinstance(found, PriorShift):
        assert 0.0 <= found.base_rate.value <= 1.0
        assert math.isfinite(found.base_rate.standard_error)
        assert 0.0 <= found.p_value <= 1.0
