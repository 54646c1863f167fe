"""A rate from two counts, or many at once."""

from __future__ import annotations

import numpy as np

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.estimate import DEFAULT_MINIMUM, Estimate, Measured, NotEnough


def rate_variance(successes: float, n: float) -> float:
    """Binomial variance of successes / n, never zero: half a success and half a failure are added.

    Parameters
    ----------
    successes : float, 0 <= successes <= n
    n : float, > 0

    Returns
    -------
    float, > 0

    Examples
    --------
    >>> rate_variance(0, 99)
    5.0252525e-05
    """
    smoothed = (successes + 0.5) / (n + 1.0)
    return smoothed * (1.0 - smoothed) / n


def rate(successes: float, n: float, *, minimum: int = DEFAULT_MINIMUM, reason: str = "too few events") -> Measured:
    """Share of successes, with the variance of `rate_variance`.

    Parameters
    ----------
    successes, n : float
        Counts.
    minimum : int, events
        Fewer than this (never fewer than one) is not enough.
    reason : str
        What to say then.

    Returns
    -------
    Estimate in 0..1, or NotEnough
        ``n_positive`` of the estimate are the successes.

    Examples
    --------
    >>> rate(30, 100).value
    0.3
    >>> rate(0, 3)
    NotEnough(reason='too few events', n=3, needed=10)
    """
    needed = max(minimum, 1)
    if n < needed:
        return NotEnough(reason, round(n), needed)
    return Estimate(successes / n, rate_variance(successes, n), round(n), round(successes))


def rates(successes: Counts, n: Counts) -> tuple[Floats, Floats]:
    """Many shares of successes at once and their variances, those of `rate`.

    Parameters
    ----------
    successes, n : array of one shape
        Counts.

    Returns
    -------
    two float64 arrays of that shape
        Finite everywhere; not to be used where ``n`` is too small.

    Examples
    --------
    >>> rates(np.array([30, 0]), np.array([100, 0]))[0]
    array([0.3, 0. ])
    """
    size = np.maximum(n, 1).astype(np.float64)
    smoothed = (successes + 0.5) / (size + 1.0)
    return successes / size, smoothed * (1.0 - smoothed) / size
