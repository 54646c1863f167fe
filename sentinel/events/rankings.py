"""Ranked lists and the grades that their items earned, reduced to what a row of fixed width can hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import xxhash

from sentinel.events.batch import F64, I64, U64, Bool
from sentinel.events.classes import CODE_MASK

MOST_GRADED: Final = 16
"""Graded items kept of an outcome, the best first: as many as ranks can count, so the ideal order is exact."""
LARGEST_GRADE: Final = 30.0
"""Grades above are refused: 2^30 - 1 is worth a billion items of grade 1."""
GRADE_STEPS: Final = 8
"""Grades are kept in steps of 1/8, in one byte."""

RELEVANCE: Final = np.dtype([("items", "<u8", (MOST_GRADED,)), ("grades", "u1", (MOST_GRADED,))])
"""What is kept of an outcome: hashes of items (0: none) and their grades in steps, largest first."""

Relevances = npt.NDArray[np.void]


class Flat(NamedTuple):
    """Items of many lists in one row each: the list that it is of, its hash, and its score or grade."""

    lists: I64
    items: U64
    values: F64


def item_hashes(names: Iterable[str]) -> U64:
    """Hash item ids; never 0, which stands for no item.

    Examples
    --------
    >>> bool(item_hashes(["a"])[0] == item_hashes(["a"])[0] != item_hashes(["b"])[0])
    True
    """
    hashed = [xxhash.xxh3_64_intdigest(name.encode()) for name in names]
    return np.array(hashed, np.uint64) | np.uint64(1)


def largest_values(flat: Flat, n: int) -> F64:
    """The largest finite score of each list; minus infinity where there is none.

    Examples
    --------
    >>> largest_values(flatten([[("a", 1.0), ("b", 3.0)], []]), 2).tolist()
    [3.0, -inf]
    """
    largest = np.full(n, -np.inf)
    finite = np.isfinite(flat.values)
    np.maximum.at(largest, flat.lists[finite], flat.values[finite])
    return largest


def rank_items(flat: Flat, n: int, k: int) -> tuple[U64, Bool]:
    """The items at the first ranks of each list, and which lists are lists.

    Parameters
    ----------
    flat : Flat
        Values are scores; the larger comes first, of equal ones the earlier.
    n : int
        Lists.
    k : int
        Ranks that count.

    Returns
    -------
    (uint64 array of shape (n, k), bool array of shape (n,))
        0 where a list is shorter. False for a list that is empty, names an item twice, or has a score that is no
        finite number.
    """
    good = (np.bincount(flat.lists, minlength=n) > 0) & _distinct(flat, n)
    good[flat.lists[~np.isfinite(flat.values)]] = False
    ranked = np.zeros((n, k), np.uint64)
    order = np.lexsort((-flat.values, flat.lists))
    lists, places = _places(flat.lists[order], n)
    shown = places < k
    ranked[lists[shown], places[shown]] = flat.items[order][shown]
    ranked[~good] = 0
    return ranked, good


def keep_best(flat: Flat, n: int) -> tuple[Relevances, Bool]:
    """The best graded items of each outcome, and which outcomes are outcomes.

    Parameters
    ----------
    flat : Flat
        Values are grades; items without a grade count as grade 0.
    n : int
        Outcomes.

    Returns
    -------
    (structured array of shape (n,), dtype RELEVANCE; bool array of shape (n,))
        False where an item is graded twice, or a grade is below 0, above ``LARGEST_GRADE`` or no number.
    """
    right = (flat.values >= 0.0) & (flat.values <= LARGEST_GRADE)
    good = _distinct(flat, n)
    good[flat.lists[~right]] = False
    steps = np.rint(np.where(right, flat.values, 0.0) * GRADE_STEPS).astype(np.uint8)
    found = np.zeros(n, RELEVANCE)
    order = np.lexsort((flat.items, -steps.astype(np.int64), flat.lists))
    lists, places = _places(flat.lists[order], n)
    kept = (places < MOST_GRADED) & (steps[order] > 0)
    found["items"][lists[kept], places[kept]] = flat.items[order][kept]
    found["grades"][lists[kept], places[kept]] = steps[order][kept]
    return found, good


def relevance_code(relevances: Relevances) -> F64:
    """A whole number that is the same for the same grades: what tells a repeated outcome from a corrected one."""
    rows = np.ascontiguousarray(relevances).view(np.uint8).reshape(len(relevances), RELEVANCE.itemsize)
    return np.array([float(xxhash.xxh3_64_intdigest(row.tobytes()) & CODE_MASK) for row in rows], np.float64)


def read_grades(grades: Sequence[Mapping[str, float] | None]) -> tuple[F64, Relevances]:
    """Codes of outcomes, NaN where there is none or a grade is wrong, and what is kept of them.

    Examples
    --------
    >>> np.isnan(read_grades([{"a": 1.0}, {"a": -1.0}, None])[0]).tolist()
    [False, True, True]
    """
    found, right = keep_best(flatten([list((one or {}).items()) for one in grades]), len(grades))
    given = np.fromiter((one is not None for one in grades), np.bool_, len(grades))
    return np.where(right & given, relevance_code(found), np.nan), found


def flatten(lists: Sequence[Sequence[tuple[str, float]]]) -> Flat:
    """Put lists of (id, score or grade) one after the other."""
    sizes = np.fromiter(map(len, lists), np.int64, len(lists))
    names = [name for one in lists for name, _ in one]
    values = np.array([value for one in lists for _, value in one], np.float64)
    return Flat(np.repeat(np.arange(len(lists)), sizes), item_hashes(names), values)


def _places(lists: I64, n: int) -> tuple[I64, I64]:
    """Place of each item within its list; lists ascend."""
    starts = np.searchsorted(lists, np.arange(n))
    return lists, np.arange(len(lists)) - starts[lists]


def _distinct(flat: Flat, n: int) -> Bool:
    """Which lists name no item twice."""
    order = np.lexsort((flat.items, flat.lists))
    lists, items = flat.lists[order], flat.items[order]
    twice = (lists[1:] == lists[:-1]) & (items[1:] == items[:-1])
    good = np.ones(n, np.bool_)
    good[lists[1:][twice]] = False
    return good
