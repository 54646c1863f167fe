"""The base rate that live scores speak of, if nothing but the base rate has moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.chisquare import upper_tail
from sentinel.stats.estimate import DEFAULT_MINIMUM, Estimate, NotEnough, variance_floor
from sentinel.stats.pooling import pool_bins

ACCEPTED: Final = 0.01
"""P-value of the fitted mixture below which other things than the base rate have moved."""
_MOST_BINS: Final = 16
"""Of about equal offline events: more of them would make the offline laws noisier."""
_LEAST_EXPECTED: Final = 5.0
"""Events that a cell of the test expects."""
_HALVINGS: Final = 60
"""Of the rates from 0 to 1: then a double tells no two of them apart."""


@dataclass(frozen=True, slots=True)
class PriorShift:
    """Live base rate from scores alone.

    Attributes
    ----------
    base_rate : Estimate, 0..1
        Counting the error of the live scores and of the offline laws.
    p_value : float, 0..1
        Of live scores being a mixture of the offline laws at all.
    accepted : bool
        Whether they may be: without this the rate means nothing.
    """

    base_rate: Estimate
    p_value: float
    accepted: bool


def prior_shift(offline: Counts, predictions: Counts) -> PriorShift | NotEnough:
    """Fit live scores as a mixture of the offline scores of both outcomes.

    Parameters
    ----------
    offline : array, shape (n_bins, 2)
        Events by score bin and outcome.
    predictions : array, shape (n_bins,)
        All live predictions; no outcome is read.

    Returns
    -------
    PriorShift or NotEnough

    Notes
    -----
    The rate p maximises sum_b M_b ln(p f1_b + (1 - p) f0_b), with f1 and f0 the offline shares given the outcome. It is
    where expectation maximisation converges to; the likelihood is concave, so its slope is halved to zero instead.
    Bins are pooled first: noise in f1 and f0 passes for evidence of the offline rate.
    With r = f1 - f0 and q the fitted mixture, p moves with a cell's share by r_b / q_b over sum_b r_b^2 / q_b.

    References
    ----------
    .. [1] Saerens, Latinne & Decaestecker (2002), Adjusting the outputs of a classifier to new a priori
       probabilities, Neural Computation 14:21-41.

    Examples
    --------
    >>> found = prior_shift(np.array([[80, 20], [20, 80]]), np.array([320, 680]))  # .8 - .6 p = .32
    >>> round(found.base_rate.value, 9), found.accepted
    (0.8, True)
    """
    starts = pool_bins(np.sum(offline, axis=1).astype(np.float64), float(np.sum(offline)) / _MOST_BINS)
    cells = np.add.reduceat(np.asarray(offline, np.float64), starts)
    live = np.add.reduceat(np.asarray(predictions, np.float64), starts)
    sizes = cells.sum(axis=0)
    scarce, n = float(sizes.min()), float(live.sum())
    if scarce < DEFAULT_MINIMUM:
        return NotEnough("too few offline outcomes of one class", round(scarce), DEFAULT_MINIMUM)
    if n < DEFAULT_MINIMUM:
        return NotEnough("too few live predictions", round(n), DEFAULT_MINIMUM)
    negative, positive = ((cells + 0.5 / len(cells)) / (sizes + 0.5)).T
    contrast = positive - negative
    rate = _peak(live, positive, negative)
    mixture = rate * positive + (1.0 - rate) * negative
    weights = contrast / mixture
    information = float((contrast * weights).sum())
    if information <= 0.0:
        return NotEnough("offline scores that differ between outcomes", 0, 1)
    noise = _spread(weights, mixture) / n + rate**2 * _spread(weights, positive) / sizes[1]
    noise += (1.0 - rate) ** 2 * _spread(weights, negative) / sizes[0]
    variance = max(noise / information**2, variance_floor(min(n, float(sizes.sum()))))
    p_value = _fit(live, rate, positive, negative, sizes)
    return PriorShift(Estimate(rate, variance, round(n)), p_value, p_value > ACCEPTED)


def _peak(live: Floats, positive: Floats, negative: Floats) -> float:
    """Rate at which the likelihood's slope, which falls with the rate, is 0; an end where it never is."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        slope = float((live * (positive - negative) / (middle * positive + (1.0 - middle) * negative)).sum())
        low, high = (middle, high) if slope > 0 else (low, middle)
    return 0.5 * (low + high)


def _spread(weights: Floats, law: Floats) -> float:
    """Variance of the weight of one event of a law."""
    mean = float((weights * law).sum())
    return float((law * (weights - mean) ** 2).sum())


def _fit(live: Floats, rate: float, positive: Floats, negative: Floats, sizes: Floats) -> float:
    """Chi-square test of the mixture, with the offline laws' own error; one degree is spent on the rate."""
    n = float(live.sum())
    mixture = rate * positive + (1.0 - rate) * negative
    variance = mixture / n + rate**2 * positive / sizes[1] + (1.0 - rate) ** 2 * negative / sizes[0]
    expected = mixture * min(n, float(sizes.sum()))
    group = np.floor(np.cumsum(expected) / _LEAST_EXPECTED - 1e-9).astype(np.int64)
    gaps, spreads = np.bincount(group, live / n - mixture), np.bincount(group, variance)
    filled = spreads > 0
    statistic = float((gaps[filled] ** 2 / spreads[filled]).sum())
    return upper_tail(statistic, int(filled.sum()) - 2)
