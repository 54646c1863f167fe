"""Mean and spread of a column, read batch by batch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sentinel.events.batch import F64


@dataclass(slots=True)
class Moments:
    """Count, mean and sum of squared deviations of finite values.

    References
    ----------
    .. [1] Chan, Golub & LeVeque (1983), Algorithms for computing the sample variance, Am. Stat. 37:242-247: the
       pairwise update.

    Examples
    --------
    >>> moments = Moments()
    >>> moments.add(np.array([1.0, 2.0])), moments.add(np.array([np.nan, 6.0]))
    (None, None)
    >>> moments.n, moments.mean, moments.squares
    (3, 3.0, 14.0)
    """

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: F64) -> None:
        """Take in values; what is not finite is passed over."""
        values = values[np.isfinite(values)]
        if len(values):
            mean = float(values.mean())
            self.merge(Moments(len(values), mean, float(((values - mean) ** 2).sum())))

    def merge(self, other: Moments) -> None:
        """Take in the values of another."""
        n = self.n + other.n
        if not n:
            return
        distance = other.mean - self.mean
        self.squares += other.squares + distance * distance * self.n * other.n / n
        self.mean += distance * other.n / n
        self.n = n

    def copy(self) -> Moments:
        """An independent one with the same values."""
        return Moments(self.n, self.mean, self.squares)

    def sd(self, *, lost: int = 0) -> float:
        """Standard deviation over n - ``lost`` degrees of freedom; 0 where there are none."""
        return math.sqrt(self.squares / (self.n - lost)) if self.n > lost else 0.0
