"""Which rows may be near copies of each other: rows that share all coarse values but those of two groups of columns."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from sentinel.events.batch import F64, I64, U64, Bool
from sentinel.summaries.fingerprints import mix

N_GROUPS: Final = 6
"""Groups of columns: rows that differ in one or two columns agree in the other groups, whichever columns these are."""
WIDTHS: Final = (2.0, 1.0, 0.5, 0.2, 0.05, 0.01)
"""Widths of a numeric column's bins tried, in standard deviations: the widest that keeps candidates few is taken."""
_USUAL_WIDTH: Final = 0.5
"""By bins so wide columns are dealt out."""
_CANDIDATES_A_ROW: Final = 3.0
"""Candidates that each row of the other side may bring, over all tables: to compare one takes .1 us a column."""
_MOST_IN_BUCKET: Final = 8
"""Rows under one key: coarse values that more rows share tell of coarse inputs, not of copies."""
_ENOUGH_HELD: Final = 0.9
"""Of the rows that the narrowest bins hold, how many wider bins must."""
_TABLES_TRIED: Final = 5
"""Every fifth table is tried before all are made."""
_FILTER_BITS: Final = 20
_FILTER_MASK: Final = np.uint64((1 << _FILTER_BITS) - 1)
_TRIMMED: Final = (0.01, 0.99)
"""Quantiles between which a column's spread is taken: a few huge values would otherwise hide all others."""
_HUGE: Final = 1e150
"""Squares of larger numbers are no numbers any more."""
_LARGEST: Final = 1e15
"""Bins from the origin beyond which all values share one: whole numbers that a double still holds."""
Coarse = tuple[F64, U64]
"""Numbers and categories of rows."""


@dataclass(frozen=True, slots=True)
class Blocking:
    """Coarse values of rows.

    Parameters
    ----------
    scales : float64, shape (n_numeric,)
        Spread of each numeric column, 0 where it is constant.
    width : float
        Of a bin, in spreads.
    groups : int64, shape (n_numeric + n_categorical,)
        The group of each column.
    """

    scales: F64
    width: float
    groups: I64

    @property
    def n_groups(self) -> int:
        """At most :data:`N_GROUPS`, and no more than there are columns."""
        return int(self.groups.max(initial=-1)) + 1

    @property
    def tables(self) -> tuple[tuple[int, ...], ...]:
        """The groups that each table leaves out: every two of six, every one of fewer."""
        return tuple(combinations(range(self.n_groups), 2 if self.n_groups >= N_GROUPS else 1))

    def keys(self, numeric: F64, categories: U64) -> U64:
        """One key a row and table.

        Parameters
        ----------
        numeric : float64, shape (n_numeric, n)
        categories : uint64, shape (n_categorical, n)

        Returns
        -------
        uint64, shape (n_tables, n)
            Two rows share a key if their coarse values agree in all groups that the table does not leave out; others
            share one with probability 2^-64.
        """
        sums = np.zeros((self.n_groups, numeric.shape[1]), np.uint64)
        for j, values in enumerate(numeric):
            sums[self.groups[j]] += mix(self._bins(j, values) + _salt(j))
        for j, words in enumerate(categories, len(numeric)):
            sums[self.groups[j]] += mix(words ^ _salt(j))
        total = sums.sum(axis=0, dtype=np.uint64)
        return np.stack([total - sums[list(left_out)].sum(axis=0, dtype=np.uint64) for left_out in self.tables])

    def _bins(self, j: int, values: F64) -> U64:
        scale = self.scales[j] * self.width
        if scale <= 0.0:
            return (values + 0.0).view(np.uint64)
        with np.errstate(invalid="ignore", over="ignore"):
            # Origins that no whole number falls on: a value on an edge would be in one bin or the other by rounding.
            bins = np.floor(values / scale + 0.381966 * (j + 1))
        known = np.isfinite(values)
        return np.where(known, np.clip(np.nan_to_num(bins), -_LARGEST, _LARGEST), _LARGEST + 2.0).view(np.uint64)


def _salt(j: int) -> np.uint64:
    return np.uint64((j + 1) * 0x9E3779B97F4A7C15 % (1 << 64))


def spreads(numeric: F64) -> F64:
    """Standard deviation of each row of numbers between its 1 % and 99 % quantile; 0 where it is constant or empty."""
    result = np.zeros(len(numeric))
    for j, values in enumerate(numeric):
        finite = np.clip(values[np.isfinite(values)], -_HUGE, _HUGE)
        if len(finite):
            trimmed = float(np.clip(finite, *np.quantile(finite, _TRIMMED)).std())
            result[j] = trimmed or float(finite.std())
    return result


class Index:
    """Rows to be found again, by their keys.

    Parameters
    ----------
    blocking : Blocking
    keys : uint64, shape (n_tables, n)
        Of the rows to find.
    """

    def __init__(self, blocking: Blocking, keys: U64) -> None:
        self.blocking = blocking
        self._tables = [_Table(row) for row in keys]

    def candidates(self, keys: U64) -> tuple[I64, I64]:
        """Pairs that share a key, each once.

        Parameters
        ----------
        keys : uint64, shape (n_tables, m)

        Returns
        -------
        (int64, int64)
            Places among the rows asked with, and among those of the index.
        """
        found = [table.find(row) for table, row in zip(self._tables, keys, strict=True)]
        n = max((len(table) for table in self._tables), default=0) + 1
        pairs = np.unique(np.concatenate([np.empty(0, np.int64), *(asked * n + held for asked, held in found)]))
        return pairs // n, pairs % n

    def load(self, keys: U64) -> F64:
        """Candidates that each of some rows brings on average, by table, but for those that other tables bring too.

        Rows under one key in several tables are near copies, which are wanted and compared once.
        """
        found = [table.find(row) for table, row in zip(self._tables, keys, strict=True)]
        n_tables, n = len(found), max((len(table) for table in self._tables), default=0) + 1
        pairs = np.concatenate([np.empty(0, np.int64), *(asked * n + held for asked, held in found)])
        table_of = np.repeat(np.arange(n_tables), [len(asked) for asked, _ in found])
        _, first, counts = np.unique(pairs, return_index=True, return_counts=True)
        result: F64 = np.bincount(table_of[first[counts == 1]], minlength=n_tables) / max(keys.shape[1], 1)
        return result

    def held_ratio(self, n: int) -> float:
        """Share of the rows that are not under a key that too many share."""
        return float(np.mean([table.n_held for table in self._tables])) / max(n, 1)

    def drop(self, tables: list[int]) -> None:
        """Ask some tables no more."""
        for place in tables:
            self._tables[place] = _Table(np.empty(0, np.uint64))


