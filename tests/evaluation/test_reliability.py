"""Reliability curves and delays: shares that follow from the counts."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.evaluation.reliability import LEAST_OUTCOMES, MOST_BINS, compare_delays, compare_reliability
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import Summary
from tests.support.layouts import small_layout


def counted(n: int, positive_ratio: float) -> Summary:
    """``n`` outcomes in each score bin, whose scores lie in its middle."""
    layout = small_layout()
    summary = Summary.zero(layout)
    positive = round(n * positive_ratio)
    summary["outcomes"][:] = [n - positive, positive]
    middles = (np.arange(layout.n_score_bins) + 0.5) / layout.n_score_bins
    summary["score_sums"][:] = fixed_point.encode(middles) * n
    return summary


def test_rates_are_shares_of_the_counts() -> None:
    """A quarter of positive outcomes offline and half live, in every bin; scores rise; every outcome is in one bin."""
    offline, online = counted(40, 0.25), counted(80, 0.5)
    bins = compare_reliability(offline, online)
    assert 1 < len(bins) <= MOST_BINS
    before = [each.offline for each in bins if each.offline is not None]
    after = [each.online for each in bins if each.online is not None]
    assert {rate.rate for rate in before} == {0.25}
    assert {rate.rate for rate in after} == {0.5}
    assert all(rate.lower < rate.rate < rate.upper for rate in (*before, *after))
    scores = [rate.score for rate in before]
    assert scores == sorted(scores)
    assert sum(rate.n for rate in after) == online["outcomes"].sum()
    # Scores stand in the middles of equal bins, so their mean is one half.
    assert sum(rate.score * rate.n for rate in after) / sum(rate.n for rate in after) == pytest.approx(0.5)


def test_few_outcomes_make_no_rate() -> None:
    """Without offline outcomes there is no curve; a side with too few in a bin has no point there."""
    layout = small_layout()
    assert compare_reliability(Summary.zero(layout), counted(40, 0.5)) == ()
    online = Summary.zero(layout)
    online["outcomes"][0] = [LEAST_OUTCOMES - 1, 0]
    bins = compare_reliability(counted(40, 0.25), online)
    assert bins
    assert all(each.online is None for each in bins)


def test_delays_are_shares() -> None:
    """Shares of each side sum to one, in as many spans as there are edges and one; no live outcome, no delays."""
    layout = small_layout()
    offline, online = Summary.zero(layout), Summary.zero(layout)
    assert compare_delays(offline, online) is None
    online["delays"][3] = [1, 2]
    online["delays"][5] = [1, 0]
    found = compare_delays(offline, online)
    assert found is not None
    assert (found.offline, found.n) == (None, 4)
    assert len(found.online) == len(found.edges_seconds) + 1
    assert (found.online[3], found.online[5], sum(found.online)) == (0.75, 0.25, 1.0)
