"""Mean losses from their power sums, and the losses of single events."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.estimate import COIN_TOSS_VARIANCE, DEFAULT_MINIMUM, Estimate, Measured, NotEnough, variance_floor

LOWEST_PROBABILITY: Final = 1e-4
"""Scores are clipped to [1e-4, 1 - 1e-4] before a logarithm: a sure and wrong row costs 9.2 nats."""


def log_losses(scores: Floats, outcomes: npt.NDArray[np.generic]) -> Floats:
    """Log loss of each event.

    Parameters
    ----------
    scores : float64 array, 0..1
        Probability of the positive outcome.
    outcomes : array of the same shape, 0 or 1

    Returns
    -------
    float64 array, nats, 1e-4..9.21

    Examples
    --------
    >>> log_losses(np.array([0.5, 1.0]), np.array([1, 0])).round(4)
    array([0.6931, 9.2103])
    """
    clipped = np.clip(np.asarray(scores, dtype=np.float64), LOWEST_PROBABILITY, 1.0 - LOWEST_PROBABILITY)
    return -np.where(np.asarray(outcomes).astype(np.bool_), np.log(clipped), np.log1p(-clipped))


def brier_losses(scores: Floats, outcomes: npt.NDArray[np.generic]) -> Floats:
    """Squared error of each event's probability.

    Parameters
    ----------
    scores : float64 array, 0..1
    outcomes : array of the same shape, 0 or 1

    Returns
    -------
    float64 array, 0..1

    Examples
    --------
    >>> brier_losses(np.array([0.5, 1.0]), np.array([1, 0]))
    array([0.25, 1. ])
    """
    error = np.asarray(scores, dtype=np.float64) - np.asarray(outcomes).astype(np.float64)
    return error * error


def mean_loss(n: float, total: float, total_squares: float, *, minimum: int = DEFAULT_MINIMUM) -> Measured:
    """Mean of a loss and its variance (S2 - S1^2 / n) / (n (n - 1)), but at least `variance_floor`.

    Parameters
    ----------
    n : float, events
    total, total_squares : float
        Sums of the loss (S1) and of its square (S2).
    minimum : int, events
        Fewer than this (never fewer than two) is not enough.

    Returns
    -------
    Estimate in the unit of the loss, or NotEnough

    Examples
    --------
    >>> mean_loss(4, 2.0, 2.0, minimum=2)
    Estimate(value=0.5, variance=0.08333333333333333, n=4, n_positive=None)
    """
    needed = max(minimum, 2)
    if n < needed:
        return NotEnough("too few outcomes", round(n), needed)
    mean = total / n
    spread = total_squares - mean * total
    return Estimate(mean, max(spread / (n - 1.0) / n, variance_floor(n)), round(n))


def mean_losses(n: Counts, totals: Floats, total_squares: Floats) -> tuple[Floats, Floats]:
    """Many means of a loss at once and their variances, those of `mean_loss`.

    Parameters
    ----------
    n, totals, total_squares : array of one shape
        Events, sums of the loss and of its square.

    Returns
    -------
    two float64 arrays of that shape
        Finite everywhere; not to be used where ``n`` is too small, in no case below 2.

    Examples
    --------
    >>> mean_losses(np.array([4, 0]), np.array([2.0, 0.0]), np.array([2.0, 0.0]))[0]
    array([0.5, 0. ])
    """
    size = np.maximum(n, 2).astype(np.float64)
    means = totals / size
    spread = total_squares - means * totals
    return means, np.maximum(spread / (size - 1.0) / size, COIN_TOSS_VARIANCE / size**2)


def normalized_entropy(
    n: Floats | npt.NDArray[np.int64],
    totals: Floats,
    total_squares: Floats,
    *,
    minimum_per_class: int = DEFAULT_MINIMUM,
) -> Measured:
    """Log loss over the entropy of the base rate: 1 is a model that knows the base rate only.

    Parameters
    ----------
    n, totals, total_squares : array, shape (2,)
        Events and sums of the log loss and of its square (nats), negative outcomes first.
    minimum_per_class : int
        Fewer positives or negatives than this (never fewer than two) is not enough.

    Returns
    -------
    Estimate, >= 0, or NotEnough

    Notes
    -----
    Delta method. With L the mean log loss, p the base rate, H(p) its entropy and H'(p) = ln((1 - p) / p), one
    event (l, y) moves NE = L / H by psi = (l - L) / H - L H'(p) (y - p) / H^2; the variance is the mean of
    psi^2 over n - 1. Split by outcome, psi has the variance of l / H within each class and one mean per
    class, so the sums suffice.

    References
    ----------
    .. [1] He et al. (2014), Practical lessons from predicting clicks on ads at Facebook, ADKDD.

    Examples
    --------
    >>> surprise = np.log(2.0) * np.array([50.0, 50.0])
    >>> normalized_entropy(np.array([50, 50]), surprise, np.log(2.0) * surprise).value
    1.0
    """
    size = float(n[0]) + float(n[1])
    needed = max(minimum_per_class, 2)
    scarce = min(float(n[0]), float(n[1]))
    if scarce < needed:
        kind = "positive" if float(n[1]) == scarce else "negative"
        return NotEnough(f"too few {kind} outcomes", round(scarce), needed)
    base_rate = float(n[1]) / size
    absence = float(n[0]) / size
    entropy = -base_rate * math.log(base_rate) - absence * math.log(absence)
    loss = (float(totals[0]) + float(totals[1])) / size
    slope = loss * math.log(absence / base_rate) / entropy**2
    spread = 0.0
    for outcome in (0, 1):
        count, total = float(n[outcome]), float(totals[outcome])
        mean = total / count
        within = max(float(total_squares[outcome]) - mean * total, 0.0)
        centre = (mean - loss) / entropy - slope * (outcome - base_rate)
        spread += within / entropy**2 + count * centre**2
    variance = max(spread / (size - 1.0) / size, variance_floor(size) / entropy**2)
    return Estimate(loss / entropy, variance, round(size), round(float(n[1])))
