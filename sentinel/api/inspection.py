"""What is usually wrong with a frame, found before the counting: the error names the column and the mend."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentinel.config.columns import Columns
from sentinel.errors import FatalError
from sentinel.events.codecs.arrow_columns import as_floats, class_columns, column_of, is_missing, is_number, is_text
from sentinel.events.schema import Task

PREDICTION: Final[dict[Task, tuple[str, ...]]] = {
    "binary": ("prediction_id", "predicted_at", "score"),
    "regression": ("prediction_id", "predicted_at", "score"),
    "multiclass": ("prediction_id", "predicted_at"),
    "ranking": ("prediction_id", "predicted_at", "items"),
}
"""Parts that every prediction has, by task; the probabilities of classes are looked for apart."""
_MOSTLY: Final = 0.5
"""Values of this share that break a rule are a mistake about the column, not bad rows."""
_NAMED: Final = 12
_TIMES: Final = ("predicted_at", "outcome_at")


class DataWarning(UserWarning):
    """Something about the rows changes what can be said of them, or was taken for granted; the message says what."""


def outcome_part(task: Task) -> str:
    """The part that holds what became of a prediction."""
    return "relevance" if task == "ranking" else "outcome"


def warn(notes: Iterable[str]) -> None:
    """Tell each note as a warning at the line that called the public function, which calls this itself."""
    for note in notes:
        warnings.warn(note, DataWarning, stacklevel=3)


def inspect(table: pa.Table, what: str, columns: Columns, task: Task, parts: Sequence[str]) -> list[str]:
    """Judge rows by their columns.

    Parameters
    ----------
    table : Table
    what : str
        What messages call the rows.
    columns : Columns
    task : str
    parts : sequence of str
        Parts that have to be there; of these alone the types and values are looked at.

    Returns
    -------
    list of str
        What is assumed, and what the rows cannot tell.

    Raises
    ------
    FatalError
        If a column is missing, of a type that cannot play its part, or filled with what no rule takes.
    """
    for part in parts:
        _require(table, what, part, getattr(columns, part))
    if task == "multiclass" and "predicted_at" in parts:
        _require_classes(table, what, columns)
    for part in ("score", "outcome"):
        if part in parts and task in ("binary", "regression"):
            _numbers(table, what, part, getattr(columns, part), task)
    notes: list[str] = []
    for part in _TIMES:
        if part in parts:
            notes += _times(table, what, part, getattr(columns, part))
    if "outcome" in parts and task == "binary":
        notes += _classes(table, what, columns.outcome)
    return notes


def repeated_ids(table: pa.Table, what: str, name: str, consequence: str) -> Iterator[str]:
    """A note where ids repeat."""
    n_repeats = table.num_rows - int(pc.count_distinct(table.column(name), mode="all").as_py())
    if n_repeats:
        yield f"{n_repeats:,} of {table.num_rows:,} {what} rows repeat a {name!r}: {consequence}"


def _require(table: pa.Table, what: str, part: str, name: str) -> None:
    if name in table.column_names:
        return
    there = ", ".join(map(repr, table.column_names[:_NAMED]))
    raise FatalError(
        f"the {what} rows have no column {name!r} for {part}; mend: name the right one with "
        f"columns={{{part!r}: ...}} (there are: {there})"
    )


def _require_classes(table: pa.Table, what: str, columns: Columns) -> None:
    name = columns.scores
    if name not in table.column_names and not class_columns(table.schema, name):
        raise FatalError(
            f"the {what} rows have no probabilities of classes: neither a column {name!r} nor columns '{name}.CLASS'; "
            f"mend: frame.join(pd.DataFrame(model.predict_proba(X), frame.index, "
            f"[f'{name}.{{c}}' for c in model.classes_]))"
        )


def _numbers(table: pa.Table, what: str, part: str, name: str, task: Task) -> None:
    column = column_of(table, name)
    if column is None or pa.types.is_null(column.type):
        return
    is_outcome = part == "outcome"
    kind = column.type
    if not (is_number(kind) or (is_outcome and pa.types.is_boolean(kind))):
        mend = f"pd.to_numeric(frame[{name!r}])"
        if is_outcome and task == "binary":
            mend = f"frame[{name!r}] = (frame[{name!r}] == {_example(column)!r}).astype(int), if that is a positive"
        raise FatalError(f"the column {name!r} of the {what} rows, the {part}, holds {kind}, not numbers; mend: {mend}")
    if task != "binary":
        return
    values, _ = as_floats(column, len(column))
    known = values[~np.isnan(values)]
    wrong = (known != 0.0) & (known != 1.0) if is_outcome else (known < 0.0) | (known > 1.0)
    if not len(known) or float(wrong.mean()) <= _MOSTLY:
        return
    odd = float(known[wrong][0])
    if is_outcome:
        mend = f"frame[{name!r}] = (frame[{name!r}] == POSITIVE).astype(int)"
        raise FatalError(f"the column {name!r} of the {what} rows holds {odd:g}: outcomes are 0 or 1; mend: {mend}")
    raise FatalError(
        f"the column {name!r} of the {what} rows holds {odd:g}: a score is P(positive), 0 to 1; mend: divide "
        "percentages by 100, turn log-odds x into 1 / (1 + exp(-x)), or give task='regression'"
    )


def _times(table: pa.Table, what: str, part: str, name: str) -> Iterator[str]:
    column = column_of(table, name)
    if column is None or pa.types.is_null(column.type):
        return
    kind = column.type
    mend = f"frame[{name!r}] = pd.to_datetime(frame[{name!r}], utc=True)"
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind) or is_text(kind) or is_number(kind)):
        raise FatalError(f"the column {name!r} of the {what} rows, {part}, holds {kind}, not times; mend: {mend}")
    if pa.types.is_timestamp(kind) and kind.tz is None:
        yield (
            f"{name!r} of the {what} rows has no time zone: taken as UTC; mend: frame[{name!r}].dt.tz_localize('UTC'), "
            "or the zone that it is in"
        )


def _classes(table: pa.Table, what: str, name: str) -> Iterator[str]:
    column = column_of(table, name)
    if column is None or pa.types.is_null(column.type):
        return
    known = as_floats(column, len(column))[0][~is_missing(column)]
    if len(known) and (known == known[0]).all():
        yield (
            f"{name!r} of the {what} rows is {known[0]:g} wherever it is known: one class tells no ranking, so "
            "there is no AUC; give rows of both outcomes"
        )


def _example(column: pa.Array) -> object:
    return next((value for value in column.slice(0, 1_000).to_pylist() if value is not None), "yes")
