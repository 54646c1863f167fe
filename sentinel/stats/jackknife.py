"""Variance under repeated entities: leave one bucket of entities out at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.auc import auc_from_histogram, auc_values, auc_variance_floor
from sentinel.stats.estimate import DEFAULT_MINIMUM, Estimate, Measured, NotEnough

MINIMUM_BUCKETS: Final = 12
"""Filled buckets: with fewer, the relative sd of the variance, sqrt(2 / (G - 1)), passes 43 percent."""

LARGEST_SHARE: Final = 0.15
"""Of all events in one bucket: above, one entity decides and leaving it out says nothing about the others."""

_ALIKE: Final = 1e-9
"""Variance over the squared mean, below which the digits of a float are all that differs."""


def leave_one_out(buckets: Counts) -> Counts:
    """All buckets without each one in turn, along the first axis.

    Examples
    --------
    >>> leave_one_out(np.array([1, 2, 4]))
    array([6, 5, 3])
    """
    return np.asarray(buckets.sum(axis=0) - buckets)


def jackknife_variance(values: Floats) -> Floats:
    """Variance of a statistic from its leave-one-out values along the first axis: (G-1)/G sum (v - mean)^2.

    Parameters
    ----------
    values : float64 array, shape (n_buckets, ...)

    Returns
    -------
    float64 array, shape (...), >= 0; 0 with fewer than two buckets

    References
    ----------
    .. [1] Efron & Stein (1981), The jackknife estimate of variance, Annals of Statistics 9:586-596.

    Examples
    --------
    >>> float(jackknife_variance(np.array([1.0, 2.0, 3.0])))  # 2/3 * 2
    1.3333333
    """
    n_buckets = values.shape[0]
    if n_buckets < 2:
        return np.zeros(values.shape[1:])
    centred = values - values.mean(axis=0)
    return np.asarray((centred * centred).sum(axis=0) * ((n_buckets - 1.0) / n_buckets))


def jackknife(
    buckets: tuple[Counts, ...],
    statistic: Callable[..., Floats],
    *,
    minimum_buckets: int = MINIMUM_BUCKETS,
    largest_share: float = LARGEST_SHARE,
) -> Measured:
    """Value and bucket-jackknife variance of any statistic of bucketed counts.

    Parameters
    ----------
    buckets : tuple of arrays, each of shape (n_buckets, ...)
        Counts or sums per entity bucket. The first array's totals say how many events a bucket has; buckets
        without events are left out, since they hold no entity.
    statistic : callable
        Called with the arrays, vectorised over their first axis; returns float64, shape (first axis,),
        finite.
    minimum_buckets : int
    largest_share : float, 0..1

    Returns
    -------
    Estimate, or NotEnough when buckets are too few or one outweighs the rest. The variance has no floor but
    the smallest positive number: only the caller knows the scale.

    Notes
    -----
    For an interval use Student's t with n_buckets - 1 degrees of freedom, 2 n_buckets - 2 for a difference of
    two sides.

    Examples
    --------
    >>> sizes, losses = np.full(16, 10), np.arange(16.0)
    >>> jackknife((sizes, losses), lambda n, total: total / n).value
    0.75
    """
    usable = _usable(buckets[0], minimum_buckets, largest_share)
    if isinstance(usable, NotEnough):
        return usable
    kept = tuple(np.asarray(array, dtype=np.float64)[usable] for array in buckets)
    value = float(statistic(*(array.sum(axis=0, keepdims=True) for array in kept))[0])
    variance = float(jackknife_variance(statistic(*(leave_one_out(array) for array in kept))))
    return Estimate(value, max(variance, float(np.finfo(np.float64).tiny)), round(float(kept[0].sum())))


def design_effect_of_mean(n: Counts, totals: Counts | Floats, squares: Counts | Floats) -> float:
    """Variance of a mean with entities kept together over that of independent events, at least 1.

    Parameters
    ----------
    n, totals, squares : array, shape (n_buckets,)
        Events, their sum and the sum of their squares in each entity bucket.

    Returns
    -------
    float, >= 1
        1 where buckets are too few, one outweighs the rest, or all events are alike.

    References
    ----------
    .. [1] Kish (1965), Survey Sampling, chapter 5.

    Examples
    --------
    Every entity repeats its one value four times:

    >>> value, four = np.arange(40.0), np.full(40, 4)
    >>> round(design_effect_of_mean(four, 4 * value, 4 * value**2))
    4
    """
    clustered = jackknife((n, totals), lambda size, total: total / np.maximum(size, 1.0))
    if isinstance(clustered, NotEnough):
        return 1.0
    size = float(n.sum())
    mean = float(totals.sum()) / size
    independent = (float(squares.sum()) / size - mean**2) / size
    return max(clustered.variance / independent, 1.0) if independent > _ALIKE * mean**2 / size else 1.0


def jackknife_auc(
    positives: Counts,
    negatives: Counts,
    *,
    minimum_per_class: int = DEFAULT_MINIMUM,
    minimum_buckets: int = MINIMUM_BUCKETS,
    largest_share: float = LARGEST_SHARE,
) -> Measured:
    """Area under the ROC curve with the bucket-jackknife variance (at least the floor of an area).

    Parameters
    ----------
    positives, negatives : array, shape (n_buckets, n_bins)
        Events per entity bucket and score bin, bins in ascending order of the score.
    minimum_per_class, minimum_buckets : int
    largest_share : float, 0..1

    Returns
    -------
    Estimate in 0..1, or NotEnough

    Notes
    -----
    O(n_buckets n_bins): all leave-one-out areas in one pass. Catches the correlation of events of one entity;
    for independent events it agrees with DeLong up to its own noise, so the larger of the two is the safe
    choice.

    Examples
    --------
    >>> same = np.tile(np.array([2, 6]), (16, 1))
    >>> jackknife_auc(same, same[:, ::-1]).value
    0.75
    """
    whole = auc_from_histogram(positives.sum(axis=0), negatives.sum(axis=0), minimum_per_class=minimum_per_class)
    usable = _usable(positives + negatives, minimum_buckets, largest_share)
    if isinstance(whole, NotEnough):
        return whole
    if isinstance(usable, NotEnough):
        return usable
    areas = auc_values(leave_one_out(positives[usable]), leave_one_out(negatives[usable]))
    n_positive = whole.n_positive or 0
    floor = float(auc_variance_floor(n_positive, whole.n - n_positive))
    return Estimate(whole.value, max(float(jackknife_variance(areas)), floor), whole.n, n_positive)


def larger_variance(independent: Measured, clustered: Measured) -> Measured:
    """The first estimate with the larger of both variances; the first alone where there is no second."""
    if isinstance(independent, NotEnough) or isinstance(clustered, NotEnough):
        return independent
    variance = max(independent.variance, clustered.variance)
    return Estimate(independent.value, variance, independent.n, independent.n_positive)


def _usable(buckets: Counts, minimum_buckets: int, largest_share: float) -> npt.NDArray[np.intp] | NotEnough:
    """Indices of the buckets with events, if they suffice."""
    events = np.asarray(buckets, dtype=np.float64).reshape(len(buckets), -1).sum(axis=1)
    filled = np.flatnonzero(events > 0)
    needed = max(minimum_buckets, 2)
    if filled.size < needed:
        return NotEnough("too few entity buckets with events", int(filled.size), needed)
    largest = float(events.max())
    if largest > largest_share * float(events.sum()):
        return NotEnough(
            "one entity bucket outweighs the rest", round(float(events.sum())), round(largest / largest_share)
        )
    return filled