class _Table:
    """Keys in order, with a bitmap that says at once of most others that they are not among them."""

    def __init__(self, keys: U64) -> None:
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        begins = np.flatnonzero(np.concatenate([ordered[:1] == ordered[:1], ordered[1:] != ordered[:-1]]))
        sizes = np.diff(np.append(begins, len(ordered)))
        few: Bool = np.repeat(sizes <= _MOST_IN_BUCKET, sizes)
        self._order = order[few]
        self._keys = ordered[few]
        self._held = np.zeros(1 << _FILTER_BITS, np.bool_)
        self._held[(self._keys & _FILTER_MASK).astype(np.int64)] = True

    def __len__(self) -> int:
        return int(self._order.max(initial=-1)) + 1

    @property
    def n_held(self) -> int:
        """Rows that can be found."""
        return len(self._order)

    def find(self, keys: U64) -> tuple[I64, I64]:
        """Places in ``keys``, and of the rows held under the same key."""
        maybe, begin, sizes = self.spans(keys)
        asked = np.repeat(maybe, sizes)
        within = np.arange(len(asked)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return asked, self._order[np.repeat(begin, sizes) + within]

    def spans(self, keys: U64) -> tuple[I64, I64, I64]:
        """Places in ``keys`` that may be held, and where the rows held under each begin and how many there are."""
        maybe = np.flatnonzero(self._held[(keys & _FILTER_MASK).astype(np.int64)])
        begin = np.searchsorted(self._keys, keys[maybe], side="left")
        return maybe, begin, np.searchsorted(self._keys, keys[maybe], side="right") - begin


def plan(reference: Coarse, queries: Coarse) -> Index | None:
    """Choose bins and tables by a sample, so that looking every row up stays affordable.

    Parameters
    ----------
    reference : (float64, shape (n_numeric, n), uint64, shape (n_categorical, n))
        A sample of the rows that will be looked up, none of them among the rows to find.
    queries : the same
        The rows to find.

    Returns
    -------
    Index or None
        None where the inputs are so coarse that no table is left.
    """
    scales = spreads(np.concatenate([reference[0], queries[0]], axis=1))
    groups = _grouped(queries, scales)
    both = (queries, reference)
    narrowest = Blocking(scales, WIDTHS[-1], groups)
    most_held = _ENOUGH_HELD * _weight(narrowest, *both)[1]
    blocking = narrowest
    for width in WIDTHS[:-1]:
        tried = Blocking(scales, width, groups)
        candidates, held = _weight(tried, *both)
        if candidates <= _CANDIDATES_A_ROW and held >= most_held:
            blocking = tried
            break
    index = Index(blocking, blocking.keys(*queries))
    load = index.load(blocking.keys(*reference))
    # What is left over comes of categories and whole numbers: the tables that bring most are given up.
    heavy = np.argsort(load)[::-1]
    excess = load.sum() - np.cumsum(load[heavy]) > _CANDIDATES_A_ROW
    gone = heavy[: int(excess.sum()) + 1] if load.sum() > _CANDIDATES_A_ROW else heavy[:0]
    index.drop(gone.tolist())
    return index if len(gone) < len(load) else None


def _weight(blocking: Blocking, queries: Coarse, reference: Coarse) -> tuple[float, float]:
    """Candidates a row with bins of this width, and the share of rows to find that are held, by some of the tables."""
    keys = blocking.keys(*queries)[::_TABLES_TRIED]
    index = Index(blocking, keys)
    load = index.load(blocking.keys(*reference)[::_TABLES_TRIED])
    return float(load.mean()) * len(blocking.tables), index.held_ratio(keys.shape[1])


def _grouped(rows: Coarse, scales: F64) -> I64:
    """Deal columns out so that each group tells rows apart about as well."""
    telling = [_information(values, scales[j]) for j, values in enumerate(rows[0])]
    telling += [_entropy(words) for words in rows[1]]
    n_groups = min(N_GROUPS, max(len(telling), 1))
    groups = np.zeros(len(telling), np.int64)
    weights = np.zeros(n_groups)
    for j in np.argsort(telling)[::-1].tolist():
        lightest = int(np.argmin(weights))
        groups[j] = lightest
        weights[lightest] += telling[j] + 1e-9
    return groups


def _information(values: F64, scale: float) -> float:
    if scale <= 0.0:
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        return _entropy(
            np.clip(np.nan_to_num(np.floor(values / (_USUAL_WIDTH * scale)), nan=_LARGEST), -_LARGEST, _LARGEST)
        )


def _entropy(values: F64 | U64) -> float:
    """Bits by which a column tells rows apart."""
    _, counts = np.unique(values, return_counts=True)
    shares = counts / max(int(counts.sum()), 1)
    return float(-(shares * np.log2(shares)).sum()) + 0.0
