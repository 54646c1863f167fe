"""Pooled neighbours hold what they need, and lose no event."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sentinel.stats.pooling import LEAST_EXPECTED, MOST_POOLED, pool_bins, pool_sides


def test_pools_hold_what_they_need() -> None:
    """Every pool of neighbours holds at least the needed events, if all do together."""
    counts = np.random.default_rng(6).poisson(2.0, 100).astype(np.float64)
    assert np.add.reduceat(counts, pool_bins(counts, 7.0)).min() >= 7.0
    assert pool_bins(counts, 1e6) == [0]


@given(st.integers(0, 1_000), st.sampled_from([0.5, 3.0, 50.0]), st.sampled_from([0.5, 3.0, 50.0]))
def test_both_sides_expect_enough(seed: int, size: float, other: float) -> None:
    """No event is lost; with more than one bin left each side expects enough in each, and bins are few."""
    rng = np.random.default_rng(seed)
    sides = [rng.poisson(mean, 60).astype(np.float64) + (np.arange(60) == 7) for mean in (size, other)]
    pooled = pool_sides(sides[0], sides[1])
    total = pooled[0] + pooled[1]
    assert 1 <= len(total) <= MOST_POOLED
    for side, kept in zip(sides, pooled, strict=True):
        assert kept.sum() == side.sum()
        if len(total) > 1:
            assert (total * side.sum() / total.sum()).min() >= LEAST_EXPECTED - 1e-9
