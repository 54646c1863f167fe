"""Whether a stated median or quantile is that of a column, told exactly from a few counts and neighbours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from sentinel.events.batch import F64


@dataclass(slots=True)
class OrderPlace:
    """Where the interval ``least`` to ``most`` lies among the values of a column.

    A quantile of the data is one value, or lies between two that follow each other. So it is in the interval only if
    these are inside it, or the nearest outside: no more of the column has to be kept.

    Parameters
    ----------
    least, most : float
        The stated number less and plus what its digits leave open.

    Attributes
    ----------
    n_below, n_within, n_above : int
        Values below, inside and above the interval.
    below, above : float
        The greatest value below it and the least above.
    first, last : float
        The least and the greatest inside.

    Examples
    --------
    >>> place = OrderPlace(2.5, 2.5)
    >>> place.add(np.array([4.0, 1.0])), place.add(np.array([2.0, 3.0]))
    (None, None)
    >>> place.holds(0.5), place.holds(0.25)
    (True, False)
    """

    least: float
    most: float
    n_below: int = 0
    n_within: int = 0
    n_above: int = 0
    below: float = -math.inf
    above: float = math.inf
    first: float = math.inf
    last: float = -math.inf

    def add(self, values: F64) -> None:
        """Take in finite values."""
        under, over = values < self.least, values > self.most
        inside = values[~(under | over)]
        self.n_below += int(np.count_nonzero(under))
        self.n_above += int(np.count_nonzero(over))
        self.n_within += len(inside)
        self.below = float(np.max(values, initial=self.below, where=under))
        self.above = float(np.min(values, initial=self.above, where=over))
        self.first = float(np.min(inside, initial=self.first))
        self.last = float(np.max(inside, initial=self.last))

    def merge(self, other: Self) -> None:
        """Take in the values of another of the same interval."""
        self.n_below += other.n_below
        self.n_within += other.n_within
        self.n_above += other.n_above
        self.below, self.above = max(self.below, other.below), min(self.above, other.above)
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)

    def holds(self, share: float) -> bool:
        """Whether the quantile of a share of all values, by either of two definitions, is inside the interval.

        Notes
        -----
        Interpolated between the values at the floor and the ceiling of (n - 1) * share; and the averaged inverse of
        the distribution function: types 7 and 2 of [1]_.

        References
        ----------
        .. [1] Hyndman & Fan (1996), Sample quantiles in statistical packages, Am. Stat. 50:361-365.
        """
        n = self.n_below + self.n_within + self.n_above
        return n > 0 and any(self._within(rank, weight) for rank, weight in _ranks(share, n))

    def _within(self, rank: int, weight: float) -> bool:
        """Whether value ``rank`` (from 0), moved by ``weight`` towards the next, is inside."""
        lower = self._value(rank)
        upper = self._value(rank + 1) if weight > 0.0 else lower
        if lower is None or upper is None:
            return False
        return self.least <= lower + weight * (upper - lower) <= self.most

    def _value(self, rank: int) -> float | None:
        """The value of a rank, or one that lies as well inside; None where it is not next to the interval."""
        end = self.n_below + self.n_within
        known = {self.n_below - 1: self.below, end: self.above}
        if self.n_within:
            known |= {self.n_below: self.first, end - 1: self.last}
        return known.get(rank, self.first if self.n_below < rank < end else None)


def _ranks(share: float, n: int) -> Iterator[tuple[int, float]]:
    at = (n - 1) * share
    yield min(int(at), n - 1), at - int(at)
    count = n * share
    whole = round(count)
    if math.isclose(count, whole, rel_tol=0.0, abs_tol=1e-9) and 0 < whole < n:
        yield whole - 1, 0.5
    else:
        yield min(max(math.ceil(count - 1e-9), 1), n) - 1, 0.0
