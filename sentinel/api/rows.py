"""What a caller hands over as rows, as an Arrow table in memory: columns of numbers are not copied."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import pandas as pd
import pyarrow as pa

from sentinel.errors import FatalError


@runtime_checkable
class ArrowStream(Protocol):
    """Any table that exports itself by Arrow's PyCapsule interface, such as a polars frame."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export."""
        ...


Given: TypeAlias = pd.DataFrame | pa.Table | ArrowStream | str | os.PathLike[str]
"""Rows: a DataFrame, an Arrow table or what exports one, or the path of a Parquet or CSV file."""


def as_rows(given: Given, what: str, roles: Collection[str]) -> Path | pa.Table:
    """Take rows in whatever form they come.

    Parameters
    ----------
    given : DataFrame, Table, ArrowStream or path
        Of a DataFrame the index is left out, but for levels with the name of a role that no column has.
    what : str
        What messages call the rows.
    roles : collection of str
        Columns that play a part.

    Raises
    ------
    FatalError
        If a column cannot be read as one type, has no name of its own, or there is no row.
    """
    if isinstance(given, str | os.PathLike):
        return Path(given)
    if isinstance(given, pd.DataFrame):
        table = _of_frame(given, what, roles)
    elif isinstance(given, pa.Table):
        table = given
    elif isinstance(given, ArrowStream):
        table = pa.table(given)
    else:
        kind = type(given).__name__
        raise FatalError(f"the {what} rows are a {kind}: give a DataFrame, an Arrow table, or the path of a file")
    twice = [name for name, n in Counter(table.column_names).items() if n > 1]
    if twice:
        raise FatalError(f"the {what} rows have more than one column {twice[0]!r}: rename or drop one")
    if not table.num_rows:
        raise FatalError(f"there are no {what} rows: the frame is empty")
    return table


def _of_frame(frame: pd.DataFrame, what: str, roles: Collection[str]) -> pa.Table:
    names: list[object] = list(frame.columns)
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        mend = "frame.columns = frame.columns.map(str)"
        raise FatalError(f"the {what} rows have a column named {odd[0]!r}: names are text; mend: {mend}")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise FatalError(f"the {what} rows have more than one column {twice!r}: rename or drop one")
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise _unreadable(frame, what) from error
    for name in frame.index.names:
        if isinstance(name, str) and name in roles and name not in frame.columns:
            table = table.append_column(name, _array(frame.index.get_level_values(name)))
    return table


def _array(values: Any) -> pa.Array | pa.ChunkedArray:
    return pa.array(values, from_pandas=True)


def _unreadable(frame: pd.DataFrame, what: str) -> FatalError:
    """The error that names the column: Arrow does so for some faults only."""
    for name in frame.columns:
        try:
            _array(frame[name])
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            return FatalError(
                f"the column {name!r} of the {what} rows ({frame[name].dtype}) cannot be read as one type: {error}; "
                f"mend: frame[{name!r}].astype(str) for categories, pd.to_numeric(frame[{name!r}], errors='coerce') "
                "for numbers"
            )
    return FatalError(f"the {what} rows cannot be read as a table")
