"""Columns of Python values as numpy columns: numbers, and categories as their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from sentinel.events.batch import F64, I32
from sentinel.events.schema import INVALID, MISSING, UNSEEN, category


def floats(values: Sequence[Any], n: int) -> F64:
    """A column of numbers and nulls; NaN where null."""
    try:
        return np.fromiter(values, np.float64, n)
    except TypeError:  # a null: numpy reads None as NaN, but only when told the whole column at once
        return np.array(values, dtype=np.float64)


def lenient_float(value: object) -> tuple[float, bool]:
    """A number, or NaN and whether something else stood in its place."""
    if value is None:
        return np.nan, False
    if isinstance(value, int | float):  # bool counts as 0 and 1
        try:
            return float(value), False
        except OverflowError:
            return np.inf if value > 0 else -np.inf, False
    return np.nan, True


def first_present(named: tuple[Any, ...], plain: tuple[Any, ...]) -> tuple[Any, ...]:
    """Join two readings of a column: a value under ``slices`` wins over the feature of the same name.

    Most columns come by one of the two alone: only those that mix them cost a loop.
    """
    n_absent = named.count(None)
    if n_absent == len(named):
        return plain
    if n_absent == 0:
        return named
    return tuple(b if a is None else a for a, b in zip(named, plain, strict=True))


def encode(values: Sequence[Any], lookup: Mapping[Any, int], n: int) -> I32:
    """Write categories as their codes.

    Parameters
    ----------
    values : sequence, length n
    lookup : mapping
        Category -> code, and None -> MISSING.

    Returns
    -------
    int32 array, shape (n,)
        Codes, or MISSING, UNSEEN, INVALID.
    """
    try:
        encoded = np.fromiter(map(lookup.get, values, repeat(UNSEEN)), np.int32, n)
    except TypeError:  # unhashable: an array or object stands where a scalar belongs
        encoded = np.full(n, UNSEEN, np.int32)
    for row in np.flatnonzero(encoded == UNSEEN).tolist():
        encoded[row] = _encode_one(values[row], lookup)
    return encoded


def _encode_one(value: object, lookup: Mapping[Any, int]) -> int:
    if value is None or (isinstance(value, float) and value != value):
        return MISSING
    name = category(value)
    return INVALID if name is None else lookup.get(name, UNSEEN)
