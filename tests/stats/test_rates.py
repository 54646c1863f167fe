"""Rates from two counts, one or many."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.stats.estimate import Estimate, NotEnough
from sentinel.stats.rates import rate, rate_variance, rates


def test_the_variance_is_binomial_with_half_an_event_more_of_either_kind() -> None:
    """Of 3 in 9 the smoothed share is 3.5 / 10, so the variance is .35 x .65 / 9."""
    assert rate_variance(3, 9) == pytest.approx(0.35 * 0.65 / 9, rel=1e-14)


def test_the_needed_events_are_just_enough() -> None:
    """Ten of ten needed give a share; nine do not, and no minimum lets an empty side through."""
    assert rate(5, 10, minimum=10) == Estimate(0.5, rate_variance(5, 10), 10, 5)
    assert rate(5, 9, minimum=10) == NotEnough("too few events", 9, 10)
    assert rate(0, 0, minimum=0) == NotEnough("too few events", 0, 1)


def test_many_rates_are_those_of_each() -> None:
    """Every share and variance of many is that of `rate`; an empty one counts as of one event, and stays finite."""
    successes, n = np.array([0, 1, 7, 40]), np.array([1, 2, 9, 40])
    shares, variances = rates(successes, n)
    each = [rate(float(s), float(size), minimum=1) for s, size in zip(successes, n, strict=True)]
    assert [one.value for one in each if isinstance(one, Estimate)] == shares.tolist()
    assert [one.variance for one in each if isinstance(one, Estimate)] == variances.tolist()
    shares, variances = rates(np.array([0]), np.array([0]))
    assert (shares.tolist(), variances.tolist()) == ([0.0], [0.25 * 0.75])
