"""An estimate with its uncertainty, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

COIN_TOSS_VARIANCE: Final = 0.25
"""Squared units: the variance floor of a mean of n terms is this over n squared, see `variance_floor`."""

DEFAULT_MINIMUM: Final = 10
"""Events that a class or a denominator needs; below, its variance is a guess."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic, its sampling variance and the number of events that it rests on.

    Attributes
    ----------
    value : float, finite
        In the unit of the metric.
    variance : float, finite, > 0
        Squared standard error of `value`.
    n : int
        Events that entered.
    n_positive : int or None
        Positive outcomes among them, where the metric has classes; of a `rate`, its successes.

    Examples
    --------
    >>> Estimate(value=0.8, variance=0.0004, n=2000).standard_error
    0.02
    """

    value: float
    variance: float
    n: int
    n_positive: int | None = None

    @property
    def standard_error(self) -> float:
        """Square root of the variance, in the unit of the value."""
        return math.sqrt(self.variance)


@dataclass(frozen=True, slots=True)
class NotEnough:
    """There is not enough data to say, as a value.

    Attributes
    ----------
    reason : str
        What is short, in words for an operator.
    n, needed : int
        What there is and what it takes, in the unit that `reason` names.
    """

    reason: str
    n: int
    needed: int


Measured = Estimate | NotEnough


def variance_floor(n: float) -> float:
    """Least variance that a mean of n terms on a unit scale may claim: 1 / (4 n^2).

    A sample without spread (every loss equal, every pair ranked right) has a sample variance of zero, which
    would make any later difference infinitely significant. The floor is the variance with half an unseen
    event of the other kind, whose term is a coin toss: q (1/2) / n with q = 1 / (2 n). It matches the law
    under which seeing no exception is itself a coin toss: the share of exceptions is then ln(2) / n, their
    mean squared size under a uniform law 1/3, the variance .23 / n^2.

    Parameters
    ----------
    n : float, events
        Values below one count as one.

    Returns
    -------
    float, > 0, squared units

    Examples
    --------
    >>> variance_floor(100)
    2.5e-05
    """
    return COIN_TOSS_VARIANCE / max(float(n), 1.0) ** 2
