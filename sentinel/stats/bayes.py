"""The both-sides Bayes factor: evidence for a gap that holds at every look."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from scipy import special

from sentinel.stats.arrays import Floats, Values

_LARGEST: Final = 1e100
"""Gaps are clipped here, variances and the square of tau also to its inverse, so that every power stays finite."""

_LARGEST_SCORE: Final = 1e150
"""Its square is finite."""

_NEWTON_STEPS: Final = 50
"""Many more than the convex equation takes to its last digit."""


class GapInterval(NamedTuple):
    """Lower and upper end of the gap, in the unit of the metric."""

    lower: Floats
    upper: Floats


def log_bayes_factor(gap: Values, variance: Values, tau: Values, tolerance: Values = 0.0) -> Floats:
    """Log evidence that live is worse than offline by more than the tolerance.

    Its exponential is an e-value: whatever the schedule of looks, it ever exceeds 1 / alpha with probability
    at most alpha (asymptotically) while the true gap is at most `tolerance`.

    Parameters
    ----------
    gap : float or array
        Offline minus live for a metric where more is better, live minus offline for a loss: > 0 means live is
        worse.
    variance : float or array, > 0
        Of the gap: offline variance plus live variance.
    tau : float or array, > 0
        Scale of the gaps worth an alarm, the standard deviation of the half-normal prior beyond the
        tolerance.
    tolerance : float or array
        Gap that is no finding.

    Returns
    -------
    float64 array of the broadcast shape, nats, finite for any finite input

    Notes
    -----
    With D the gap less the tolerance, s2 the variance, t2 = tau^2 and x = D tau / sqrt(s2 (s2 + t2)): ln BF =
    ln 2 - ln(1 + t2 / s2) / 2 + x^2 / 2 + ln Phi(x), the ratio of D's density under a half-normal gap to that
    under none. Below zero x^2 / 2 + ln Phi(x) is computed as ln(erfcx(-x / sqrt 2) / 2), since there the two
    terms cancel.

    References
    ----------
    .. [1] Robbins (1970), Statistical methods related to the law of the iterated logarithm, Ann. Math.
       Statist. 41:1397-1409.
    .. [2] Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2021), Time-uniform central limit theory and
       asymptotic confidence sequences, arXiv 2103.06476. There time is the number of events, here the
       information 1 / s2, offline error included.

    Examples
    --------
    >>> float(log_bayes_factor(0.1, 0.0004, 0.05).round(4))
    10.4785
    >>> bool(log_bayes_factor(0.0, 0.0004, 0.05) < 0)
    True
    """
    distance = _clipped(gap) - _clipped(tolerance)
    s2, t2 = _scales(variance, tau)
    root = np.sqrt(s2) * np.sqrt(1.0 + s2 / t2)
    score = np.clip(distance / root, -_LARGEST_SCORE, _LARGEST_SCORE)
    return np.asarray(math.log(2.0) - 0.5 * np.log1p(t2 / s2) + _tilt(score))


def log_bayes_factor_two_sided(gap: Values, variance: Values, tau: Values) -> Floats:
    """Log evidence that live differs from offline, in either direction.

    Parameters
    ----------
    gap : float or array
    variance : float or array, > 0
    tau : float or array, > 0
        Standard deviation of the normal prior about zero.

    Returns
    -------
    float64 array of the broadcast shape, nats, finite for any finite input

    Notes
    -----
    ln BF = -ln(1 + t2 / s2) / 2 + x^2 / 2 with x as in `log_bayes_factor`.

    Examples
    --------
    >>> bool(log_bayes_factor_two_sided(0.1, 0.0004, 0.05) == log_bayes_factor_two_sided(-0.1, 0.0004, 0.05))
    True
    """
    distance = _clipped(gap)
    s2, t2 = _scales(variance, tau)
    score = np.clip(distance / (np.sqrt(s2) * np.sqrt(1.0 + s2 / t2)), -_LARGEST_SCORE, _LARGEST_SCORE)
    return np.asarray(0.5 * score * score - 0.5 * np.log1p(t2 / s2))


def anytime_interval(gap: Values, variance: Values, tau: Values, alpha: float = 0.05) -> GapInterval:
    """Bounds that hold the true gap at every look at once, with probability at least 1 - alpha.

    Parameters
    ----------
    gap : float or array
    variance : float or array, > 0
    tau : float or array, > 0
        Where the bounds are tight: near standard errors of about tau / 2.8 for alpha .05.
    alpha : float, 0 < alpha < 1

    Returns
    -------
    GapInterval of float64 arrays

    Raises
    ------
    ValueError
        If alpha is not inside (0, 1).

    Notes
    -----
    The gaps that `log_bayes_factor_two_sided` does not reject at 1 / alpha:
    D +- s sqrt((1 + s2 / t2) (2 ln(1 / alpha) + ln(1 + t2 / s2))).

    Examples
    --------
    >>> interval = anytime_interval(0.1, 0.0004, 0.05)
    >>> float(interval.lower.round(4)), float(interval.upper.round(4))
    (0.0392, 0.1608)
    """
    centre = _clipped(gap)
    s2, t2 = _scales(variance, tau)
    reach = np.sqrt(s2) * np.sqrt(1.0 + s2 / t2) * np.sqrt(2.0 * _log_threshold(alpha) + np.log1p(t2 / s2))
    return GapInterval(np.asarray(centre - reach), np.asarray(centre + reach))


def z_threshold(variance: Values, tau: Values, alpha: float) -> Floats:
    """Standard errors beyond the tolerance at which the one-sided evidence reaches 1 / alpha.

    Parameters
    ----------
    variance : float or array, > 0
    tau : float or array, > 0
    alpha : float, 0 < alpha < 1

    Returns
    -------
    float64 array of the broadcast shape, > 0

    Raises
    ------
    ValueError
        If alpha is not inside (0, 1).

    Notes
    -----
    Root of ln BF(x) = ln(1 / alpha). x^2 / 2 + ln Phi(x) is convex and increasing, so Newton's method started
    at its upper bound sqrt(2 (level + ln 2)) falls onto the root from one side.

    Examples
    --------
    >>> z_threshold(np.array([0.005, 0.05]) ** 2, 0.05, 0.05).round(1)  # flat over a tenfold standard error
    array([3.1, 3.3])
    """
    s2, t2 = _scales(variance, tau)
    level = _log_threshold(alpha) - math.log(2.0) + 0.5 * np.log1p(t2 / s2)
    score = np.sqrt(2.0 * (level + math.log(2.0)))
    for _ in range(_NEWTON_STEPS):
        hazard = np.exp(-0.5 * score * score - special.log_ndtr(score)) / math.sqrt(2.0 * math.pi)
        score = score - (_tilt(score) - level) / (score + hazard)
    return np.asarray(score * np.sqrt(1.0 + s2 / t2))


def minimum_detectable_gap(
    offline_variance: Values,
    tau: Values,
    alpha: float = 0.05,
    tolerance: Values = 0.0,
) -> Floats:
    """Smallest observed gap that could ever raise the alarm, however much live data arrives.

    Parameters
    ----------
    offline_variance : float or array, > 0
        What is left of the gap's variance when live data is endless.
    tau : float or array, > 0
    alpha : float, 0 < alpha < 1
    tolerance : float or array

    Returns
    -------
    float64 array of the broadcast shape, in the unit of the metric, > tolerance

    Raises
    ------
    ValueError
        If alpha is not inside (0, 1).

    Examples
    --------
    >>> float(minimum_detectable_gap(0.0004, 0.05).round(3))
    0.055
    """
    spread = np.sqrt(_scales(offline_variance, tau)[0])
    return np.asarray(_clipped(tolerance) + spread * z_threshold(offline_variance, tau, alpha))


def _clipped(values: Values) -> Floats:
    return np.asarray(np.clip(np.asarray(values, dtype=np.float64), -_LARGEST, _LARGEST))


def _tilt(score: Floats) -> Floats:
    """x^2 / 2 + ln Phi(x) without cancellation."""
    below = np.log(0.5 * special.erfcx(np.maximum(-score, 0.0) / math.sqrt(2.0)))
    beyond = np.maximum(score, 0.0)
    return np.asarray(np.where(score < 0.0, below, 0.5 * beyond * beyond + special.log_ndtr(beyond)))


def _scales(variance: Values, tau: Values) -> tuple[Floats, Floats]:
    s2 = np.clip(np.asarray(variance, dtype=np.float64), 1.0 / _LARGEST, _LARGEST)
    t = np.clip(np.asarray(tau, dtype=np.float64), _LARGEST**-0.5, _LARGEST**0.5)
    return s2, np.asarray(t * t)


def _log_threshold(alpha: float) -> float:
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha must be inside (0, 1), not {alpha!r}")
    return -math.log(alpha)
