"""Drift statistics of two histograms: definitions, null laws, sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import special, stats
from scipy.spatial import distance

from sentinel.stats.drift import (
    StabilityIndex,
    jensen_shannon,
    kolmogorov_smirnov,
    log_drift_evidence,
    shares,
    stability_index,
    wasserstein,
)
from sentinel.stats.estimate import NotEnough

DISTANCES = (
    jensen_shannon,
    kolmogorov_smirnov,
    lambda p, q, **kw: wasserstein(p, q, np.arange(len(p), dtype=np.float64), **kw),
)


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
    """Every statistic is zero, the p-value one, and the evidence speaks against a change."""
    counts = np.array([400, 300, 600])
    index = stability_index(counts, counts)
    assert isinstance(index, StabilityIndex)
    assert (index.value, index.p_value) == (0.0, 1.0)
    assert [measure(counts, counts) for measure in DISTANCES] == [0.0, 0.0, 0.0]
    assert log_drift_evidence(counts, counts) < 0.0


def test_jensen_shannon_is_the_distance_of_scipy() -> None:
    """In base 2, over shares without smoothing."""
    p, q = np.array([500, 100, 0, 400]), np.array([300, 300, 900, 0])
    assert jensen_shannon(p, q) == pytest.approx(distance.jensenshannon(p / p.sum(), q / q.sum(), base=2), abs=1e-12)


def test_events_on_the_positions_give_the_exact_distances_of_the_samples() -> None:
    """Kolmogorov-Smirnov and Wasserstein by scipy on the events themselves."""
    positions = np.array([-2.0, 0.0, 0.5, 4.0, 10.0])
    p, q = np.array([100, 300, 200, 300, 100]), np.array([50, 150, 500, 100, 400])
    first, second = np.repeat(positions, p), np.repeat(positions, q)
    assert kolmogorov_smirnov(p, q) == pytest.approx(stats.ks_2samp(first, second).statistic, abs=1e-12)
    spread = 4.0 - 0.0  # the quarter ends inside the second bin, three quarters inside the fourth
    assert wasserstein(p, q, positions) == pytest.approx(stats.wasserstein_distance(first, second) / spread, abs=1e-12)


def test_a_baseline_in_one_bin_has_no_unit_to_measure_in() -> None:
    """Wasserstein distance says so instead of dividing by nothing."""
    found = wasserstein(np.array([0, 1000]), np.array([500, 500]), np.array([0.0, 1.0]))
    assert found == NotEnough("the middle half of the baseline lies in one bin", 1, 2)


def test_drift_evidence_is_a_ratio_of_likelihoods() -> None:
    """One live event in bin b: the ratio is that of two Dirichlet means, which agree, so the evidence is zero."""
    assert log_drift_evidence(np.array([30, 70]), np.array([0, 1])) == pytest.approx(0.0, abs=1e-12)
    two = log_drift_evidence(np.array([999, 999]), np.array([2, 0]))  # a = (999.5, 999.5), wide (100, 100)
    assert two == pytest.approx(math.log((101 / 201) / (1000.5 / 2000)), abs=1e-9)


def test_drift_evidence_rarely_passes_its_threshold_at_any_look_when_nothing_moves() -> None:
    """200 streams of 100 looks: at most 5 percent ever pass 20, within three standard errors."""
    random = np.random.default_rng(11)
    law = random.dirichlet(np.full(10, 5.0))
    passed = 0
    for _ in range(200):
        offline = random.multinomial(2_000, law)
        live = random.multinomial(60, law, 100).cumsum(axis=0)
        passed += any(log_drift_evidence(offline, counts) >= math.log(20) for counts in live)
    assert passed / 200 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_drift_evidence_finds_a_moderate_change_soon() -> None:
    """A true index of .05 passes 20 within 1,500 events in nine streams of ten."""
    random = np.random.default_rng(12)
    law = np.full(10, 0.1)
    tilt = np.exp(0.23 * np.sign(np.arange(10) - 4.5))
    moved = tilt / tilt.sum()
    assert ((moved - law) * np.log(moved / law)).sum() == pytest.approx(0.05, abs=0.005)
    found = sum(
        log_drift_evidence(random.multinomial(20_000, law), random.multinomial(1_500, moved)) >= math.log(20)
        for _ in range(100)
    )
    assert found >= 90


def test_a_small_side_is_not_enough() -> None:
    """The reason names the side."""
    large, small = np.array([400, 600]), np.array([100, 99])
    assert stability_index(large, small) == NotEnough("too few live events", 199, 500)
    for measure in DISTANCES:
        assert measure(small, large) == NotEnough("too few baseline events", 199, 500)
    assert log_drift_evidence(np.zeros(2), large) == 0.0


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
    assert shares(table[0]).sum() == pytest.approx(1.0)
    assert math.isfinite(log_drift_evidence(table[0], table[1]))
    index = stability_index(table[0], table[1], minimum=1)
    if isinstance(index, NotEnough):
        assert index.n < index.needed
        return
    assert 0 <= index.value < math.inf
    assert 0 <= index.p_value <= 1
    for measure in DISTANCES:
        found = measure(table[0], table[1], minimum=1)
        assert isinstance(found, NotEnough) or 0 <= found < math.inf
