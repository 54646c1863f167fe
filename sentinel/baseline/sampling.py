"""Bounded samples that depend on the rows alone, not on their order nor on how they were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sentinel.events.batch import I64, U64
from sentinel.summaries.fingerprints import mix

Column = npt.NDArray[np.generic]


class BottomSample:
    """The k rows with the smallest hashes: a uniform sample without replacement.

    Parameters
    ----------
    size : int, rows
        With no more rows than this all are in the sample.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._bar = np.uint64(np.iinfo(np.uint64).max)
        self._parts: list[tuple[U64, dict[str, Column]]] = []
        self._n_held = 0

    def add(self, hashes: U64, columns: Mapping[str, Column]) -> None:
        """Offer rows; equal hashes stand for equal rows."""
        chosen = np.flatnonzero(hashes <= self._bar)
        if not len(chosen):
            return
        self._parts.append((hashes[chosen], {name: values[chosen] for name, values in columns.items()}))
        self._n_held += len(chosen)
        if self._n_held > 2 * self._size:
            self._compact(in_order=False)

    def merge(self, other: BottomSample, codes: Mapping[str, I64] | None = None) -> None:
        """Offer the rows of another sample.

        Parameters
        ----------
        other : BottomSample
        codes : mapping of column name to int64 array, optional
            What each code of the other's column is here; -1 stays.
        """
        for hashes, columns in other._parts:
            changed = {
                name: np.append(code, -1)[columns[name]] for name, code in (codes or {}).items() if name in columns
            }
            self._parts.append((hashes, {**columns, **changed}))
            self._n_held += len(hashes)
        self._bar = min(self._bar, other._bar)
        if self._n_held > 2 * self._size:
            self._compact(in_order=False)

    def take(self) -> dict[str, Column]:
        """Return the sample's columns, rows in the order of their hashes."""
        if not self._parts:
            return {}
        self._compact()
        return self._parts[0][1]

    def _compact(self, *, in_order: bool = True) -> None:
        hashes = np.concatenate([part for part, _ in self._parts])
        if in_order:
            kept = np.argsort(hashes, kind="stable")[: self._size]
        else:
            kept = np.argpartition(hashes, self._size)[: self._size]
        names = self._parts[0][1]
        columns = {name: np.concatenate([part[name] for _, part in self._parts])[kept] for name in names}
        self._parts = [(hashes[kept], columns)]
        self._n_held = len(kept)
        if len(kept) == self._size:
            self._bar = hashes[kept].max()


class RepeatedKeys:
    """How many ids come more than once, and how many of these with different content, from a sample of the ids."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._bar = np.uint64(np.iinfo(np.uint64).max)
        self._keys = np.empty(0, np.uint64)
        self._low = np.empty(0, np.uint64)
        self._high = np.empty(0, np.uint64)
        self._counts = np.empty(0, np.int64)
        self._waiting: list[tuple[U64, U64]] = []
        self._n_waiting = 0

    def add(self, keys: U64, contents: U64) -> None:
        """Offer the ids and the fingerprints of some rows."""
        hashes = mix(keys)
        chosen = np.flatnonzero(hashes <= self._bar)
        self._waiting.append((hashes[chosen], contents[chosen]))
        self._n_waiting += len(chosen)
        if self._n_waiting > self._size:
            self._compact()

    def merge(self, other: RepeatedKeys) -> None:
        """Offer the rows of another sample."""
        other._compact()
        self._compact((other._keys, other._low, other._high, other._counts))

    def ratios(self) -> tuple[float, float]:
        """Share of ids that repeat, and share that repeat with different content; each 0..1, and 0 without rows."""
        self._compact()
        n = max(len(self._keys), 1)
        repeated = self._counts > 1
        return int(repeated.sum()) / n, int((repeated & (self._low != self._high)).sum()) / n

    @property
    def n_rows(self) -> int:
        """Rows in the sample."""
        self._compact()
        return int(self._counts.sum())

    def row_ratio(self) -> float:
        """Share of rows whose id comes more than once, 0..1; 0 without rows, of which `n_rows` tells."""
        n = max(self.n_rows, 1)
        return int(self._counts[self._counts > 1].sum()) / n

    def _compact(self, *others: tuple[U64, U64, U64, I64]) -> None:
        held = [(self._keys, self._low, self._high, self._counts), *others]
        waiting = [(keys, contents, contents, np.ones(len(keys), np.int64)) for keys, contents in self._waiting]
        keys, low, high, counts = (np.concatenate(parts) for parts in zip(*held, *waiting, strict=True))
        self._waiting, self._n_waiting = [], 0
        if not len(keys):
            return
        order = np.argsort(keys, kind="stable")
        unique, first = np.unique(keys[order], return_index=True)
        kept = slice(0, self._size)
        self._keys = unique[kept]
        self._low = np.minimum.reduceat(low[order], first)[kept]
        self._high = np.maximum.reduceat(high[order], first)[kept]
        self._counts = np.add.reduceat(counts[order], first)[kept]
        if len(self._keys) == self._size:
            self._bar = self._keys[-1]


def row_hashes(columns: Sequence[npt.NDArray[Any]]) -> U64:
    """Hash rows by the numbers that tell them apart.

    Parameters
    ----------
    columns : sequence of float64 or int64 arrays, shape (n,)

    Returns
    -------
    uint64 array, shape (n,)
    """
    total = np.zeros(len(columns[0]), np.uint64)
    for values in columns:
        total = mix(total ^ np.ascontiguousarray(values).view(np.uint64))
    return total
