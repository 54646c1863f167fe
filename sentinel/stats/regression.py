"""Errors of predicted numbers from power sums: MAE, RMSE and R2, each with its variance, for one slice or many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from sentinel.stats.arrays import Booleans, Floats
from sentinel.stats.estimate import COIN_TOSS_VARIANCE, DEFAULT_MINIMUM, Estimate, Measured, NotEnough
from sentinel.stats.jackknife import jackknife, larger_variance

POWERS: Final = ("n", "y", "y2", "e", "e2", "abs_e", "y3", "y4", "e3", "e4", "ey", "ey2", "e2y", "e2y2")
"""Sums over events, the last axis of every array here: y is the outcome, e the prediction less the outcome. Both in one
unit, y counted from any fixed origin; near the mean of y keeps the powers exact."""
N_POWERS: Final = len(POWERS)
N_FIRST: Final = 6
"""The first so many give the values, the others their variances."""
_N, _Y, _Y2, _E, _E2, _ABS, _Y3, _Y4, _E3, _E4, _EY, _EY2, _E2Y, _E2Y2 = range(N_POWERS)

LEAST_SPREAD: Final = 1e-12
"""Variance of numbers, as a share of their mean square, below which they are all the same: rounding leaves as much."""
_SMALLEST: Final = 1e-300
"""Stands for a mean square of zero, so that a spread of zero is not above its share."""


class ErrorTable(NamedTuple):
    """One metric of many slices at once; every array has the leading shape of the input.

    Attributes
    ----------
    values, variances : float64 array
        Finite everywhere; not to be used where ``valid`` is False.
    valid : bool array
        False with too few events, for R2 also where all outcomes are the same.
    n : int64 array
        Events.
    """

    values: Floats
    variances: Floats
    valid: Booleans
    n: np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def power_terms(predicted: Floats, outcomes: Floats) -> Floats:
    """What each event adds to the power sums.

    Parameters
    ----------
    predicted, outcomes : float64 array, shape (n,), finite

    Returns
    -------
    float64 array, shape (n, N_POWERS)

    Examples
    --------
    >>> power_terms(np.array([3.0]), np.array([1.0])).tolist()
    [[1.0, 1.0, 1.0, 2.0, 4.0, 2.0, 1.0, 1.0, 8.0, 16.0, 2.0, 2.0, 4.0, 4.0]]
    """
    y = np.asarray(outcomes, dtype=np.float64)
    e = np.asarray(predicted, dtype=np.float64) - y
    return terms_of_errors(e, y)


def terms_of_errors(e: Floats, y: Floats) -> Floats:
    """The same from errors and outcomes, where errors were cut to a range of their own."""
    y2, e2 = y * y, e * e
    first = [np.ones_like(y), y, y2, e, e2, np.abs(e)]
    return np.stack([*first, y2 * y, y2 * y2, e2 * e, e2 * e2, e * y, e * y2, e2 * y, e2 * y2], axis=-1)


def mean_absolute_errors(sums: Floats, *, minimum: int = DEFAULT_MINIMUM) -> ErrorTable:
    """Mean absolute error, variance (E e^2 - MAE^2) / (n - 1).

    Parameters
    ----------
    sums : float64 array, shape (..., N_POWERS)
    minimum : int, events
        Fewer than this (never fewer than two) is not enough.

    Returns
    -------
    ErrorTable, in the unit of the outcome
    """
    return _means(sums, _ABS, _E2, minimum)


def root_mean_squared_errors(sums: Floats, *, minimum: int = DEFAULT_MINIMUM) -> ErrorTable:
    """Root mean squared error; by the delta method its variance is (E e^4 - MSE^2) / (4 (n - 1) MSE).

    Parameters and returns are those of `mean_absolute_errors`.
    """
    n, valid, size = _sizes(sums, minimum)
    mse = np.maximum(sums[..., _E2], 0.0) / size
    spread = np.maximum(sums[..., _E4] / size - mse**2, 0.0) / (4.0 * (size - 1.0)) / _positive(mse)
    floor = COIN_TOSS_VARIANCE / size**2 * mse
    return _table(np.sqrt(mse), np.maximum(spread, floor), valid, n)


def r_squared(sums: Floats, *, minimum: int = DEFAULT_MINIMUM) -> ErrorTable:
    """Share of the outcome's variance that the predictions explain: 1 - SSE / SST.

    At most 1, below 0 where the mean outcome would have been the better prediction. Parameters and returns are those of
    `mean_absolute_errors`.

    Notes
    -----
    Delta method: with s2 the variance of y and r = MSE / s2, one event moves R2 by psi = r (y - ybar)^2 / s2 -
    e^2 / s2, whose mean is zero; the variance is the mean of psi^2 over n - 1. Expanded in the power sums, with
    c = y - ybar: E psi^2 = (r^2 E c^4 - 2 r E e^2 c^2 + E e^4) / s2^2. At least that of `variance_floor`.

    References
    ----------
    .. [1] Hampel (1974), The influence curve and its role in robust estimation, JASA 69:383-393, for psi.
    """
    n, valid, size = _sizes(sums, minimum)
    means = sums / size[..., None]
    s2, varies = _spread(means)
    centre = means[..., _Y]
    ratio = np.maximum(means[..., _E2], 0.0) / s2
    crossed = means[..., _E2Y2] - 2.0 * centre * means[..., _E2Y] + centre**2 * means[..., _E2]
    squared = (ratio**2 * _fourth(means) - 2.0 * ratio * crossed + means[..., _E4]) / s2**2
    variances = np.maximum(np.maximum(squared, 0.0) / (size - 1.0), COIN_TOSS_VARIANCE / size**2)
    return _table(1.0 - ratio, variances, valid & varies, n)


def explained_variances(sums: Floats, *, minimum: int = DEFAULT_MINIMUM) -> ErrorTable:
    """R2 of predictions freed of their mean error: 1 - var(e) / var(y).

    What a constant shift of predictions or outcomes leaves alone, as the area under a ROC curve does for classes.

    Parameters and returns are those of `r_squared`.

    Notes
    -----
    As there, with e less its mean d in place of e, r = var(e) / s2 and psi = r c^2 / s2 - d^2 / s2; that the mean error
    is estimated too moves psi by nothing, since the derivative of var(e) by it is zero.
    """
    n, valid, size = _sizes(sums, minimum)
    means = sums / size[..., None]
    s2, varies = _spread(means)
    centre, bias = means[..., _Y], means[..., _E]
    ratio = np.maximum(means[..., _E2] - bias**2, 0.0) / s2
    e2c2 = means[..., _E2Y2] - 2.0 * centre * means[..., _E2Y] + centre**2 * means[..., _E2]
    ec2 = means[..., _EY2] - 2.0 * centre * means[..., _EY] + centre**2 * bias
    crossed = e2c2 - 2.0 * bias * ec2 + bias**2 * s2
    errors = means[..., _E4] - 4.0 * bias * means[..., _E3] + 6.0 * bias**2 * means[..., _E2] - 3.0 * bias**4
    squared = (ratio**2 * _fourth(means) - 2.0 * ratio * crossed + np.maximum(errors, 0.0)) / s2**2
    variances = np.maximum(np.maximum(squared, 0.0) / (size - 1.0), COIN_TOSS_VARIANCE / size**2)
    return _table(1.0 - ratio, variances, valid & varies, n)


def mean_errors(sums: Floats, *, minimum: int = DEFAULT_MINIMUM) -> ErrorTable:
    """Mean of prediction less outcome, above 0 where predictions are too high.

    Parameters and returns are those of `mean_absolute_errors`.
    """
    return _means(sums, _E, _E2, minimum)


def mean_outcomes(sums: Floats, *, minimum: int = DEFAULT_MINIMUM) -> ErrorTable:
    """Mean of the outcomes, from the origin of y.

    Parameters and returns are those of `mean_absolute_errors`.
    """
    return _means(sums, _Y, _Y2, minimum)


def slopes(sums: Floats, *, minimum: int = DEFAULT_MINIMUM) -> ErrorTable:
    """Slope of the outcome on the prediction: 1 where a unit more predicted is a unit more, below 1 where it is less.

    Parameters
    ----------
    sums : float64 array, shape (..., N_POWERS)
    minimum : int, events

    Returns
    -------
    ErrorTable
        Not valid where all predictions are the same.

    Notes
    -----
    Least squares: with p = y + e, b = cov(y, p) / var(p); variance var(y - b p) / ((n - 2) var(p)), that of errors
    alike everywhere. Others widen it; the entity buckets see that.
    """
    n, valid, size = _sizes(sums, minimum)
    means = sums / size[..., None]
    yy = np.maximum(means[..., _Y2] - means[..., _Y] ** 2, 0.0)
    ee = np.maximum(means[..., _E2] - means[..., _E] ** 2, 0.0)
    ye = means[..., _EY] - means[..., _E] * means[..., _Y]
    pp = np.maximum(yy + 2.0 * ye + ee, 0.0)
    varies = pp > LEAST_SPREAD * np.maximum(yy + ee, _SMALLEST)
    safe = np.where(varies, pp, 1.0)
    slope = (yy + ye) / safe
    left = np.maximum(yy - slope**2 * pp, 0.0)
    variances = np.maximum(left / safe / np.maximum(size - 2.0, 1.0), COIN_TOSS_VARIANCE / size**2)
    return _table(np.where(varies, slope, 0.0), variances, valid & varies, n)


Metric = Callable[..., ErrorTable]
"""Of sums of shape (..., N_POWERS) and the events that are needed at least."""


def of_sums(metric: Metric, sums: Floats, *, minimum: int = DEFAULT_MINIMUM) -> Measured:
    """One of the metrics above for a single slice.

    Parameters
    ----------
    metric : callable
        Any of the functions above that give an `ErrorTable`.
    sums : float64 array, shape (N_POWERS,)
    minimum : int, events

    Returns
    -------
    Estimate or NotEnough

    Examples
    --------
    >>> sums = power_terms(np.array([1.0, 2.0, 3.0, 5.0]), np.array([1.0, 2.0, 3.0, 4.0])).sum(axis=0)
    >>> of_sums(mean_absolute_errors, sums, minimum=2).value, of_sums(r_squared, sums, minimum=2).value
    (0.25, 0.8)
    """
    table = metric(sums, minimum=minimum)
    n = int(table.n)
    if n < max(minimum, 2):
        return NotEnough("too few outcomes", n, max(minimum, 2))
    if not table.valid:
        return NotEnough("too few different outcomes", 1, 2)
    return Estimate(float(table.values), float(table.variances), n)


def of_buckets(metric: Metric, buckets: Floats, *, minimum: int = DEFAULT_MINIMUM) -> Measured:
    """The same with the larger of its own variance and that of leaving entity buckets out.

    Parameters
    ----------
    metric : as in `of_sums`
    buckets : float64 array, shape (n_buckets, N_POWERS)
    minimum : int, events

    Returns
    -------
    Estimate or NotEnough
        With its own variance alone where buckets are too few or one outweighs the rest.
    """
    independent = of_sums(metric, buckets.sum(axis=0), minimum=minimum)
    clustered = jackknife((buckets[:, _N], buckets), lambda _, sums: metric(sums, minimum=2).values)
    return larger_variance(independent, clustered)


def design_effect(metric: Metric, buckets: Floats) -> float:
    """Variance of a metric with entities kept together over that of independent events, at least 1.

    Parameters
    ----------
    metric, buckets
        As in `of_buckets`.
    """
    independent, widened = of_sums(metric, buckets.sum(axis=0)), of_buckets(metric, buckets)
    if isinstance(independent, NotEnough) or isinstance(widened, NotEnough):
        return 1.0
    return widened.variance / independent.variance


def _sizes(sums: Floats, minimum: int) -> tuple[Floats, Booleans, Floats]:
    """Events, whether they suffice, and a size that divides safely."""
    n = np.asarray(sums[..., _N], dtype=np.float64)
    valid = np.asarray(n >= max(minimum, 2))
    return n, valid, np.maximum(n, 2.0)


def _spread(means: Floats) -> tuple[Floats, Booleans]:
    """Variance of the outcomes, 1 where there is none, and where there is."""
    spread = np.maximum(means[..., _Y2] - means[..., _Y] ** 2, 0.0)
    varies = np.asarray(spread > LEAST_SPREAD * np.maximum(means[..., _Y2], _SMALLEST))
    return np.where(varies, spread, 1.0), varies


def _fourth(means: Floats) -> Floats:
    """Fourth central moment of the outcomes."""
    y, y2, y3, y4 = (means[..., at] for at in (_Y, _Y2, _Y3, _Y4))
    return np.maximum(y4 - 4.0 * y * y3 + 6.0 * y**2 * y2 - 3.0 * y**4, 0.0)


def _means(sums: Floats, first: int, second: int, minimum: int) -> ErrorTable:
    n, valid, size = _sizes(sums, minimum)
    values = sums[..., first] / size
    spread = np.maximum(sums[..., second] / size - values**2, 0.0) / (size - 1.0)
    floor = COIN_TOSS_VARIANCE / size**2 * sums[..., second] / size
    return _table(values, np.maximum(spread, floor), valid, n)


def _positive(values: Floats) -> Floats:
    """The values with 1 in the place of zeros, which then divide a zero."""
    return np.where(values > 0.0, values, 1.0)


def _table(values: Floats, variances: Floats, valid: Booleans, n: Floats) -> ErrorTable:
    smallest = np.finfo(np.float64).tiny
    return ErrorTable(values, np.maximum(variances, smallest), valid, np.rint(n).astype(np.int64))
