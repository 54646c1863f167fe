"""Stability index and total variation: definition, null law and size."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import special

from sentinel.stats.drift import StabilityIndex, shares, stability_index, total_variation
from sentinel.stats.estimate import Estimate, NotEnough


def test_index_by_its_definition() -> None:
    """Both relative entropies of the smoothed shares, by scipy; bins empty on both sides do not count."""
    before, after = np.array([500, 0, 300, 0, 200]), np.array([300, 0, 300, 100, 300])
    p, q = (np.array(c) + 0.5 for c in ([500, 300, 0, 200], [300, 300, 100, 300]))
    p, q = p / p.sum(), q / q.sum()
    got = stability_index(before, after)
    assert isinstance(got, StabilityIndex)
    assert got.value == pytest.approx(special.rel_entr(p, q).sum() + special.rel_entr(q, p).sum(), abs=1e-12)
    assert got.n_bins == 4
    assert got.null_mean == pytest.approx(3 * (1 / 1000 + 1 / 1000), abs=1e-15)
    assert got.excess == got.value - got.null_mean


@pytest.mark.parametrize(("n", "m", "k"), [(10_000, 500, 10), (2_000, 2_000, 20), (10_000, 500, 20)])
def test_when_nothing_moved_the_excess_is_zero_on_average_and_the_test_keeps_its_level(n: int, m: int, k: int) -> None:
    """3,000 null pairs: mean excess within 15 percent of the null mean, size at .05 within .03 and .07."""
    random = np.random.default_rng(17)
    law = np.full(k, 1 / k)
    found = [
        stability_index(a, b)
        for a, b in zip(random.multinomial(n, law, 3000), random.multinomial(m, law, 3000), strict=True)
    ]
    kept = [one for one in found if isinstance(one, StabilityIndex)]
    assert abs(np.mean([one.excess for one in kept])) < 0.15 * kept[0].null_mean
    assert 0.03 < np.mean([one.p_value < 0.05 for one in kept]) < 0.07


def test_identical_histograms_have_no_distance() -> None:
    """Zero index, p-value one, zero variation with a positive variance."""
    counts = np.array([400, 600])
    index, variation = stability_index(counts, counts), total_variation(counts, counts)
    assert isinstance(index, StabilityIndex)
    assert isinstance(variation, Estimate)
    assert (index.value, index.p_value, variation.value) == (0.0, 1.0, 0.0)
    assert variation.variance > 0


def test_total_variation_and_its_variance_over_samples() -> None:
    """A shift of .1 of the mass: mean of 3,000 samples .1, mean variance within 10 percent of the real."""
    random = np.random.default_rng(3)
    law, moved = np.array([0.4, 0.3, 0.3]), np.array([0.3, 0.3 + 0.05, 0.35])
    found = [
        total_variation(a, b)
        for a, b in zip(random.multinomial(4000, law, 3000), random.multinomial(4000, moved, 3000), strict=True)
    ]
    values = np.array([one.value for one in found if isinstance(one, Estimate)])
    variances = np.array([one.variance for one in found if isinstance(one, Estimate)])
    assert values.mean() == pytest.approx(0.1, abs=0.001)
    assert variances.mean() / values.var() == pytest.approx(1.0, abs=0.1)


def test_a_small_side_is_not_enough() -> None:
    """The reason names the side."""
    large, small = np.array([400, 600]), np.array([100, 99])
    assert stability_index(large, small) == NotEnough("too few live events", 199, 500)
    assert total_variation(small, large) == NotEnough("too few baseline events", 199, 500)


@settings(deadline=None)
@given(
    npst.arrays(
        np.int64,
        st.tuples(st.just(2), st.integers(1, 9)),
        elements=st.integers(0, 9) | st.integers(0, 10**12),
    )
)
def test_every_table_gives_finite_numbers_or_a_reason(table: np.ndarray) -> None:
    """One bin, disjoint histograms and 1e12 counts."""
    index, variation = (
        stability_index(table[0], table[1], minimum=1),
        total_variation(table[0], table[1], minimum=1),
    )
    assert shares(table[0]).sum() == pytest.approx(1.0)
    if isinstance(index, NotEnough):
        assert index.n < index.needed
        return
    assert isinstance(variation, Estimate)
    assert 0 <= index.value < math.inf
    assert 0 <= index.p_value <= 1
    assert 0 <= variation.value <= 1
    assert 0 < variation.variance < math.inf
