"""Where scores and features are cut: edges ascend, atoms stand alone, binned AUC is the exact one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from sentinel.baseline.edges import (
    MAX_SEPARATE_VALUES,
    N_FEATURE_BINS,
    N_SLICE_EDGES,
    between,
    feature_edges,
    score_edges,
    slice_edges,
)
from sentinel.stats.auc import auc_values
from sentinel.summaries.layout import BIN_ABOVE, BIN_BELOW, FeatureBins
from sentinel.summaries.rows import bin_numbers

SCORES = st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.25, 1.0])), min_size=1, max_size=400)
LARGEST = float(np.finfo(np.float64).max)
NUMBERS = st.lists(
    st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.integers(-5, 5).map(float)), min_size=1, max_size=300
)


def _binned_auc(edges: tuple[float, ...], scores: np.ndarray, outcomes: np.ndarray) -> float:
    bins = np.searchsorted(np.array(edges), scores, side="right")
    counts = [np.bincount(bins[outcomes == y], minlength=len(edges) + 1) for y in (1, 0)]
    return float(auc_values(*counts))


@given(SCORES, SCORES)
@settings(max_examples=60, deadline=None)
def test_score_edges_ascend_and_stay_in_range(scores: list[float], positives: list[float]) -> None:
    """Whatever the scores, the edges ascend strictly and are few enough for a row."""
    edges = np.array(score_edges(np.array(scores), np.array(positives)))
    assert (np.diff(edges) > 0).all()
    assert len(edges) < 1 << 8
    assert ((edges >= 0) & (edges <= 1 + 1e-15)).all()


@given(SCORES)
@settings(max_examples=60, deadline=None)
def test_few_distinct_scores_have_a_bin_each(scores: list[float]) -> None:
    """Up to 128 distinct scores, no two share a bin, so the AUC of the counts is exact."""
    distinct = np.unique(scores)[:128]
    bins = np.searchsorted(np.array(score_edges(distinct, distinct)), distinct, side="right")
    assert len(np.unique(bins)) == len(distinct)


@pytest.mark.parametrize("base_rate", [0.3, 0.1, 0.01])
@pytest.mark.parametrize("skew", [1, 6])
def test_binned_auc_is_within_its_stated_error(base_rate: float, skew: int) -> None:
    """On skewed scores with rare positives the hybrid bins lose less than .008 AUC (statistics, lesson 21)."""
    rng = np.random.default_rng(11)
    outcomes = (rng.random(40_000) < base_rate).astype(np.int64)
    latent = rng.normal(size=40_000) + 1.2 * outcomes
    scores = (1 / (1 + np.exp(-latent))) ** skew
    edges = score_edges(scores, scores[outcomes == 1])
    assert abs(_binned_auc(edges, scores, outcomes) - roc_auc_score(outcomes, scores)) < 0.008


def test_a_score_that_many_share_has_its_own_bin() -> None:
    """A model that says .2 of every third row: its neighbours do not share the bin."""
    rng = np.random.default_rng(0)
    scores = rng.random(6_000)
    scores[::3] = 0.2
    edges = np.array(score_edges(scores, scores[:500]))
    at, below, above = np.searchsorted(edges, [0.2, np.nextafter(0.2, 0), np.nextafter(0.2, 1)], side="right")
    assert below < at < above


def test_constant_scores_still_resolve_live_ones() -> None:
    """Offline always .3: live scores that vary are still told apart."""
    edges = score_edges(np.full(100, 0.3), np.full(5, 0.3))
    assert len(np.unique(np.searchsorted(np.array(edges), [0.01, 0.3, 0.99]))) == 3


def test_slice_edges_are_a_spread_subset() -> None:
    """The coarse edges are fine edges, first and last included, at most 31."""
    edges = tuple(np.linspace(0.1, 0.9, 120).tolist())
    coarse = slice_edges(edges)
    assert set(coarse) <= set(edges)
    assert len(coarse) == N_SLICE_EDGES
    assert (coarse[0], coarse[-1]) == (edges[0], edges[-1])


@given(NUMBERS)
@example([LARGEST])
@example([-LARGEST, LARGEST])
@example([LARGEST] * 50 + [float(i) for i in range(60)])
@settings(max_examples=80, deadline=None)
def test_feature_edges_ascend_and_hold_every_value(numbers: list[float]) -> None:
    """Every finite offline value lies in a regular bin: nothing offline is out of range."""
    values = np.array(numbers)
    finite = values[np.isfinite(values)]
    minimum, maximum = (finite.min(), finite.max()) if len(finite) else (np.inf, -np.inf)
    edges = feature_edges(values, minimum, maximum)
    assert (np.diff(np.array(edges)) > 0).all()
    feature = FeatureBins(name="x", kind="numeric", edges=edges)
    assert feature.n_bins <= 256
    bins = bin_numbers(feature, finite)
    assert not np.isin(bins, [BIN_BELOW, BIN_ABOVE]).any()


@given(st.sets(st.integers(-50, 50), min_size=1, max_size=MAX_SEPARATE_VALUES))
@settings(max_examples=40, deadline=None)
def test_few_values_have_a_bin_each(numbers: set[int]) -> None:
    """Up to 32 distinct values, each has its own bin."""
    values = np.array(sorted(numbers), dtype=np.float64)
    edges = feature_edges(values, values[0], values[-1])
    assert len(np.unique(bin_numbers(FeatureBins(name="x", kind="numeric", edges=edges), values))) == len(values)


@pytest.mark.parametrize("atom", [0.0, 3.0, -10.0, 10.0])
def test_a_default_has_a_bin_of_its_own(atom: float) -> None:
    """A value with a tenth of the mass shares its bin with no other, even at the ends of the range."""
    rng = np.random.default_rng(1)
    values = np.clip(rng.normal(size=5_000), -9, 9)
    values[:500] = atom
    edges = feature_edges(values, values.min(), values.max())
    bins = bin_numbers(FeatureBins(name="x", kind="numeric", edges=edges), values)
    at = np.unique(bins[values == atom])
    assert len(at) == 1
    assert (values[bins == at[0]] == atom).all()
    assert len(edges) <= N_FEATURE_BINS + 4


def test_what_the_sample_missed_is_in_range() -> None:
    """Extremes that only the exact minimum and maximum know are no outliers."""
    edges = feature_edges(np.linspace(0, 1, 1_000), -5.0, 7.0)
    assert (edges[0], edges[-1]) == (-5.0, 7.0)


def test_a_feature_without_values_has_no_edges() -> None:
    """All missing: no bins, and no error."""
    assert feature_edges(np.array([np.nan, np.inf]), np.inf, -np.inf) == ()


def test_midpoints_lie_between_even_where_no_number_does() -> None:
    """Two neighbouring floats are split at the upper one; huge ones do not overflow."""
    low = 1.0
    assert between(np.array([low, np.nextafter(low, 2)])).tolist() == [np.nextafter(low, 2)]
    assert between(np.array([-1.7e308, 1.7e308])).tolist() == [0.0]
