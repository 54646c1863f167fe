"""Distances between the baseline's and the live histogram of a feature or score."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.chisquare import upper_tail
from sentinel.stats.estimate import NotEnough

MINIMUM_EVENTS: Final = 500
"""Per side; with fewer the index of an unmoved feature passes 0.1 in more than a few percent of windows."""
CONCENTRATION: Final = 200.0
"""Finds an index of .05 after 400 to 800 events, with false alarms of .5 to 2 % at a threshold of 20."""
_SHARE_SLACK: Final = 1e-12
"""Cumulated shares are sums of rounded quotients."""


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


def jensen_shannon(baseline: Counts, live: Counts, *, minimum: int = MINIMUM_EVENTS) -> float | NotEnough:
    """Jensen-Shannon distance of two histograms: the square root of their divergence in bits.

    Parameters
    ----------
    baseline, live : array, shape (n_bins,)
    minimum : int, events
        Fewer than this (never fewer than one) on either side is not enough.

    Returns
    -------
    float in 0..1, or NotEnough
        0 where the shares agree, 1 where no bin is shared. When nothing moved its square is
        (bins - 1) (1/n + 1/m) / (8 ln 2) on average.

    References
    ----------
    .. [1] Lin (1991), Divergence measures based on the Shannon entropy, IEEE Trans. Inf. Theory 37:145-151.

    Examples
    --------
    >>> jensen_shannon(np.array([500, 0]), np.array([0, 500]))
    1.0
    """
    p, q = np.asarray(baseline, dtype=np.float64), np.asarray(live, dtype=np.float64)
    lacking = _too_small(p, q, minimum)
    if lacking is not None:
        return lacking
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2.0
    divergence = float(special.rel_entr(p, middle).sum() + special.rel_entr(q, middle).sum()) / 2.0
    return math.sqrt(min(max(divergence / math.log(2.0), 0.0), 1.0))


def kolmogorov_smirnov(baseline: Counts, live: Counts, *, minimum: int = MINIMUM_EVENTS) -> float | NotEnough:
    """Largest distance between the distribution functions of two histograms over ordered bins.

    Parameters
    ----------
    baseline, live : array, shape (n_bins,)
        In the order of the values.
    minimum : int, events

    Returns
    -------
    float in 0..1, or NotEnough
        A lower bound of the distance of the values themselves, which bins cannot exceed.

    Examples
    --------
    >>> kolmogorov_smirnov(np.array([500, 500, 0]), np.array([250, 500, 250]))
    0.25
    """
    p, q = np.asarray(baseline, dtype=np.float64), np.asarray(live, dtype=np.float64)
    lacking = _too_small(p, q, minimum)
    if lacking is not None:
        return lacking
    return min(float(np.abs(np.cumsum(p) / p.sum() - np.cumsum(q) / q.sum()).max()), 1.0)


def wasserstein(
    baseline: Counts, live: Counts, positions: Floats, *, minimum: int = MINIMUM_EVENTS
) -> float | NotEnough:
    """Wasserstein-1 distance of two histograms, in interquartile ranges of the first.

    Parameters
    ----------
    baseline, live : array, shape (n_bins,)
    positions : float64 array, shape (n_bins,), ascending
        Where the events of a bin are taken to lie.
    minimum : int, events

    Returns
    -------
    float, >= 0, or NotEnough
        Not enough, too, where the baseline has no spread to measure by.

    Notes
    -----
    The integral of |F - G| over the line; exact for events at the positions.

    Examples
    --------
    >>> wasserstein(np.array([250, 250, 250, 250]), np.array([0, 500, 250, 250]), np.array([0.0, 1.0, 2.0, 3.0]))
    0.125
    """
    p, q = np.asarray(baseline, dtype=np.float64), np.asarray(live, dtype=np.float64)
    lacking = _too_small(p, q, minimum)
    if lacking is not None:
        return lacking
    before, after = np.cumsum(p) / p.sum(), np.cumsum(q) / q.sum()
    lower, upper = (int(np.searchsorted(before, share - _SHARE_SLACK)) for share in (0.25, 0.75))
    spread = float(positions[upper] - positions[lower])
    if spread <= 0.0 or not math.isfinite(spread):
        return NotEnough("the middle half of the baseline lies in one bin", 1, 2)
    return float((np.abs(before - after)[:-1] * np.diff(positions)).sum()) / spread


def log_drift_evidence(baseline: Counts, live: Counts, *, concentration: float = CONCENTRATION) -> float:
    """Log e-value that live events follow another law than the baseline's, both sides' error counted.

    Parameters
    ----------
    baseline, live : array, shape (n_bins,)
        Counts of independent events over the same bins.
    concentration : float, > 0, events
        How far the alternative law is looked for around the baseline's: the lower, the farther. It never exceeds half
        of the baseline's events, or the alternative would be surer of the law than the null.

    Returns
    -------
    float, nats; 0 where a side is empty

    Notes
    -----
    Under no change the live law is p ~ Dirichlet(a), a = baseline + 1/2 (its posterior by Jeffreys' prior); under a
    change p ~ Dirichlet(k a / sum a). Both give the live counts a Dirichlet-multinomial likelihood; their ratio is a
    martingale of mean 1 in the live events when nothing changed, so by Ville's inequality it ever passes 1 / alpha with
    probability at most alpha, whenever one looks.

    References
    ----------
    .. [1] Good (1967), A Bayesian significance test for multinomial distributions, JRSS B 29:399-431.
    .. [2] Ville (1939), Etude critique de la notion de collectif.

    Examples
    --------
    >>> log_drift_evidence(np.array([500, 500]), np.array([500, 500])) < 0
    True
    >>> log_drift_evidence(np.array([500, 500]), np.array([800, 200])) > 60
    True
    """
    p, q = np.asarray(baseline, dtype=np.float64), np.asarray(live, dtype=np.float64)
    if p.sum() <= 0.0 or q.sum() <= 0.0:
        return 0.0
    null = p + 0.5
    wide = null * (min(concentration, 0.5 * float(p.sum())) / float(null.sum()))
    return _log_dirichlet_multinomial(q, wide) - _log_dirichlet_multinomial(q, null)


def _log_dirichlet_multinomial(counts: Floats, weights: Floats) -> float:
    """Log likelihood of counts, the multinomial coefficient left out."""
    total = float(weights.sum())
    whole = special.gammaln(total) - special.gammaln(total + float(counts.sum()))
    return float(whole + (special.gammaln(weights + counts) - special.gammaln(weights)).sum())


def _too_small(p: Floats, q: Floats, minimum: int) -> NotEnough | None:
    needed = max(minimum, 1)
    smaller = min(float(p.sum()), float(q.sum()))
    if smaller >= needed:
        return None
    side = "live" if float(q.sum()) == smaller else "baseline"
    return NotEnough(f"too few {side} events", round(smaller), needed)
