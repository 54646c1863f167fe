"""The values of the rows that an audit names, read from the files when someone asks to see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from sentinel.audit.files.reading import TableFile, held_table, open_table
from sentinel.audit.files.rows import SideName
from sentinel.audit.findings import AuditReport, Finding
from sentinel.config.model import Model

RowValues = Mapping[tuple[SideName, int], Mapping[str, str]]
"""Values by column, of rows by their file and number."""
_LONGEST: Final = 200
"""Characters of a value that are shown."""
_MOST_COLUMNS: Final = 30
"""Columns of a row that are shown: more than any screen holds."""
_MISSING: Final = "(missing)"


def read_values(
    report: AuditReport, model: Model, *, validation: Path | pa.Table, train: Path | pa.Table | None
) -> RowValues:
    """Read the rows that the findings name, and no others.

    Parameters
    ----------
    report : AuditReport
    model : Model
        Whose settings name the columns.
    validation, train : Path or Table, or None
        What was audited.

    Raises
    ------
    BaselineError
        If a file cannot be read any more.
    """
    pairs = [pair for finding in report.findings for pair in finding.rows]
    wanted: dict[SideName, set[int]] = {
        "train": {pair.train for pair in pairs if pair.train is not None},
        "validation": {pair.validation for pair in pairs if pair.validation is not None},
    }
    values: dict[tuple[SideName, int], Mapping[str, str]] = {}
    sides: tuple[tuple[SideName, Path | pa.Table | None], ...] = (("train", train), ("validation", validation))
    for side, given in sides:
        if given is not None and wanted[side]:
            for number, row in _read(_opened(given, side, model), sorted(wanted[side])):
                values[side, number] = row
    return values


def shown_columns(finding: Finding, model: Model, values: RowValues) -> list[str]:
    """Columns to show of a finding's rows: those that it is about, with what names a row, or else all."""
    there = dict.fromkeys(column for row in values.values() for column in row)
    roles = [name for name in model.columns.roles(model.task).values() if name in there]
    first = [name for name in finding.columns if name in there]
    rest = [] if first else [name for name in there if name not in roles]
    return list(dict.fromkeys([*first, *roles, *rest]))[:_MOST_COLUMNS]


def _opened(given: Path | pa.Table, side: str, model: Model) -> TableFile:
    if isinstance(given, pa.Table):
        return held_table(given, side)
    return open_table(given, text=(model.columns.prediction_id, model.columns.group))


def _read(file: TableFile, numbers: Sequence[int]) -> Iterable[tuple[int, Mapping[str, str]]]:
    chosen, first = np.array(numbers, np.int64), 0
    for table in file.batches(file.schema.names):
        begin, end = np.searchsorted(chosen, [first, first + table.num_rows])
        if end > begin:
            rows = table.take(pa.array(chosen[begin:end] - first)).to_pylist()
            for number, row in zip(chosen[begin:end].tolist(), rows, strict=True):
                yield number, {name: _shown(value) for name, value in row.items()}
        first += table.num_rows
        if first > chosen[-1]:
            return


def _shown(value: Any) -> str:
    if value is None:
        return _MISSING
    if isinstance(value, bytes):
        return f"({len(value):,} bytes)"
    if isinstance(value, list):
        return f"({len(value):,} numbers)"
    if isinstance(value, datetime):
        return str(value.replace(microsecond=0))
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
