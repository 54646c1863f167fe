"""Validation and training rows as streams of Arrow tables: Parquet by row group, CSV by chunk, tables in memory."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sentinel.errors import BaselineError

BATCH_ROWS: Final = 1 << 16
"""Rows decoded at once: twenty columns of them are 10 MB."""

_CSV_SUFFIXES: Final = (".csv", ".csv.gz", ".csv.zst", ".csv.bz2", ".csv.xz")
_EXACT: Final[dict[str, Any]] = {"float_precision": "round_trip"} if pd.__version__ < "3.1" else {}
"""Older pandas reads numbers a little wrong unless it is asked not to; newer ones no longer take the question."""
_CSV_MISSING: Final = [""]  # "NA" and "None" are values: a country, a plan
_READ_BYTES: Final = 1 << 20
"""Of a column of a row group, held at once: a row group may be as large as its file."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A row group of Parquet, which can be read by itself; ``first`` is the place of its first row among all rows."""

    path: Path
    row_group: int
    first: int
    n_rows: int

    def batches(self, columns: Sequence[str], batch_rows: int) -> Iterator[pa.Table]:
        """Read some columns.

        Raises
        ------
        BaselineError
            If it turns out to be damaged, or not there.
        """
        try:
            yield from _row_groups(self.path, [self.row_group], columns, batch_rows)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise BaselineError(f"{self.path}: cannot read on: {_first_line(error)}") from error


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file of rows that can be read again and again.

    Parameters
    ----------
    path : Path
        Of rows in memory what messages call them.
    schema : Schema
        Arrow types of the columns.
    n_rows : int
    read : callable
        Given column names, yields tables of these columns in the file's order.
    batch_rows : int
        The most rows of a table.
    pieces : tuple of Piece
        Of Parquet, in order; empty of what can be read from the start alone.
    """

    path: Path
    schema: pa.Schema
    n_rows: int
    read: Callable[[Sequence[str]], Iterator[pa.Table]]
    batch_rows: int = BATCH_ROWS
    pieces: tuple[Piece, ...] = ()

    def batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Read some columns from the start.

        Raises
        ------
        BaselineError
            If the file turns out to be damaged on the way.
        """
        try:
            yield from self.read(columns)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise BaselineError(f"{self.path}: cannot read on: {_first_line(error)}") from error


def open_table(path: Path, *, batch_rows: int = BATCH_ROWS, text: Sequence[str] = ()) -> TableFile:
    """Open a Parquet or CSV file (by its name's end; whatever is no CSV is read as Parquet).

    Parameters
    ----------
    path : Path
        A folder stands for all ``.parquet`` files in it, in the order of their names.
    batch_rows : int, > 0
    text : sequence of str
        Columns of a CSV file that are text even if they look like numbers: ids.

    Raises
    ------
    BaselineError
        If the file is missing, empty, damaged, of another format, or names a column twice.
    """
    try:
        is_csv = path.name.lower().endswith(_CSV_SUFFIXES)
        opened = _open_csv(path, batch_rows, frozenset(text)) if is_csv else _open_parquet(path, batch_rows)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BaselineError(f"{path}: cannot be read: {_first_line(error)}") from error
    return _checked(opened)


def held_table(table: pa.Table, name: str, *, batch_rows: int = BATCH_ROWS) -> TableFile:
    """Rows that are in memory, read like a file and not copied.

    Parameters
    ----------
    table : Table
    name : str
        What messages call them.
    batch_rows : int, > 0

    Raises
    ------
    BaselineError
        If there are no rows, or a column is there twice.
    """

    def read(columns: Sequence[str]) -> Iterator[pa.Table]:
        for batch in table.select(list(columns)).to_batches(max_chunksize=batch_rows):
            yield pa.Table.from_batches([batch])

    return _checked(TableFile(Path(name), table.schema.remove_metadata(), table.num_rows, read, batch_rows))


