"""The nearest training row of each row that is looked for, other than exact copies: by columns, and by distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.audit.files.rows import AuditRows
from sentinel.audit.similarity.blocking import Coarse, Index
from sentinel.events.batch import F64, I32, I64, U64, Bool

SAME: Final = 1e-6
"""Relative difference up to which numbers are the same: as fingerprints of rows have it."""
NO_EDITS: Final = 255
"""Columns differing of a row that no other row comes near."""
NOISY_COLUMNS: Final = 2
"""Numbers that must differ before a small distance is noise and not an edit."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Rows that are looked for: validation rows first, then training rows, whose near copies give the chance level.

    Parameters
    ----------
    numbers : int64, shape (n,)
        In their file.
    is_train : bool, shape (n,)
    coarse : Coarse
    prints, groups : uint64, shape (n,)
    """

    numbers: I64
    is_train: Bool
    coarse: Coarse
    prints: U64
    groups: U64

    def __len__(self) -> int:
        return len(self.numbers)


class Nearest:
    """Of each row sought, the training row that differs in the fewest columns, and that at the smallest distance.

    Parameters
    ----------
    sought : Sought
    index : Index

    Attributes
    ----------
    edits, by_edits, distance, by_distance : shape (n,)
        How far each row is from its nearest, and the number of that one; -1 where there is none.
    differing : int32, shape (n, 2)
        The first and the last column in which a row and that of ``by_edits`` differ, numbers before categories.
    same_group : bool, shape (n,)
    """

    def __init__(self, sought: Sought, index: Index) -> None:
        self._sought = sought
        self._index = index
        n = len(sought)
        self.edits: I32 = np.full(n, NO_EDITS, np.int32)
        self.distance: F64 = np.full(n, np.inf)
        self.by_edits: I64 = np.full(n, -1, np.int64)
        self.by_distance: I64 = np.full(n, -1, np.int64)
        self.differing: I32 = np.full((n, 2), -1, np.int32)
        self.same_group: Bool = np.zeros(n, np.bool_)

    def add(self, rows: AuditRows) -> None:
        """Look training rows up."""
        at, held = self._index.candidates(self._index.blocking.keys(rows.numeric, rows.categories))
        sought = self._sought
        # Rows that are equal are another check's; so a training row that is sought does not find itself either.
        usable = rows.prints[at] != sought.prints[held]
        at, held = at[usable], held[usable]
        edits, distance, differing = self._compare(rows, at, held)
        taken, chosen = _keep_least(self.edits, self.by_edits, held, edits, rows.numbers[at])
        self.differing[taken] = differing[chosen]
        _keep_least(self.distance, self.by_distance, held, distance, rows.numbers[at])
        together = (sought.groups[held] != 0) & (sought.groups[held] == rows.groups[at])
        self.same_group[held[together & ((edits <= 2) | np.isfinite(distance))]] = True

    def merge(self, other: Nearest) -> None:
        """Take in what another copy found among other training rows."""
        every = np.arange(len(self._sought))
        taken, chosen = _keep_least(self.edits, self.by_edits, every, other.edits, other.by_edits)
        self.differing[taken] = other.differing[chosen]
        _keep_least(self.distance, self.by_distance, every, other.distance, other.by_distance)
        self.same_group |= other.same_group

    def _compare(self, rows: AuditRows, at: I64, held: I64) -> tuple[I32, F64, I32]:
        """Of pairs how many columns differ, the distance, and the first and last column that differ.

        The distance is infinite where it is not noise that tells them apart.
        """
        numeric, categories = self._sought.coarse
        scales = self._index.blocking.scales
        ends = np.full((2, len(at)), -1, np.int32)
        words = np.zeros(len(at), np.int32)
        for j, (theirs, ours) in enumerate(zip(rows.categories, categories, strict=True), len(numeric)):
            apart = theirs[at] != ours[held]
            words += apart
            _note(ends, apart, j)
        numbers = np.zeros(len(at), np.int32)
        squares = np.zeros(len(at))
        for j, (theirs, ours, scale) in enumerate(zip(rows.numeric, numeric, scales, strict=True)):
            a, b = theirs[at], ours[held]
            with np.errstate(invalid="ignore", over="ignore"):
                gap = np.abs(a - b)
                differ = ~((gap <= SAME * np.maximum(np.abs(a), np.abs(b))) | (np.isnan(a) & np.isnan(b)) | (a == b))
                numbers += differ
                _note(ends, differ, j)
                squares += np.where(differ, np.square(gap / scale) if scale > 0.0 else np.inf, 0.0)
        n_varying = max(int((scales > 0.0).sum()), 1)
        noisy = (words == 0) & (numbers >= NOISY_COLUMNS) & np.isfinite(squares)
        distance = np.where(noisy, np.sqrt(np.where(noisy, squares, 0.0) / n_varying), np.inf)
        return words + numbers, distance, np.sort(ends.T, axis=1)


def _note(ends: I32, differ: Bool, column: int) -> None:
    """Take down a column that differs; ``ends`` has the first and the last one seen, of each pair."""
    ends[0, differ & (ends[0] < 0)] = column
    ends[1, differ] = column


def _keep_least(best: F64 | I32, number: I64, held: I64, values: F64 | I32, numbers: I64) -> tuple[I64, I64]:
    """Take over what is less, or as little and of a row that comes first in the file: in any order the same.

    Returns
    -------
    (int64, int64)
        Places that were taken over, and of what among ``values``.
    """
    order = np.lexsort((numbers, values, held))
    first = order[np.unique(held[order], return_index=True)[1]]
    place, value, row = held[first], values[first], numbers[first]
    better = (value < best[place]) | ((value == best[place]) & ((number[place] < 0) | (row < number[place])))
    better &= np.isfinite(value) & (value < NO_EDITS)
    best[place[better]] = value[better]
    number[place[better]] = row[better]
    return place[better], first[better]
