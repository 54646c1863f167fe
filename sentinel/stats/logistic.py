"""A logistic line through binned outcomes, by iteratively reweighted least squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from sentinel.stats.arrays import Counts, Floats

RIDGE_PRECISION: Final = 1.0
"""Of the normal prior about the line y = x, on its level at the mean x and on its slope, in events; used only
where the likelihood has no maximum."""

_MOST_STEPS: Final = 100
_CONVERGED_STEP: Final = 1e-11
"""Step, over one plus the coefficient, at which the fit is done."""
_ACCEPTED_STEP: Final = 1e-6
"""Of a last step that rounding keeps from shrinking further, at counts near 1e12."""
_SMALLEST_SCALE: Final = 1e-9
"""Of a step: when even this much of it gains nothing, only rounding is left."""
_SAME_X: Final = 1e-9
"""Values of x that differ by less are one."""
_LEAST_INFORMATION: Final = 1e-200
"""Below, its inverse would leave the range of a double."""


@dataclass(frozen=True, slots=True)
class Line:
    """Log-odds of a positive outcome = intercept + slope x, with the covariance of the two.

    Attributes
    ----------
    intercept, slope : float
        Log-odds, and log-odds per unit of x.
    intercept_variance, slope_variance, covariance : float
        Inverse information at the fit.
    penalised : bool
        True if the ridge towards the line y = x was needed: separable outcomes, or one distinct x.
    """

    intercept: float
    slope: float
    intercept_variance: float
    slope_variance: float
    covariance: float
    penalised: bool


def fit_line(x: Floats, counts: Counts, positives: Counts) -> Line | None:
    """Maximum likelihood line of `positives` out of `counts` at each `x`.

    Parameters
    ----------
    x : float64 array, shape (n_bins,)
    counts, positives : array, shape (n_bins,)
        Events and positive outcomes per bin; bins without events are ignored.

    Returns
    -------
    Line, or None if Newton's method did not converge: seen at 6e12 events whose negatives all lie at the largest x

    Notes
    -----
    Newton's method with step halving on a concave likelihood. Without overlap (every positive at or beyond
    every negative) or with one x the maximum is at infinity or not unique; then a ridge of one event's worth
    decides.

    Examples
    --------
    >>> line = fit_line(np.array([-1.0, 1.0]), np.array([100, 100]), np.array([25, 75]))
    >>> round(line.slope, 9)  # ln 3
    1.098612289
    """
    used = np.asarray(counts, dtype=np.float64) > 0
    x, n, p = x[used], np.asarray(counts, np.float64)[used], np.asarray(positives, np.float64)[used]
    if x.size == 0:
        return None
    penalised = _has_no_maximum(x, n, p)
    line = _newton(x, n, p, RIDGE_PRECISION if penalised else 0.0)
    return line if line is not None or penalised else _newton(x, n, p, RIDGE_PRECISION)


def _has_no_maximum(x: Floats, n: Floats, p: Floats) -> bool:
    """Whether the classes can be parted (or joined in one point only) along x."""
    with_positive, with_negative = x[p > 0], x[n - p > 0]
    if with_positive.size == 0 or with_negative.size == 0:
        return True
    rises = with_positive.min() >= with_negative.max() - _SAME_X
    falls = with_positive.max() <= with_negative.min() + _SAME_X
    return bool(rises or falls)


def _newton(x: Floats, n: Floats, p: Floats, ridge: float) -> Line | None:
    """Fit about the mean of x, where level and slope hardly depend on each other, then move to x = 0."""
    centre = float((n * x).sum() / n.sum())
    fit = _Fit(x - centre, n, p, ridge, centre)
    level, slope = centre, 1.0
    reached, step_size = fit.objective(level, slope), np.inf
    for _ in range(_MOST_STEPS):
        inverse = fit.inverse_information(level, slope)
        if inverse is None:
            return None
        step = inverse @ fit.gradient(level, slope)
        scale, ahead = 1.0, fit.objective(level + step[0], slope + step[1])
        while ahead < reached - 1e-12 * abs(reached) and scale > _SMALLEST_SCALE:
            scale /= 2.0
            ahead = fit.objective(level + scale * step[0], slope + scale * step[1])
        level, slope, reached = level + scale * step[0], slope + scale * step[1], ahead
        step_size = float((np.abs(step) / (1.0 + np.abs([level, slope]))).max())
        if step_size < _CONVERGED_STEP:
            break
    inverse = fit.inverse_information(level, slope)
    if inverse is None or step_size > _ACCEPTED_STEP:
        return None
    back = np.array([[1.0, -centre], [0.0, 1.0]])
    covariance = back @ inverse @ back.T
    return Line(
        intercept=float(level - slope * centre),
        slope=float(slope),
        intercept_variance=float(covariance[0, 0]),
        slope_variance=float(covariance[1, 1]),
        covariance=float(covariance[0, 1]),
        penalised=ridge > 0,
    )


@dataclass(frozen=True, slots=True)
class _Fit:
    """Likelihood of centred data with a normal prior of precision `ridge` about level `centre`, slope 1."""

    x: Floats
    n: Floats
    p: Floats
    ridge: float
    centre: float

    def objective(self, level: float, slope: float) -> float:
        odds = level + slope * self.x
        likelihood = (self.p * special.log_expit(odds) + (self.n - self.p) * special.log_expit(-odds)).sum()
        return float(likelihood) - 0.5 * self.ridge * ((level - self.centre) ** 2 + (slope - 1.0) ** 2)

    def gradient(self, level: float, slope: float) -> Floats:
        odds = level + slope * self.x
        pull = self.p * special.expit(-odds) - (self.n - self.p) * special.expit(odds)
        return np.array(
            [
                pull.sum() - self.ridge * (level - self.centre),
                (pull * self.x).sum() - self.ridge * (slope - 1.0),
            ]
        )

    def inverse_information(self, level: float, slope: float) -> Floats | None:
        """Inverse of the negative Hessian; its determinant is summed from positive terms only."""
        odds = level + slope * self.x
        weights = self.n * special.expit(odds) * special.expit(-odds)
        total = float(weights.sum())
        if total + self.ridge < _LEAST_INFORMATION:
            return None
        middle = float((weights * self.x).sum()) / max(total, _LEAST_INFORMATION)
        spread = float((weights * (self.x - middle) ** 2).sum())
        squares = spread + total * middle**2
        determinant = total * spread + self.ridge * (total + squares) + self.ridge**2
        if determinant < _LEAST_INFORMATION:
            return None
        cross = -total * middle
        return np.array([[squares + self.ridge, cross], [cross, total + self.ridge]]) / determinant
