"""Area under the ROC curve from two histograms of the score, with its variance."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sentinel.stats.arrays import Booleans, Counts, Floats
from sentinel.stats.estimate import COIN_TOSS_VARIANCE, DEFAULT_MINIMUM, Estimate, Measured, NotEnough

UNINFORMATIVE: Final = 0.5
"""The area of a score that knows nothing; stands where there is no estimate, behind `valid`."""


class AucTable(NamedTuple):
    """Areas of many histograms at once; every array has the leading shape of the input.

    Attributes
    ----------
    values : float64 array, 0..1
    variances : float64 array, > 0
    n_positive, n_negative : int64 array
    valid : bool array
        False where a class has too few events. Values are then 0.5 and variances 0.25: finite, and not to be
        used.
    """

    values: Floats
    variances: Floats
    n_positive: npt.NDArray[np.int64]
    n_negative: npt.NDArray[np.int64]
    valid: Booleans


def auc_variance_floor(n_positive: npt.ArrayLike, n_negative: npt.ArrayLike) -> Floats:
    """Least variance that an area may claim: (1/n1^2 + 1/n0^2) / 4.

    Perfect separation and constant scores have a DeLong variance of exactly zero. An area is a mean over the
    positives and over the negatives, so each class brings the floor of `variance_floor`.

    Parameters
    ----------
    n_positive, n_negative : array of counts
        Values below one count as one.

    Returns
    -------
    float64 array, > 0

    Examples
    --------
    >>> float(auc_variance_floor(50, 50))
    0.0002
    """
    positive = np.maximum(np.asarray(n_positive, dtype=np.float64), 1.0)
    negative = np.maximum(np.asarray(n_negative, dtype=np.float64), 1.0)
    return np.asarray(
        COIN_TOSS_VARIANCE * (1.0 / (positive * positive) + 1.0 / (negative * negative)), dtype=np.float64
    )


def auc_values(positives: Counts, negatives: Counts) -> Floats:
    """Areas without their variances, for resampling; 0.5 where a class is empty.

    Parameters
    ----------
    positives, negatives : array, shape (..., n_bins)
        Events per bin, bins in ascending order of the score.

    Returns
    -------
    float64 array, shape (...), 0..1
    """
    p, q, n1, n0 = _sides(positives, negatives)
    usable = (n1 > 0) & (n0 > 0)
    pairs = np.where(usable, n1 * n0, 1.0)
    won = np.einsum("...b,...b->...", p, np.cumsum(q, axis=-1) - 0.5 * q)
    return np.clip(np.where(usable, won / pairs, UNINFORMATIVE), 0.0, 1.0)


def auc_many(positives: Counts, negatives: Counts, *, minimum_per_class: int = DEFAULT_MINIMUM) -> AucTable:
    """Areas and their variances for any number of histograms, ties counted as half.

    Parameters
    ----------
    positives, negatives : array, shape (..., n_bins)
        Events per bin, bins in ascending order of the score.
    minimum_per_class : int
        Fewer positives or negatives than this (never fewer than two) is not enough.

    Returns
    -------
    AucTable

    Notes
    -----
    O(n_bins) each. With P_b, N_b the counts of bin b, the placement of a positive is v10_b = (sum_{c<b} N_c +
    N_b/2) / n0, of a negative v01_b = (sum_{c>b} P_c + P_b/2) / n1; the area is the mean of either, its
    variance the sum of both sample variances over n1 and n0, but at least `auc_variance_floor`.

    References
    ----------
    .. [1] DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44:837-845, for one curve. There V10 and V01 are
       our placements, S10 / m + S01 / n our variance.
    """
    p, q, n1, n0 = _sides(positives, negatives)
    needed = max(minimum_per_class, 2)
    valid = (n1 >= needed) & (n0 >= needed)
    safe1, safe0 = np.where(valid, n1, 2.0), np.where(valid, n0, 2.0)
    placed1 = (np.cumsum(q, axis=-1) - 0.5 * q) / safe0[..., None]
    placed0 = (n1[..., None] - np.cumsum(p, axis=-1) + 0.5 * p) / safe1[..., None]
    area = np.einsum("...b,...b->...", p, placed1) / safe1
    spread1 = np.einsum("...b,...b->...", p, (placed1 - area[..., None]) ** 2) / (safe1 - 1.0)
    spread0 = np.einsum("...b,...b->...", q, (placed0 - area[..., None]) ** 2) / (safe0 - 1.0)
    variance = np.maximum(spread1 / safe1 + spread0 / safe0, auc_variance_floor(safe1, safe0))
    return AucTable(
        values=np.where(valid, np.clip(area, 0.0, 1.0), UNINFORMATIVE),
        variances=np.where(valid, variance, COIN_TOSS_VARIANCE),
        n_positive=np.rint(n1).astype(np.int64),
        n_negative=np.rint(n0).astype(np.int64),
        valid=valid,
    )


def auc_from_histogram(positives: Counts, negatives: Counts, *, minimum_per_class: int = DEFAULT_MINIMUM) -> Measured:
    """Area under the ROC curve of one pair of histograms: `auc_many` for a single slice.

    Parameters
    ----------
    positives, negatives : array, shape (n_bins,)
        Events per bin, bins in ascending order of the score.
    minimum_per_class : int
        Fewer positives or negatives than this (never fewer than two) is not enough.

    Returns
    -------
    Estimate in 0..1, or NotEnough

    Examples
    --------
    >>> auc_from_histogram(np.array([10, 30]), np.array([30, 10])).value
    0.75
    >>> auc_from_histogram(np.array([1, 2]), np.array([30, 10]))
    NotEnough(reason='too few positive outcomes', n=3, needed=10)
    """
    table = auc_many(positives, negatives, minimum_per_class=minimum_per_class)
    n_positive, n_negative = int(table.n_positive), int(table.n_negative)
    if not table.valid:
        scarce = "positive" if n_positive <= n_negative else "negative"
        return NotEnough(f"too few {scarce} outcomes", min(n_positive, n_negative), max(minimum_per_class, 2))
    return Estimate(float(table.values), float(table.variances), n_positive + n_negative, n_positive)


def _sides(positives: Counts, negatives: Counts) -> tuple[Floats, Floats, Floats, Floats]:
    p = np.asarray(positives, dtype=np.float64)
    q = np.asarray(negatives, dtype=np.float64)
    return p, q, np.asarray(p.sum(axis=-1)), np.asarray(q.sum(axis=-1))
