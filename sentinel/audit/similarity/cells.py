"""Rows with the same inputs, counted: of all rows where these are few, else of a sample that keeps twins together."""

from __future__ import annotations

from typing import Final, Self

import numpy as np

from sentinel.events.batch import F64, I64, U64, Bool
from sentinel.summaries.fingerprints import mix

MOST_CELLS: Final = 200_000
"""Rows that are expected to be kept, at 32 bytes: a share of 1 % of them is known to within .05 %."""
_PENDING: Final = 1 << 17
"""Rows that wait before they are counted."""
_SALT: Final = np.uint64(0x5851F42D4C957F2D)


class Cells:
    """Counts rows by their inputs and a code, such as the class of the outcome.

    Parameters
    ----------
    n_rows : int
        Rows that will come. If there are more than :data:`MOST_CELLS`, inputs are sampled by their fingerprint: all
        rows that share them are kept, or none of them.

    Notes
    -----
    After `counted`: ``prints`` and ``codes`` in ascending order, ``n``, and ``first``, the least row number.
    """

    def __init__(self, n_rows: int) -> None:
        self.ratio = min(1.0, MOST_CELLS / max(n_rows, 1))
        self._limit = np.uint64(min(int(self.ratio * 2**64), 2**64 - 1))
        self._parts: list[tuple[U64, I64, F64, I64]] = []
        self._pending = 0

    def keeps(self, prints: U64) -> Bool:
        """Whether rows with these inputs are among those that are counted."""
        if self.ratio >= 1.0:
            return np.ones(len(prints), np.bool_)
        # Fingerprints are mixed again: other samples of the same rows go by them as they are.
        kept: Bool = mix(prints ^ _SALT) <= self._limit
        return kept

    def add(self, prints: U64, codes: I64, numbers: I64) -> None:
        """Count rows.

        Parameters
        ----------
        prints : uint64, shape (n,)
        codes : int64, shape (n,)
        numbers : int64, shape (n,)
        """
        kept = self.keeps(prints)
        ones = np.ones(int(kept.sum()))
        self._parts.append((prints[kept], codes[kept], ones, numbers[kept]))
        self._pending += len(ones)
        if self._pending > _PENDING:
            self._settle()

    def merge(self, other: Self) -> None:
        """Add what another has counted; it is left as it was."""
        self._parts += other._parts
        self._settle()

    def counted(self) -> tuple[U64, I64, F64, I64]:
        """Everything counted so far: prints, codes, n, first."""
        self._settle()
        if self._parts:
            return self._parts[0]
        none = np.empty(0)
        return none.astype(np.uint64), none.astype(np.int64), none, none.astype(np.int64)

    def _settle(self) -> None:
        self._pending = 0
        if len(self._parts) < 2 and not (self._parts and len(self._parts[0][0])):
            return
        prints, codes, n, first = (np.concatenate([part[k] for part in self._parts]) for k in range(4))
        order = np.lexsort((codes, prints))
        prints, codes = prints[order], codes[order]
        begins = np.flatnonzero(np.append(True, (prints[1:] != prints[:-1]) | (codes[1:] != codes[:-1]))[: len(prints)])
        counts = np.add.reduceat(n[order], begins) if len(begins) else n[:0]
        least = np.minimum.reduceat(first[order], begins) if len(begins) else first[:0]
        self._parts = [(prints[begins], codes[begins], counts, least)]
