"""Counts what became of the rows by value of a feature, and finds values that were made from these outcomes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from sentinel.events.batch import F64, I64, U64
from sentinel.stats.encoding import Closeness, closeness, pure_ends

SLOT_BITS: Final = 12
"""2^12 values a feature are followed at most, 56 bytes each."""
LEAST_STANDARD_ERRORS: Final = 3.0
"""Of the correlation with the outcome, in a sample: an encoding has many more, whatever it encodes."""
MOST_DISTINCT: Final = 0.98
"""Share of the sampled values that are distinct, above which they are as good as all distinct."""
_N_SLOTS: Final = 1 << SLOT_BITS
_SHIFT: Final = np.uint64(64 - SLOT_BITS)
_FACTOR: Final = 0x9E3779B97F4A7C15  # odd, 2^64 over the golden ratio (Knuth, TAOCP 3, 6.4): products are all distinct
_INVERSE: Final = pow(_FACTOR, -1, 1 << 64)
_EMPTY: Final = np.iinfo(np.uint64).max


@dataclass(slots=True)
class ValueCounts:
    """Counts of rows by value: each slot keeps the value with the smallest hash that fell into it, with all its rows.

    ``sums`` holds rows, positive outcomes, those two of validation rows alone, hours and squared hours.
    """

    hashes: U64 = field(default_factory=lambda: np.full(_N_SLOTS, _EMPTY, np.uint64))
    sums: F64 = field(default_factory=lambda: np.zeros((6, _N_SLOTS)))

    def add(self, values: F64, positive: I64, hours: F64 | None, squares: F64 | None, *, judged: bool) -> None:
        """Take in rows; a value that gives way to another is forgotten, and one that stays has lost no row.

        Parameters
        ----------
        values : float64, shape (n,)
        positive : int64, shape (n,)
            0 or 1.
        hours, squares : float64, shape (n,), or None
            Time of the prediction, and its square, where it is asked for.
        judged : bool
            Whether they are validation rows.
        """
        hashes = (values + 0.0).view(np.uint64)  # + 0.0 makes one of both zeros
        hashes *= np.uint64(_FACTOR)
        slots = (hashes >> _SHIFT).view(np.int64)
        there = self.hashes[slots]
        ahead = np.flatnonzero(hashes < there)
        if len(ahead):
            np.minimum.at(self.hashes, slots[ahead], hashes[ahead])
            self.sums[:, slots[ahead]] = 0.0
            there = self.hashes[slots]
        held = np.flatnonzero(hashes == there)
        if len(held) < len(slots):
            slots, positive = slots[held], positive[held]
            hours, squares = (None if part is None else part[held] for part in (hours, squares))
        n = np.bincount(2 * slots + positive, minlength=2 * _N_SLOTS).reshape(_N_SLOTS, 2)
        counts = np.stack([n.sum(axis=1), n[:, 1]])
        self.sums[:2] += counts
        if judged:
            self.sums[2:4] += counts
        if hours is not None and squares is not None:
            self.sums[4] += np.bincount(slots, hours, _N_SLOTS)
            self.sums[5] += np.bincount(slots, squares, _N_SLOTS)

    def merge(self, other: ValueCounts) -> None:
        """Take in the rows that another one has seen."""
        ahead = other.hashes < self.hashes
        self.hashes[ahead], self.sums[:, ahead] = other.hashes[ahead], 0.0
        same = other.hashes == self.hashes
        self.sums[:, same] += other.sums[:, same]

    def table(self) -> tuple[F64, F64]:
        """Finite values, ascending, and their sums; values that no validation row has are left out."""
        values = (self.hashes * np.uint64(_INVERSE)).view(np.float64)
        used = np.flatnonzero(np.isfinite(values) & (self.sums[2] > 0))
        order = used[np.argsort(values[used])]
        return values[order], self.sums[:, order]


def may_encode(values: npt.NDArray[np.generic], outcomes: F64) -> bool:
    """Whether a numeric feature's values repeat and go with the outcome, as those of an encoding do.

    Parameters
    ----------
    values : array, shape (n,)
        Of a sample; NaN or infinite where missing.
    outcomes : float64, shape (n,)
        Known, each of them.
    """
    numbers = values.astype(np.float64, copy=False)
    present = np.isfinite(numbers)
    if not present.all():
        numbers, outcomes = numbers[present], outcomes[present]
    if len(numbers) < 2:
        return False
    scale = float(np.abs(numbers).max())
    x = numbers / scale if scale > 0.0 else numbers  # its squares stay finite
    x, y = x - x.mean(), outcomes - outcomes.mean()
    size = float((x @ x) * (y @ y))
    if size <= 0.0 or float(x @ y) ** 2 * len(x) < LEAST_STANDARD_ERRORS**2 * size:
        return False
    return len(np.unique(numbers)) <= MOST_DISTINCT * len(numbers)


def judge_values(values: F64, sums: F64, priors: tuple[float, ...]) -> tuple[Closeness, bool] | None:
    """Find a feature that was made from the outcomes of validation rows.

    Parameters
    ----------
    values, sums : float64 arrays, shapes (n_values,) and (>= 4, n_values)
        As `ValueCounts.table` gives them.
    priors : tuple of float
        Means towards which an encoder may have drawn small groups.

    Returns
    -------
    (Closeness, bool) or None
        The first test that says so, and whether it is the one of `pure_ends`.
    """
    n, positives, judged, judged_positives = sums[:4]
    looks = [closeness(values, n, positives, judged, priors)]
    if not np.array_equal(n, judged):
        looks.append(closeness(values, judged, judged_positives, priors=priors))
    for one in looks:
        if isinstance(one, Closeness) and one.is_encoded:
            return one, False
    ends = pure_ends(values, judged, judged_positives)
    return None if ends is None else (ends, True)
