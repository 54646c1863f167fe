"""The scale on which a regression's outcomes are counted, and the bins of its predictions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from sentinel.baseline.edges import predicted_edges
from sentinel.baseline.scale import high_ratios, outcome_scale
from sentinel.errors import BaselineError
from sentinel.summaries.kinds.errors import LARGEST

RNG = np.random.default_rng


def test_normal_outcomes_have_their_own_scale() -> None:
    """Median, deviation (without tails of .5 %) and split of 20,000 normal numbers, to four standard errors."""
    y = RNG(1).normal(50.0, 3.0, 20_000)
    scale = outcome_scale(y, y + RNG(2).normal(0, 1, 20_000))
    assert scale.centre == pytest.approx(50.0, abs=4 * 1.25 * 3 / 20_000**0.5)
    assert scale.unit == pytest.approx(3.0, rel=0.03)
    assert (y >= scale.split).mean() == 0.5
    assert 4 * 3.1 < scale.error_limit < 4 * 4.5  # the .001 quantile of |y - median| is 3.29 deviations


def test_one_giant_does_not_become_the_unit() -> None:
    """An outcome of 1e12 among 1,000 normal ones leaves the unit at 1."""
    y = np.append(RNG(1).normal(0.0, 1.0, 999), 1e12)
    assert outcome_scale(y, np.zeros(1_000)).unit == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize(
    ("outcomes", "split"),
    [
        ([0.0] * 900 + [5.0] * 100, 5.0),  # more than half are zero: high is what is above zero
        ([0.0] * 100 + [5.0] * 900, 5.0),  # more than half are the largest: high is the largest
        ([7.0] * 50, 7.0),  # only one value
    ],
)
def test_both_sides_of_the_split_are_filled_where_they_can_be(outcomes: list[float], split: float) -> None:
    """A median that is also the least or the largest outcome still parts high from low."""
    scale = outcome_scale(np.array(outcomes), np.zeros(len(outcomes)))
    assert scale.split == split
    assert 0.0 < scale.unit < np.inf
    assert 1.0 <= scale.error_limit <= LARGEST


def test_exact_predictions_of_one_value_have_a_scale() -> None:
    """Nothing varies and nothing errs: the unit is 1."""
    assert outcome_scale(np.full(20, 3.0), np.full(20, 3.0)).unit == 1.0


def test_no_number_is_no_scale() -> None:
    """Rows without a finite score and outcome cannot tell."""
    with pytest.raises(BaselineError, match="no row has a number"):
        outcome_scale(np.array([np.nan, 1.0]), np.array([1.0, np.inf]))


def test_high_ratios_are_isotonic_regression() -> None:
    """Pooled neighbours are scikit-learn's isotonic fit of the bins' smoothed shares, weighted by their rows."""
    rng = RNG(3)
    predicted = rng.normal(0, 1, 4_000)
    high = rng.random(4_000) < 1 / (1 + np.exp(-predicted))
    edges = predicted_edges(predicted, predicted[high])
    bins = np.searchsorted(np.array(edges), predicted, side="right")
    n = np.bincount(bins, minlength=len(edges) + 1) + 1.0
    share = (np.bincount(bins, high, minlength=len(edges) + 1) + high.mean()) / n
    expected = IsotonicRegression().fit_transform(np.arange(len(n)), share, sample_weight=n)
    assert np.array(high_ratios(edges, predicted, high)) == pytest.approx(expected, abs=1e-12)


def test_predictions_of_any_range_get_bins() -> None:
    """Edges follow the quantiles of the predictions wherever they lie; constant predictions share one bin."""
    predicted = RNG(4).normal(-1e6, 1e3, 5_000)
    edges = np.array(predicted_edges(predicted, predicted[predicted > -1e6]))
    counts = np.bincount(np.searchsorted(edges, predicted, side="right"))
    assert counts.max() < 5_000 / 30
    assert predicted_edges(np.full(100, 3.0), np.empty(0)) == ()
