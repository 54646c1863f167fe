"""Distances between the baseline's and the live histogram of a feature or score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.chisquare import upper_tail
from sentinel.stats.estimate import Estimate, Measured, NotEnough, variance_floor
from sentinel.stats.rates import rate_variance

MINIMUM_EVENTS: Final = 500
"""Per side; with fewer the index of an unmoved feature passes 0.1 in more than a few percent of windows."""


@dataclass(frozen=True, slots=True)
class StabilityIndex:
    """Population stability index with the value that it has when nothing moved.

    Attributes
    ----------
    value : float, >= 0, nats
        Smoothed index.
    null_mean : float, nats
        Mean under one law, (bins - 1) (1/n + 1/m).
    p_value : float, 0..1
        Of value / (1/n + 1/m) as chi-square with bins - 1 degrees of freedom.
    n_bins, n_baseline, n_live : int
        Bins with events on either side, and events.
    """

    value: float
    null_mean: float
    p_value: float
    n_bins: int
    n_baseline: int
    n_live: int

    @property
    def excess(self) -> float:
        """What is left of the index beyond its mean under no change; judge the size of a drift by this."""
        return self.value - self.null_mean


def shares(counts: Counts, *, pseudocount: float = 0.5) -> Floats:
    """Share of each bin, with `pseudocount` events added to every bin.

    Parameters
    ----------
    counts : array, shape (n_bins,)
    pseudocount : float, >= 0, events

    Returns
    -------
    float64 array, shape (n_bins,), sums to one; zeros if there is nothing at all

    Examples
    --------
    >>> shares(np.array([0, 1]))
    array([0.25, 0.75])
    """
    smoothed = np.asarray(counts, dtype=np.float64) + pseudocount
    total = float(smoothed.sum())
    return smoothed / total if total > 0 else np.zeros_like(smoothed)


def stability_index(
    baseline: Counts, live: Counts, *, minimum: int = MINIMUM_EVENTS, pseudocount: float = 0.5
) -> StabilityIndex | NotEnough:
    """Symmetrised Kullback-Leibler divergence of two histograms: sum (q - p) ln(q / p).

    Bins without events on both sides are dropped first: smoothed, they would count as a difference of their
    own wherever the two sides have different sizes.

    Parameters
    ----------
    baseline, live : array, shape (n_bins,)
        Counts over the same bins; missing values have their own.
    minimum : int, events
        Fewer than this (never fewer than one) on either side is not enough.
    pseudocount : float, > 0, events per bin

    Returns
    -------
    StabilityIndex or NotEnough

    References
    ----------
    .. [1] Jeffreys (1946), An invariant form for the prior probability in estimation problems, Proc. R. Soc.
       A 186:453-461.

    Examples
    --------
    >>> moved = stability_index(np.array([500, 500]), np.array([800, 200]))
    >>> round(moved.value, 3), round(moved.null_mean, 3)
    (0.415, 0.002)
    """
    p, q = np.asarray(baseline, dtype=np.float64), np.asarray(live, dtype=np.float64)
    lacking = _too_small(p, q, minimum)
    if lacking is not None:
        return lacking
    used = (p + q) > 0
    p_share, q_share = shares(p[used], pseudocount=pseudocount), shares(q[used], pseudocount=pseudocount)
    value = float(((q_share - p_share) * np.log(q_share / p_share)).sum())
    noise = 1.0 / float(p.sum()) + 1.0 / float(q.sum())
    freedom = int(used.sum()) - 1
    return StabilityIndex(
        value=value,
        null_mean=freedom * noise,
        p_value=upper_tail(value / noise, freedom),
        n_bins=freedom + 1,
        n_baseline=round(float(p.sum())),
        n_live=round(float(q.sum())),
    )


def total_variation(baseline: Counts, live: Counts, *, minimum: int = MINIMUM_EVENTS) -> Measured:
    """Largest difference in probability of any set of bins: half the sum of |q - p|.

    Parameters
    ----------
    baseline, live : array, shape (n_bins,)
    minimum : int, events
        Fewer than this (never fewer than one) on either side is not enough.

    Returns
    -------
    Estimate in 0..1, or NotEnough. Biased upwards by about sum_b sqrt(p_b (1/n + 1/m) / (2 pi)) when nothing
    moved.

    Notes
    -----
    It is the difference of one share, that of the bins that grew; the variance is binomial on both sides with
    that set held fixed.

    Examples
    --------
    >>> round(total_variation(np.array([500, 500]), np.array([800, 200])).value, 9)
    0.3
    """
    p, q = np.asarray(baseline, dtype=np.float64), np.asarray(live, dtype=np.float64)
    lacking = _too_small(p, q, minimum)
    if lacking is not None:
        return lacking
    n, m = float(p.sum()), float(q.sum())
    grew = q / m > p / n
    before, after = float(p[grew].sum()), float(q[grew].sum())
    variance = rate_variance(before, n) + rate_variance(after, m)
    value = min(max(after / m - before / n, 0.0), 1.0)
    return Estimate(value, max(variance, variance_floor(m)), round(m))


def _too_small(p: Floats, q: Floats, minimum: int) -> NotEnough | None:
    needed = max(minimum, 1)
    smaller = min(float(p.sum()), float(q.sum()))
    if smaller >= needed:
        return None
    side = "live" if float(q.sum()) == smaller else "baseline"
    return NotEnough(f"too few {side} events", round(smaller), needed)
