"""Rows as they lie in the join store: a matrix of bytes, wider than any layout needs."""

from __future__ import annotations

from typing import Any

import numpy as np

from sentinel.events.batch import I64, U64
from sentinel.pipeline.store.protocol import U8Matrix
from sentinel.summaries.rows import HEADER, Rows


def rows_of(stored: U8Matrix, dtype: np.dtype[Any] = HEADER) -> Rows:
    """See stored bytes as rows of a layout, or as headers, without copying: writing to one writes to both."""
    rows: Rows = stored[:, : dtype.itemsize].view(dtype)[:, 0]
    return rows


def rounds(keys: U64) -> list[I64]:
    """Split indices so that no round repeats a key and each key keeps its order; one round as a rule.

    Examples
    --------
    >>> [members.tolist() for members in rounds(np.array([7, 9, 7], np.uint64))]
    [[0, 1], [2]]
    """
    if not len(keys):
        return []
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]]
    if first.all():
        return [np.arange(len(keys))]
    starts = np.flatnonzero(first)
    occurrence = np.arange(len(keys)) - np.repeat(starts, np.diff(np.r_[starts, len(keys)]))
    return [np.sort(order[occurrence == nth]) for nth in range(int(occurrence.max()) + 1)]
