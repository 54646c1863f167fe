"""How surely two files differ in a share or a histogram, where rows of one entity are no independent rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from sentinel.audit.findings import Interval
from sentinel.events.batch import F64, I64
from sentinel.stats.chisquare import upper_tail
from sentinel.stats.drift import stability_index
from sentinel.stats.estimate import NotEnough

MINIMUM: Final = 100
"""Rows of each file: with 18 bins about five are then expected in each, as chi-square wants."""


@dataclass(frozen=True, slots=True)
class ShareGap:
    """A share of the validation rows less that of the training rows.

    Attributes
    ----------
    gap : Interval
        With its 95 % interval.
    train, validation : float, 0..1
    p_value : float, 0..1
        Of no difference, two-sided.
    error : float
        Standard error of the gap.
    """

    gap: Interval
    train: float
    validation: float
    p_value: float
    error: float


@dataclass(frozen=True, slots=True)
class Shift:
    """How far apart two histograms are.

    Attributes
    ----------
    excess : float, nats
        Population stability index beyond its mean under one law.
    p_value : float, 0..1
        Of one law.
    area : float, .5 to 1
        How well the bin alone tells which file a row is of, as an AUC: from the excess by the law of two normals of
        one spread, excess = d^2, area = Phi(d / sqrt 2).
    """

    excess: float
    p_value: float
    area: float


def compare_shares(train: tuple[I64, I64], validation: tuple[I64, I64]) -> ShareGap | NotEnough:
    """Compare a share between the files.

    Parameters
    ----------
    train, validation : (rows concerned, rows), each an int64 array of shape (n_buckets,)
        By buckets of entities.

    Notes
    -----
    The variance of each side is that of a ratio of bucket totals, G / (G - 1) sum (h_g - p n_g)^2 / n^2, but never
    less than the binomial one with half an event added to either kind.

    References
    ----------
    .. [1] Cochran (1977), Sampling Techniques, 3rd edition, chapter 6 (ratio estimators).

    Examples
    --------
    >>> n = np.full(32, 100)
    >>> found = compare_shares((n // 10, n), (n // 2, n))
    >>> round(found.gap.value, 3), found.p_value < 1e-9
    (0.4, True)
    """
    sides = [(np.asarray(hits, np.float64), np.asarray(n, np.float64)) for hits, n in (train, validation)]
    smallest = int(min(n.sum() for _, n in sides))
    if smallest < MINIMUM:
        return NotEnough("too few rows in one of the files", smallest, MINIMUM)
    (first, first_variance), (second, second_variance) = (_share(hits, n) for hits, n in sides)
    error = float(np.sqrt(first_variance + second_variance))
    freedom = 2 * len(sides[0][0]) - 2
    reach = float(stats.t.ppf(0.975, freedom)) * error
    gap = second - first
    return ShareGap(
        Interval(value=gap, lower=gap - reach, upper=gap + reach),
        first,
        second,
        float(2.0 * stats.t.sf(abs(gap) / error, freedom)),
        error,
    )


def compare_histograms(train: I64, validation: I64, *, minimum: int = MINIMUM) -> Shift | NotEnough:
    """Compare two histograms over the same bins.

    Parameters
    ----------
    train, validation : int64 array, shape (n_bins, n_buckets)
        Rows by bin and bucket of entities.
    minimum : int
        Independent rows that either file has to have.

    Notes
    -----
    Repeated rows of an entity widen the noise: index and test are corrected by the mean design effect of the bins,
    sum (1 - p_k) d_k / (K - 1), never less than 1 (first-order correction).

    References
    ----------
    .. [1] Rao & Scott (1981), The analysis of categorical data from complex sample surveys, JASA 76:221-230.

    Examples
    --------
    >>> same = np.full((4, 32), 50)
    >>> compare_histograms(same, same).excess < 0
    True
    """
    index = stability_index(train.sum(axis=1), validation.sum(axis=1), minimum=minimum)
    if isinstance(index, NotEnough):
        return index
    noise = 1.0 / index.n_baseline + 1.0 / index.n_live
    effects = _design(train), _design(validation)
    effective = min(index.n_baseline / effects[0], index.n_live / effects[1])
    if effective < minimum:
        return NotEnough("too few independent rows in one of the files", round(effective), minimum)
    wider = (effects[0] / index.n_baseline + effects[1] / index.n_live) / noise
    excess = index.value - wider * index.null_mean
    freedom = index.n_bins - 1
    area = float(stats.norm.cdf(np.sqrt(max(excess, 0.0) / 2.0)))
    return Shift(excess, upper_tail(index.value / (noise * wider), freedom), area)


def _share(hits: F64, n: F64) -> tuple[float, float]:
    size = float(n.sum())
    share = float(hits.sum()) / size
    clustered = _ratio_variance(hits[None], n, np.array([share]))[0]
    careful = (float(hits.sum()) + 0.5) / (size + 1.0)
    return share, max(float(clustered), careful * (1.0 - careful) / size)


def _ratio_variance(hits: F64, n: F64, share: F64) -> F64:
    """Of each row of ``hits``, shape (k, n_buckets); 0 with fewer than two buckets filled."""
    filled = int((n > 0).sum())
    if filled < 2:
        return np.zeros(len(hits))
    spread: F64 = ((hits - share[:, None] * n) ** 2).sum(axis=1) * (filled / (filled - 1)) / n.sum() ** 2
    return spread


def _design(counts: I64) -> float:
    used = counts[counts.sum(axis=1) > 0].astype(np.float64)
    if len(used) < 2:
        return 1.0
    n = used.sum(axis=0)
    share = used.sum(axis=1) / n.sum()
    effect = _ratio_variance(used, n, share) / (share * (1.0 - share) / n.sum())
    return max(float(((1.0 - share) * effect).sum() / (len(used) - 1)), 1.0)
