"""By which columns a file is sorted: its order then says what they say, and nothing of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from sentinel.audit.features.id_marks import binned
from sentinel.audit.files.rows import AuditRows
from sentinel.events.batch import F64, I64, U64

_ORDERLY: Final = 0.97
"""Share of steps from row to row that go one way, or of rows that repeat the category above: the rest is where another
column that is sorted by first changes."""
_MOST_WORDS: Final = 64
"""Categories of a column, beyond which a file sorted by it is taken for one that is not."""


def sorting_bins(rows: AuditRows) -> Iterator[I64]:
    """Bins, shape (n,), of each number, score and category that rows are sorted by, rising or falling.

    Parameters
    ----------
    rows : AuditRows
        In the order of the file.
    """
    scores = () if rows.scores is None or rows.scores.ndim != 1 else (rows.scores,)
    for values in (*rows.numeric, *scores):
        if _is_sorted(values):
            yield binned(values)
    for words in rows.categories:
        if _is_grouped(words):
            distinct, at = np.unique(words, return_inverse=True)
            if len(distinct) <= _MOST_WORDS:
                yield at.astype(np.int64)


def _is_sorted(values: F64) -> bool:
    rising, falling = int((values[1:] > values[:-1]).sum()), int((values[1:] < values[:-1]).sum())
    return rising + falling > 0 and max(rising, falling) >= _ORDERLY * (rising + falling)


def _is_grouped(words: U64) -> bool:
    n_changes = int((words[1:] != words[:-1]).sum())
    _, counts = np.unique(words, return_counts=True)
    by_chance = 1.0 - float(np.square(counts / max(len(words), 1)).sum())
    return 0 < n_changes <= (1.0 - _ORDERLY) * by_chance * len(words)
