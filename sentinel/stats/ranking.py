"""How well ranked lists put relevant items first: NDCG and reciprocal rank of each list, and their means."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sentinel.stats.arrays import Floats
from sentinel.stats.estimate import DEFAULT_MINIMUM, Measured, NotEnough
from sentinel.stats.jackknife import jackknife, larger_variance
from sentinel.stats.losses import mean_loss


def gains(grades: Floats) -> Floats:
    """What an item of a grade is worth: 2^grade - 1.

    Examples
    --------
    >>> gains(np.array([0.0, 1.0, 3.0])).tolist()
    [0.0, 1.0, 7.0]
    """
    return np.asarray(np.exp2(grades) - 1.0)


def discounts(k: int) -> Floats:
    """What a rank counts: 1 / log2(rank + 1), ranks from 1.

    Examples
    --------
    >>> discounts(3).round(4).tolist()
    [1.0, 0.6309, 0.5]
    """
    return np.asarray(1.0 / np.log2(np.arange(2, k + 2)))


def discounted_gains(grades: Floats) -> Floats:
    """Sum of gains times discounts of each list.

    Parameters
    ----------
    grades : float64 array, shape (..., k)
        In the order of the ranks; 0 where a list is shorter.

    Returns
    -------
    float64 array, shape (...), >= 0
    """
    return np.asarray(gains(grades) @ discounts(grades.shape[-1]))


def ndcg(ranked: Floats, ideal: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Discounted gains of each list over those of the best order of all items that have a grade.

    Parameters
    ----------
    ranked : float64 array, shape (n, k)
        Grades of the items at ranks 1 to k as they were shown; 0 for items without one.
    ideal : float64 array, shape (n, k)
        The k largest grades of each list, descending.

    Returns
    -------
    (float64 array in 0..1, bool array)
        False where no item is relevant: then nothing could be ranked well or badly, and the value is 0.

    References
    ----------
    .. [1] Burges et al. (2005), Learning to rank using gradient descent, ICML, for the gain 2^grade - 1.

    Examples
    --------
    >>> value, known = ndcg(np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]]))
    >>> value.round(4).tolist(), known.tolist()
    ([0.6309], [True])
    """
    best = discounted_gains(ideal)
    known = best > 0.0
    values = discounted_gains(ranked) / np.where(known, best, 1.0)
    return np.where(known, np.clip(values, 0.0, 1.0), 0.0), known


def reciprocal_ranks(ranked: Floats) -> Floats:
    """One over the rank of the first relevant item; 0 where none of the k is.

    Parameters
    ----------
    ranked : float64 array, shape (n, k)

    Examples
    --------
    >>> reciprocal_ranks(np.array([[0.0, 2.0, 1.0], [0.0, 0.0, 0.0]])).tolist()
    [0.5, 0.0]
    """
    relevant = ranked > 0.0
    first = relevant.argmax(axis=-1)
    return np.where(relevant.any(axis=-1), 1.0 / (first + 1.0), 0.0)


def mean_of_buckets(n: Floats, totals: Floats, squares: Floats, *, minimum: int = DEFAULT_MINIMUM) -> Measured:
    """Mean over lists with the larger of its own variance and that of leaving entity buckets out.

    Parameters
    ----------
    n, totals, squares : float64 array, shape (n_buckets,)
        Lists, sum of their values and of the squares, by entity bucket.
    minimum : int, lists

    Returns
    -------
    Estimate or NotEnough

    Examples
    --------
    >>> mean_of_buckets(np.full(16, 2.0), np.full(16, 1.0), np.full(16, 0.5)).value
    0.5
    """
    independent = mean_loss(float(n.sum()), float(totals.sum()), float(squares.sum()), minimum=minimum)
    if isinstance(independent, NotEnough):
        return independent
    return larger_variance(independent, jackknife((n, totals), lambda size, total: total / np.maximum(size, 1.0)))
