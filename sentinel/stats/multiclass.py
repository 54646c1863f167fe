"""Accuracy, F1 and one-vs-rest areas of a model with several classes, from counts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sentinel.stats.arrays import Booleans, Counts, Floats
from sentinel.stats.auc import auc_many, auc_values, auc_variance_floor
from sentinel.stats.estimate import DEFAULT_MINIMUM, Estimate, Measured, NotEnough, variance_floor
from sentinel.stats.jackknife import jackknife, larger_variance
from sentinel.stats.rates import rate


class F1Table(NamedTuple):
    """F1 of each class against the rest.

    Attributes
    ----------
    values, variances : float64 array, shape (..., n_classes)
        Finite everywhere; not to be used where ``valid`` is False.
    valid : bool array, shape (..., n_classes)
        False where the class has too few outcomes.
    """

    values: Floats
    variances: Floats
    valid: Booleans


def accuracy(confusion: Counts, *, minimum: int = DEFAULT_MINIMUM) -> Measured:
    """Share of events whose predicted class was the outcome.

    Parameters
    ----------
    confusion : array, shape (n_classes, n_classes)
        Events by predicted class and outcome.
    minimum : int, events

    Returns
    -------
    Estimate in 0..1, or NotEnough

    Examples
    --------
    >>> accuracy(np.array([[30, 10], [20, 40]])).value
    0.7
    """
    counts = np.asarray(confusion, dtype=np.float64)
    return rate(float(np.trace(counts)), float(counts.sum()), minimum=minimum, reason="too few outcomes")


def class_f1(confusion: Counts, *, minimum: int = DEFAULT_MINIMUM) -> F1Table:
    """F1 of every class against the rest.

    Parameters
    ----------
    confusion : array, shape (..., n_classes, n_classes)
        Events by predicted class and outcome.
    minimum : int, outcomes of the class

    Returns
    -------
    F1Table

    Notes
    -----
    With TP the diagonal and d = predicted + outcomes of the class, F = 2 TP / d. One event moves F by 2 (1 - F) / d if
    it is a hit, by -F / d if it is a false positive or a false negative: V = [TP (2 - 2F)^2 + (FP + FN) F^2] / d^2,
    taken with half an event more of either kind, so that it is never zero.

    Examples
    --------
    >>> class_f1(np.array([[40, 10], [20, 30]])).values.round(4).tolist()
    [0.7273, 0.6667]
    """
    counts = np.asarray(confusion, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    outcomes = counts.sum(axis=-2)
    errors = counts.sum(axis=-1) + outcomes - 2.0 * hits
    size = 2.0 * hits + errors
    values = 2.0 * hits / np.where(size > 0, size, 1.0)
    smooth_hits, smooth_errors = hits + 0.5, errors + 0.5
    smooth_size = 2.0 * smooth_hits + smooth_errors
    smoothed = 2.0 * smooth_hits / smooth_size
    variances = (smooth_hits * (2.0 - 2.0 * smoothed) ** 2 + smooth_errors * smoothed**2) / smooth_size**2
    return F1Table(values, variances, np.asarray(outcomes >= max(minimum, 1)))


def macro_f1(confusion: Counts, *, minimum: int = DEFAULT_MINIMUM) -> Measured:
    """Mean F1 over the classes that occur among outcomes or predictions.

    Parameters and returns are those of `accuracy`.

    Notes
    -----
    Delta method on multinomial counts. With d_c = predicted_c + outcomes_c, one more event of cell (i, j) moves the sum
    of all F_c by g_ij = 2 [i = j] / d_i - F_i / d_i - F_j / d_j; counts times slopes sum to zero, since F does not
    change when all counts double, so V = sum n_ij g_ij^2 / C^2.

    Examples
    --------
    >>> macro_f1(np.array([[40, 10], [20, 30]])).value
    0.6969697
    """
    counts = np.asarray(confusion, dtype=np.float64)
    n = float(counts.sum())
    if n < max(minimum, 2):
        return NotEnough("too few outcomes", round(n), max(minimum, 2))
    size = counts.sum(axis=0) + counts.sum(axis=1)
    present = size > 0
    values = macro_f1_values(counts)
    safe = np.where(present, size, 1.0)
    share = 2.0 * np.diagonal(counts) / safe / safe
    slopes = np.diag(2.0 / safe) - share[:, None] - share[None, :]
    variance = float((counts * slopes**2).sum()) / float(present.sum()) ** 2
    return Estimate(float(values), max(variance, variance_floor(n)), round(n))


def macro_f1_values(confusion: Counts) -> Floats:
    """Macro F1 without its variance, for resampling; 0 without events.

    Parameters
    ----------
    confusion : array, shape (..., n_classes, n_classes)

    Returns
    -------
    float64 array, shape (...)
    """
    counts = np.asarray(confusion, dtype=np.float64)
    size = counts.sum(axis=-1) + counts.sum(axis=-2)
    present = size > 0
    each = 2.0 * np.diagonal(counts, axis1=-2, axis2=-1) / np.where(present, size, 1.0)
    return np.asarray(each.sum(axis=-1) / np.maximum(present.sum(axis=-1), 1))


def macro_f1_of_buckets(buckets: Counts, *, minimum: int = DEFAULT_MINIMUM) -> Measured:
    """Macro F1 with the larger of its own variance and that of leaving entity buckets out.

    Parameters
    ----------
    buckets : array, shape (n_buckets, n_classes, n_classes)
    minimum : int, events

    Returns
    -------
    Estimate in 0..1, or NotEnough
    """
    independent = macro_f1(buckets.sum(axis=0), minimum=minimum)
    return larger_variance(independent, jackknife((buckets,), macro_f1_values))


def macro_auc(buckets: Counts, *, minimum: int = DEFAULT_MINIMUM) -> Measured:
    """Mean of the one-vs-rest areas over the classes with enough outcomes.

    Parameters
    ----------
    buckets : array, shape (n_buckets, n_classes, n_bins, 2)
        Events by entity bucket, class, bin of that class's score, and whether the outcome was the class.
    minimum : int
        Outcomes of the class, and of the rest, for a class to count.

    Returns
    -------
    Estimate in 0..1, or NotEnough if fewer than two classes count

    Notes
    -----
    The areas of one sample are correlated, which histograms by class do not show: the variance is the bucket jackknife,
    at least what independent areas would give; where buckets do not suffice, what equal areas would give: the squared
    mean of their standard errors, an upper bound.

    References
    ----------
    .. [1] Provost & Domingos (2000), Well-trained PETs, CeDER working paper IS-00-04, for one-vs-rest areas; there
       weighted by the classes' shares, here equally.
    """
    counts = np.asarray(buckets, dtype=np.float64)
    total = counts.sum(axis=0)
    table = auc_many(total[..., 1], total[..., 0], minimum_per_class=minimum)
    n = round(float(total[0].sum())) if len(total) else 0
    usable = np.flatnonzero(table.valid)
    if usable.size < 2:
        return NotEnough("too few classes with enough outcomes", int(usable.size), 2)
    value = float(table.values[usable].mean())
    variances = table.variances[usable]
    kept = counts[:, usable]
    clustered = jackknife((kept[:, 0], kept), lambda _, some: auc_values(some[..., 1], some[..., 0]).mean(axis=-1))
    scarce = np.minimum(table.n_positive[usable], table.n_negative[usable])
    if isinstance(clustered, NotEnough):
        variance = float(np.sqrt(variances).mean() ** 2)
    else:
        variance = max(clustered.variance, float(variances.sum()) / usable.size**2)
    floor = float(auc_variance_floor(table.n_positive[usable], table.n_negative[usable]).sum()) / usable.size**2
    return Estimate(value, max(variance, floor), n, int(scarce.min()))
