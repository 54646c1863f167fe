"""Area under the ROC curve of a part, a reweighted mixture or another scoring of the same rows, with its covariance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.auc import auc_from_histogram, auc_variance_floor
from sentinel.stats.estimate import DEFAULT_MINIMUM, Estimate, NotEnough


@dataclass(frozen=True, slots=True)
class Corrected:
    """An area and how it moves with the area of the same rows as they are.

    Attributes
    ----------
    estimate : Estimate in 0..1
    covariance : float
        With the plain area of all rows; both variances bound it.
    """

    estimate: Estimate
    covariance: float


def reweighted_auc(
    positives: Counts, negatives: Counts, weights: Counts, *, minimum_per_class: int = DEFAULT_MINIMUM
) -> Corrected | NotEnough:
    """Area when each cell of the rows counts with a weight of its own.

    Parameters
    ----------
    positives, negatives : array, shape (n_cells, n_bins)
        Events per cell and bin, bins in ascending order of the score.
    weights : array, shape (n_cells,), >= 0
        Taken as known. Zero leaves a cell out.
    minimum_per_class : int
        Fewer effective events of a class, (sum w)^2 / sum w^2, is not enough.

    Returns
    -------
    Corrected, or NotEnough

    Notes
    -----
    With the placements v10, v01 of the weighted histogram (see `auc_many`), a positive of weight w moves the area by
    w (v10 - A) / W1, a negative by w (v01 - A) / W0, W1 and W0 the total weights; the variance sums their squares,
    the covariance their products with the same terms of the plain area.

    Examples
    --------
    >>> high, low = np.array([[0, 50], [20, 30]]), np.array([[50, 0], [30, 20]])
    >>> reweighted_auc(high, low, np.array([0.0, 1.0])).estimate.value
    0.6
    """
    p, q = np.asarray(positives, np.float64), np.asarray(negatives, np.float64)
    w = np.asarray(weights, np.float64)[:, None]
    sizes = [_effective(side.sum(axis=1), w[:, 0]) for side in (p, q)]
    if min(sizes) < max(minimum_per_class, 2):
        scarce = "positive" if sizes[0] <= sizes[1] else "negative"
        return NotEnough(f"too few {scarce} outcomes", math.floor(min(sizes)), max(minimum_per_class, 2))
    mixed, plain = _influence((w * p).sum(axis=0), (w * q).sum(axis=0)), _influence(p.sum(axis=0), q.sum(axis=0))
    spread = [
        float((w * w * side * one**2).sum()) * size / (size - 1.0)
        for side, one, size in zip((p, q), (mixed.positive, mixed.negative), sizes, strict=True)
    ]
    variance = max(sum(spread), float(auc_variance_floor(*sizes)))
    shared = float((w * p * mixed.positive * plain.positive).sum() + (w * q * mixed.negative * plain.negative).sum())
    return Corrected(Estimate(mixed.area, variance, round(sum(sizes)), round(sizes[0])), shared)


def rescored_auc(positives: Counts, negatives: Counts) -> Corrected | NotEnough:
    """Area of a second score of the same rows.

    Parameters
    ----------
    positives, negatives : array, shape (n_bins, n_bins)
        Events by the bin of the first score and by the bin of the second.

    Returns
    -------
    Corrected, or NotEnough
        Of the second score; the covariance is with the area of the first.

    References
    ----------
    .. [1] DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44:837-845: the off-diagonal of S10 / m + S01 / n.

    Examples
    --------
    >>> same = rescored_auc(np.diag([10, 30]), np.diag([30, 10]))
    >>> same.estimate.value, math.isclose(same.covariance, same.estimate.variance, rel_tol=0.05)
    (0.75, True)
    """
    p, q = np.asarray(positives, np.float64), np.asarray(negatives, np.float64)
    second = auc_from_histogram(p.sum(axis=0), q.sum(axis=0))
    if isinstance(second, NotEnough):
        return second
    before, after = _influence(p.sum(axis=1), q.sum(axis=1)), _influence(p.sum(axis=0), q.sum(axis=0))
    shared = float(before.positive @ p @ after.positive + before.negative @ q @ after.negative)
    return Corrected(second, shared)


class _Influence(NamedTuple):
    """An area, and by how much one event of each bin moves it."""

    area: float
    positive: Floats
    negative: Floats


def _influence(p: Floats, q: Floats) -> _Influence:
    n1, n0 = float(p.sum()), float(q.sum())
    placed1 = (np.cumsum(q) - 0.5 * q) / n0
    placed0 = (n1 - np.cumsum(p) + 0.5 * p) / n1
    area = min(max(float(p @ placed1) / n1, 0.0), 1.0)
    return _Influence(area, (placed1 - area) / n1, (placed0 - area) / n0)


def _effective(sizes: Floats, weights: Floats) -> float:
    squares = float((weights * weights * sizes).sum())
    return float((weights * sizes).sum()) ** 2 / squares if squares > 0.0 else 0.0