def _checked(opened: TableFile) -> TableFile:
    twice = [name for name, count in Counter(opened.schema.names).items() if count > 1]
    if twice:
        raise BaselineError(f"{opened.path}: more than one column is called {twice[0]!r}")
    if opened.n_rows == 0:
        raise BaselineError(f"{opened.path}: the file has no rows")
    return opened


def _open_parquet(path: Path, batch_rows: int) -> TableFile:
    paths = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not paths:
        raise BaselineError(f"{path}: no .parquet file is in this folder")
    schema, pieces, n_rows = _schema(paths[0]), [], 0
    for each in paths:
        with pq.ParquetFile(each) as file:
            if not file.schema_arrow.equals(schema):
                raise BaselineError(f"{each}: its columns differ from those of {paths[0]}, or their types do")
            for group in range(file.metadata.num_row_groups):
                n = file.metadata.row_group(group).num_rows
                pieces.append(Piece(each, group, n_rows, n))
                n_rows += n

    def read(columns: Sequence[str]) -> Iterator[pa.Table]:
        for each in paths:
            yield from _row_groups(each, None, columns, batch_rows)

    return TableFile(path, schema.remove_metadata(), n_rows, read, batch_rows, tuple(pieces))


def _schema(path: Path) -> pa.Schema:
    with pq.ParquetFile(path) as file:
        return file.schema_arrow


def _row_groups(
    path: Path, groups: Sequence[int] | None, columns: Sequence[str], batch_rows: int
) -> Iterator[pa.Table]:
    # Buffers fetched ahead would be held until the file is closed; without a size of its own, a read is a whole column
    # of a row group.
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=_READ_BYTES) as file:
        for batch in file.iter_batches(batch_size=batch_rows, row_groups=groups, columns=list(columns)):
            yield pa.Table.from_batches([batch])


def _open_csv(path: Path, batch_rows: int, text: frozenset[str]) -> TableFile:
    """Read the file once for the types: a type taken chunk by chunk would depend on where the chunks end."""
    found: dict[str, set[str]] = {}
    n_rows = 0
    for chunk in _chunks(path, batch_rows, dtypes=None):
        n_rows += len(chunk)
        for name in chunk.columns:
            found.setdefault(str(name), set()).add(_kind(chunk[name]))
    dtypes = {name: "string" if name in text else _dtype(kinds) for name, kinds in found.items()}
    arrow = {"string": pa.large_string(), "boolean": pa.bool_(), "Int64": pa.int64(), "float64": pa.float64()}
    schema = pa.schema([(name, arrow[dtype]) for name, dtype in dtypes.items()])

    def read(columns: Sequence[str]) -> Iterator[pa.Table]:
        for chunk in _chunks(path, batch_rows, dtypes=dtypes):
            wanted = pa.schema([schema.field(name) for name in columns])
            yield pa.Table.from_pandas(chunk[list(columns)], schema=wanted, preserve_index=False)

    return TableFile(path, schema, n_rows, read, batch_rows)


def _chunks(path: Path, batch_rows: int, dtypes: dict[str, str] | None) -> Iterator[pd.DataFrame]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        reader = pd.read_csv(
            path,
            chunksize=batch_rows,
            dtype=dtypes,
            keep_default_na=False,
            na_values=_CSV_MISSING,
            low_memory=False,
            **_EXACT,
        )
        with reader:
            yield from reader


def _kind(column: pd.Series) -> str:
    if column.isna().all():
        return "empty"
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind == "integer" and column.dtype != "int64":
        return "text"  # beyond 64 bits: an identifier, and no amount of anything
    return {"integer": "integer", "floating": "float", "boolean": "boolean"}.get(kind, "text")


def _dtype(kinds: set[str]) -> str:
    kinds = kinds - {"empty"}
    if kinds == {"boolean"}:
        return "boolean"
    if kinds == {"integer"}:
        return "Int64"
    return "string" if kinds - {"integer", "float"} else "float64"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
