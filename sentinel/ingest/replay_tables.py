"""Tables of rows that are replayed: Parquet and CSV files, read as they are needed, and tables in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from sentinel.errors import FatalError


class Table(Protocol):
    """A file of rows."""

    @property
    def n_rows(self) -> int:
        """Rows in the file."""
        ...

    def slices(self, start: int, n_rows: int) -> Iterator[pa.Table]:
        """The rows from ``start`` on, ``n_rows`` at a time; the last slice may be shorter."""
        ...


class _Held:
    def __init__(self, rows: pa.Table, names: Sequence[str] | None) -> None:
        self._rows = rows if names is None else rows.select([name for name in names if name in rows.column_names])

    @property
    def n_rows(self) -> int:
        return int(self._rows.num_rows)

    def slices(self, start: int, n_rows: int) -> Iterator[pa.Table]:
        return (self._rows.slice(row, n_rows) for row in range(start, self.n_rows, n_rows))


class _Parquet:
    def __init__(self, path: Path, names: Sequence[str] | None) -> None:
        self._path = path
        self._names = names
        metadata = pq.read_metadata(path)
        self._n_rows = int(metadata.num_rows)
        self._group_rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]

    @property
    def n_rows(self) -> int:
        return self._n_rows

    def slices(self, start: int, n_rows: int) -> Iterator[pa.Table]:
        group = 0
        while group < len(self._group_rows) and start >= self._group_rows[group]:
            start -= self._group_rows[group]
            group += 1
        if group == len(self._group_rows):
            return
        groups = range(group, len(self._group_rows))
        try:
            with pq.ParquetFile(self._path) as file:
                yield from _rechunked(file.iter_batches(n_rows, row_groups=groups, columns=self._names), start, n_rows)
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(self._path, error) from error


def _rechunked(batches: Iterable[pa.RecordBatch], skip: int, n_rows: int) -> Iterator[pa.Table]:
    """Cut batches of any sizes into tables of exactly ``n_rows``, without the first ``skip`` rows."""
    waiting: list[pa.RecordBatch] = []
    n_waiting = 0
    for batch in batches:
        rest = batch.slice(min(skip, batch.num_rows))
        skip -= batch.num_rows - rest.num_rows
        if not rest.num_rows:
            continue
        waiting.append(rest)
        n_waiting += rest.num_rows
        while n_waiting >= n_rows:
            table = pa.Table.from_batches(waiting)
            yield table.slice(0, n_rows)
            waiting = table.slice(n_rows).to_batches()
            n_waiting -= n_rows
    if n_waiting:
        yield pa.Table.from_batches(waiting)


def open_table(rows: Path | pa.Table, names: Sequence[str] | None = None) -> Table:
    """A file of Parquet, or of CSV by its name, or a table that is held already.

    Parameters
    ----------
    rows : Path or pyarrow.Table
    names : sequence of str, optional
        The columns that are wanted; of these, those that are there.

    Raises
    ------
    FatalError
        If the file cannot be read.
    """
    if not isinstance(rows, Path):
        return _Held(rows, names)
    try:
        return _Held(pa.csv.read_csv(rows), names) if _is_csv(rows) else _Parquet(rows, names)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(rows, error) from error


def _unreadable(path: Path, error: Exception) -> FatalError:
    return FatalError(f"{path} cannot be read as {'CSV' if _is_csv(path) else 'Parquet'}: {error}")


def _is_csv(path: Path) -> bool:
    return ".csv" in path.suffixes[-2:]
