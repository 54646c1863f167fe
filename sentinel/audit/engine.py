"""Who shows the rows of a file to what adds them up: this process here, or the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

import numpy as np
import pyarrow as pa

from sentinel.audit.files.reading import TableFile
from sentinel.events.batch import I64

Tell = Callable[[int, int, str], None]
"""Told (rows done, rows in all, name of the phase)."""


class Fold(Protocol):
    """Adds up rows, however they are parted and in whatever order they come; survives pickle.

    On a cluster each worker shows its rows to a copy, and the original takes the copies in.
    """

    def add(self, table: pa.Table, numbers: I64) -> None:
        """Take in some rows of the file, and their places in it; a table may be empty."""

    def merge(self, other: Self) -> None:
        """Take in what a copy was shown since it was made, and nothing else of it."""


class Engine(Protocol):
    """Shows every row of a file to a fold, once."""

    def run(self, file: TableFile, columns: Sequence[str], fold: Fold, tell: Tell, phase: str) -> None:
        """Show the rows; when this returns, the fold has all of them.

        Parameters
        ----------
        file : TableFile
        columns : sequence of str
            What the fold needs.
        fold : Fold
            Changed in place.
        tell, phase
            Progress, and what it is called.

        Raises
        ------
        BaselineError
            If the file is damaged, or cannot be read in this way.
        """


class LocalEngine:
    """Shows the rows in the file's order, in this process.

    Examples
    --------
    >>> from sentinel.audit.files.reading import held_table
    >>> class Count:
    ...     n = 0
    ...     def add(self, table, numbers):
    ...         self.n += table.num_rows
    >>> count = Count()
    >>> LocalEngine().run(held_table(pa.table({"x": [1, 2]}), "rows"), ["x"], count, lambda *_: None, "counting")
    >>> count.n
    2
    """

    def run(self, file: TableFile, columns: Sequence[str], fold: Any, tell: Tell, phase: str) -> None:
        """Batch after batch."""
        first = 0
        for table in file.batches(columns):
            fold.add(table, np.arange(first, first + table.num_rows))
            first += table.num_rows
            tell(first, file.n_rows, phase)
            del table  # not to be held while the next rows are read
