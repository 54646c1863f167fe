"""Calibration line and error, against scikit-learn, scipy and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import optimize, special
from sklearn.linear_model import LogisticRegression

from sentinel.stats.calibration import (
    MINIMUM_SCORES,
    CalibrationLine,
    base_rate,
    calibration_line,
    expected_calibration_error,
)
from sentinel.stats.estimate import DEFAULT_MINIMUM, Estimate, NotEnough

Sums = tuple[np.ndarray, np.ndarray, np.ndarray]


def world(seed: int, n_per_bin: int = 60, slope: float = 0.6, intercept: float = -0.3) -> Sums:
    """Twelve bins whose outcomes follow a line on the log-odds of the score."""
    random = np.random.default_rng(seed)
    scores = special.expit(np.linspace(-3, 2, 12))
    counts = random.poisson(n_per_bin, 12) + 2
    return (
        counts,
        random.binomial(counts, special.expit(intercept + slope * special.logit(scores))),
        scores * counts,
    )


@pytest.mark.parametrize("seed", range(6))
def test_line_is_the_maximum_likelihood_of_scipy(seed: int) -> None:
    """Newton on a dense likelihood (scipy, by its gradient) ends at the same intercept and slope to 1e-9."""
    counts, positives, sums = world(seed)
    odds = special.logit(sums / counts)

    def gradient(beta: np.ndarray) -> np.ndarray:
        residual = positives - counts * special.expit(beta[0] + beta[1] * odds)
        return np.array([residual.sum(), (residual * odds).sum()])

    root = optimize.root(gradient, x0=np.array([0.0, 1.0]), tol=1e-13)
    got = calibration_line(counts, positives, sums)
    assert isinstance(got, CalibrationLine)
    assert not got.penalised
    assert (got.intercept.value, got.slope.value) == pytest.approx(root.x, abs=1e-9)
    weights = counts * special.expit(root.x @ [np.ones(12), odds]) * special.expit(-(root.x @ [np.ones(12), odds]))
    design = np.stack([np.ones(12), odds], axis=1)
    inverse = np.linalg.inv(design.T @ (design * weights[:, None]))
    assert (got.intercept.variance, got.slope.variance, got.covariance) == pytest.approx(
        [inverse[0, 0], inverse[1, 1], inverse[0, 1]], rel=1e-8
    )


def test_line_equals_unpenalised_sklearn() -> None:
    """scikit-learn with a vanishing penalty and weights for counts: the same line to its own tolerance."""
    counts, positives, sums = world(42)
    odds = special.logit(sums / counts)
    model = LogisticRegression(C=1e12, tol=1e-12, max_iter=10_000, solver="newton-cg")
    model.fit(np.r_[odds, odds][:, None], np.repeat([1, 0], 12), sample_weight=np.r_[positives, counts - positives])
    got = calibration_line(counts, positives, sums)
    assert isinstance(got, CalibrationLine)
    assert (got.intercept.value, got.slope.value) == pytest.approx([model.intercept_[0], model.coef_[0, 0]], abs=1e-6)


def test_line_variances_hold_over_repeated_samples() -> None:
    """Over 1,500 samples the mean variances are within 10 percent of those of the fitted lines."""
    fits = [calibration_line(*world(seed)) for seed in range(1500)]
    lines = [fit for fit in fits if isinstance(fit, CalibrationLine)]
    for part in ("intercept", "slope"):
        values = np.array([getattr(line, part).value for line in lines])
        variances = np.array([getattr(line, part).variance for line in lines])
        # bin counts vary between samples, which moves the variance by a few percent
        assert variances.mean() / values.var() == pytest.approx(1.0, abs=0.10)


@pytest.mark.parametrize(
    ("counts", "positives", "sums"),
    [
        ([50, 50], [0, 50], [10.0, 40.0]),
        ([50, 50], [50, 0], [10.0, 40.0]),
        ([50, 50, 50], [0, 25, 50], [10.0, 25.0, 40.0]),
        ([50, 50], [20, 25], [0.0, 0.0]),
        ([50, 50], [20, 25], [50.0, 50.0]),
    ],
)
def test_fits_without_a_maximum_are_held_by_the_ridge(
    counts: list[int], positives: list[int], sums: list[float]
) -> None:
    """Separable outcomes and equal scores in two bins: a finite line with a variance, marked as penalised."""
    got = calibration_line(np.array(counts), np.array(positives), np.array(sums))
    assert isinstance(got, CalibrationLine)
    assert got.penalised
    assert math.isfinite(got.slope.value + got.intercept.value)
    assert got.slope.variance > 0


def test_one_score_bin_has_no_slope() -> None:
    """Over a single score any slope fits, so there is none, with the reason."""
    got = calibration_line(np.array([100, 0]), np.array([30, 0]), np.array([30.0, 0.0]))
    assert got == NotEnough("too few different scores for a slope", 1, MINIMUM_SCORES)


def test_calibration_error_by_hand() -> None:
    """Distances .1 and .2, weights .6 and .4: .14."""
    counts, positives, sums = np.array([60, 40]), np.array([24, 28]), np.array([18.0, 20.0])
    plain = expected_calibration_error(counts, positives, sums)
    assert isinstance(plain, Estimate)
    assert plain.value == pytest.approx(0.14, abs=1e-12)


def test_the_error_of_a_perfect_model_is_biased_upwards_as_stated() -> None:
    """4,000 perfect samples of bins of 40: the mean is sum (n_b/n) sqrt(2 p (1-p) / (pi n_b)) within 2 percent."""
    random = np.random.default_rng(9)
    counts, scores = np.full(15, 40), np.linspace(0.1, 0.9, 15)
    found = [expected_calibration_error(counts, y, scores * 40) for y in random.binomial(40, scores, (4000, 15))]
    values = np.array([one.value for one in found if isinstance(one, Estimate)])
    stated = np.sqrt(2.0 * scores * (1.0 - scores) / (math.pi * 40)).mean()
    assert values.size == 4000
    assert values.mean() == pytest.approx(stated, rel=0.02)


def test_base_rate_has_a_variance_at_zero() -> None:
    """No positives in 100: 0 with variance (1/202)(201/202)/100."""
    got = base_rate(0, 100)
    assert isinstance(got, Estimate)
    assert got.variance == pytest.approx(0.5 / 101 * (1 - 0.5 / 101) / 100, rel=1e-12)


CELLS = npst.arrays(np.float64, st.tuples(st.just(3), st.integers(1, 8)), elements=st.floats(0, 1))


@settings(deadline=None)
@given(CELLS, st.sampled_from([0, 1, 5, 40, 10**6, 10**12]))
@example(np.array([[1.0] * 6, [1.0, 1.0, 0.5, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0, 1.0, 1.0]]), 10**12)
def test_every_histogram_gives_finite_numbers_or_a_reason(cells: np.ndarray, size: int) -> None:
    """Any counts up to 1e12, any outcome share and any score, constant ones included."""
    counts = np.rint(cells[0] * size).astype(np.int64)
    positives = np.rint(cells[1] * counts).astype(np.int64)
    sums = cells[2] * counts
    line = calibration_line(counts, positives, sums)
    if isinstance(line, CalibrationLine):
        assert math.isfinite(line.intercept.value + line.slope.value + line.covariance)
        assert 0 < line.slope.variance < math.inf
        assert 0 < line.intercept.variance < math.inf
    else:
        assert line.n < line.needed
        assert line.needed in (MINIMUM_SCORES, DEFAULT_MINIMUM, line.n + 1)  # the last: no fit, as in the example
    measured = expected_calibration_error(counts, positives, sums)
    assert isinstance(measured, NotEnough) or math.isfinite(measured.value)
    assert isinstance(measured, NotEnough) or 0 < measured.variance < math.inf
