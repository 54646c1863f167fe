"""What the best of several looks owes to chance: closed forms, and the law of the largest of several normals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from sentinel.stats.selection import Optimism, expected_optimism, optimism_of_many, winners_optimism


@pytest.mark.parametrize("n", [2, 5, 20, 100])
def test_the_expected_lead_is_that_of_the_largest_of_so_many_normals(n: int) -> None:
    """Blom's approximation is within five per cent of the integral of x d Phi^n."""
    grid = np.linspace(-8.0, 8.0, 20_001)
    mean = float((grid * np.gradient(stats.norm.cdf(grid) ** n)).sum())
    assert expected_optimism(n, 1.0, 0.0) == pytest.approx(mean, rel=0.05)


def test_correlated_errors_leave_less_to_chance() -> None:
    """Of a standard error of .02 with correlation .75 half counts: errors that all share move no rank."""
    assert expected_optimism(9, 0.02, 0.75) == pytest.approx(expected_optimism(9, 0.01, 0.0))
    both = optimism_of_many(9, 0.02, 0.75), optimism_of_many(9, 0.01, 0.0)
    assert tuple(both[0]) == pytest.approx(tuple(both[1]))


@pytest.mark.parametrize("n", [7, 50])
def test_the_interval_of_many_has_its_chance(n: int) -> None:
    """The largest of n normals lies below either bound with probability .025 and .975."""
    found = optimism_of_many(n, 1.0, 0.0)
    assert stats.norm.cdf(found.lower) ** n == pytest.approx(0.025)
    assert stats.norm.cdf(found.upper) ** n == pytest.approx(0.975)
    assert optimism_of_many(2, 1.0, 0.0).lower == 0.0  # the better of two is no worse than it is by chance


def test_one_candidate_owes_nothing() -> None:
    """Nothing was chosen."""
    assert expected_optimism(1, 0.02) == 0.0
    assert optimism_of_many(1, 0.02) == winners_optimism([0.7], 0.02) == Optimism(0.0, 0.0, 0.0)


def test_the_winner_owes_its_share_of_the_lead() -> None:
    """Five scores a hundredth apart, errors as large: of a mean square of (0 + 1 + 4) / 3 above the median, 1 is error.

    So .6 of the lead of .02; the interval adds what is left of the error and of the median's, pi / 2 of a mean's.
    """
    found = winners_optimism([0.70, 0.71, 0.72, 0.73, 0.74], 0.01, 0.0)
    assert found.value == pytest.approx(0.6 * 0.02)
    error = math.sqrt(1e-4 * 0.4 + 0.6**2 * (math.pi / 2.0) * (5e-4 / 3.0) / 5.0)
    assert found.lower == max(found.value - 1.96 * error, 0.0)
    assert found.upper == pytest.approx(found.value + 1.96 * error)


def test_scores_that_spread_no_more_than_their_errors_owe_all() -> None:
    """All of the lead, and no error but the median's; with the same score everywhere there is no lead."""
    found = winners_optimism([0.70, 0.71, 0.72, 0.73, 0.74], 0.1, 0.0)
    assert found.value == pytest.approx(0.02)
    assert found.upper - found.value == pytest.approx(1.96 * math.sqrt(math.pi / 2.0 * (5e-4 / 3.0) / 5.0))
    assert winners_optimism([0.7] * 6, 0.1) == Optimism(0.0, 0.0, 0.0)


def test_three_scores_tell_no_spread() -> None:
    """They go by their number; four are judged by how they spread."""
    assert winners_optimism([0.7, 0.71, 0.9], 0.02) == optimism_of_many(3, 0.02)
    assert winners_optimism([0.7, 0.71, 0.72, 0.9], 0.02) != optimism_of_many(4, 0.02)
