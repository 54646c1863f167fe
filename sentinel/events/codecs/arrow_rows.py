"""The rows of one Arrow table and, for each, the first rule that it breaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.columns import Columns
from sentinel.events.batch import F64, I64, U64, Bool, DeadLetter, Origin, Reason
from sentinel.events.classes import class_code, normalised
from sentinel.events.codecs.arrow_columns import (
    as_floats,
    as_names,
    as_probabilities,
    as_times,
    category_names,
    column_of,
    is_missing,
)
from sentinel.events.codecs.arrow_lists import GRADE, SCORE, Listed, as_lists
from sentinel.events.codecs.rules import right_outcomes, right_scores
from sentinel.events.codecs.shown import form
from sentinel.events.rankings import (
    LARGEST_GRADE,
    RELEVANCE,
    Relevances,
    keep_best,
    largest_values,
    rank_items,
    relevance_code,
)
from sentinel.events.schema import Limits, Task
from sentinel.events.times import BAD_TIME

LATEST_US = 4_102_444_800 * MICROSECONDS_PER_SECOND
"""2100-01-01T00:00:00Z. A file has no moment of receipt; a later time is a unit error (milliseconds as seconds)."""


class ArrowRows:
    """One table whose rows are judged column by column, in the JSON codec's order; a row is refused once.

    Parameters
    ----------
    table : Table or RecordBatch
    columns : Columns
        Which column plays which part.
    topic, partition, first_offset : str, int, int
        Where row 0 is from.

    Attributes
    ----------
    good : bool array, shape (n,)
        Rows that no rule has refused so far.
    """

    def __init__(
        self, table: pa.Table | pa.RecordBatch, columns: Columns, topic: str, partition: int, first_offset: int
    ) -> None:
        self.table = table
        self.n = table.num_rows
        self.good: Bool = np.ones(self.n, np.bool_)
        self._columns = columns
        self._place = (topic, partition, first_offset)
        self._refused: dict[int, tuple[Reason, str]] = {}
        self._refused_outcomes: dict[int, tuple[Reason, str]] = {}
        self._ids: tuple[pa.Array | None, Bool] | None = None

    @classmethod
    def of_outcomes(cls, rows: ArrowRows, present: Bool) -> ArrowRows:
        """The same rows judged as outcomes, those without one left out and not refused."""
        judged = cls(rows.table, rows._columns, *rows._place)
        judged._ids = rows._ids
        judged.good = present.copy()
        return judged

    def adopt(self, judged: ArrowRows) -> None:
        """Take over what was refused as an outcome, unless the row was refused as a prediction already."""
        self._refused_outcomes = {row: why for row, why in judged._refused.items() if row not in self._refused}

    @property
    def ids(self) -> pa.Array | None:
        """Prediction ids as text."""
        return self._names()[0]

    def origin(self, kept: I64 | None) -> Origin:
        """Where the rows are from."""
        topic, partition, first = self._place
        offsets = np.arange(first, first + self.n, dtype=np.int64)
        return Origin(topic, partition, offsets if kept is None else offsets[kept])

    def dead_letters(self, kind: str = "prediction") -> list[DeadLetter]:
        """What was refused, in row order."""
        topic, partition, first = self._place
        found = sorted([*self._refused.items(), *self._refused_outcomes.items()], key=lambda item: item[0])
        return [
            DeadLetter(reason, detail, topic, partition, first + row, self._head(row), kind)
            for row, (reason, detail) in found
        ]

    def refuse(self, bad: Bool, reason: Reason, detail: str, values: Any = None) -> None:
        """Refuse rows not refused before; ``detail`` may tell the form of the value as ``{value}``."""
        for row in np.flatnonzero(bad & self.good).tolist():
            text = detail if values is None else detail.replace("{value}", form(_item(values, row)))
            self._refused[row] = (reason, text)
        self.good &= ~bad

    def check_ids(self, limits: Limits) -> None:
        """A prediction id is there, is text or a whole number, and is not too long."""
        ids, odd = self._names()
        column = column_of(self.table, self._columns.prediction_id)
        name = self._columns.prediction_id
        if ids is None or column is None:
            self.refuse(np.ones(self.n, np.bool_), Reason.MISSING_ID, f"{name} is missing")
            return
        self.refuse(odd, Reason.WRONG_TYPE, f"{name} is a {column.type}, not a string")
        lengths = pc.fill_null(pc.utf8_length(ids), 0).to_numpy(zero_copy_only=False)
        self.refuse((lengths == 0) & ~odd, Reason.MISSING_ID, f"{name} is missing")
        detail = f"{name} has more than {limits.max_id_chars} characters"
        self.refuse(lengths > limits.max_id_chars, Reason.OVERSIZED, detail)

    def times(self, name: str, limits: Limits) -> I64:
        """Read a column of times and refuse what is missing, unreadable or absurd."""
        column = column_of(self.table, name)
        if column is None:
            self.refuse(np.ones(self.n, np.bool_), Reason.MISSING_FIELD, f"{name} is missing")
            return np.full(self.n, BAD_TIME)
        times = as_times(column)
        self.refuse(is_missing(column), Reason.MISSING_FIELD, f"{name} is missing")
        unread = times == BAD_TIME
        detail = f"{name} is {{value}}: no RFC 3339 time and no seconds since the epoch"
        self.refuse(unread, Reason.BAD_TIME, detail, column)
        detail = f"{name} lies before limits.min_time"
        self.refuse(~unread & (times < limits.earliest_us), Reason.TIME_TOO_EARLY, detail)
        self.refuse(times > LATEST_US, Reason.TIME_IN_FUTURE, f"{name} lies after the year 2099")
        return times

    def scores(self, name: str, task: Task) -> F64:
        """Read scores and refuse what is no probability, or of a regression no finite number."""
        values = self._numbers(name, booleans=False)
        self.refuse(~np.isfinite(values), Reason.SCORE_NOT_FINITE, f"{name} is {{value}}", values)
        right = right_scores(task, values)
        self.refuse(~right & (values > 1.0), Reason.SCORE_OUT_OF_RANGE, f"{name} is above 1: no probability")
        self.refuse(~right, Reason.SCORE_OUT_OF_RANGE, f"{name} is below 0: no probability")
        return values

    def outcomes(self, name: str, task: Task) -> F64:
        """Read outcomes and refuse what is neither 0 nor 1, or of a regression no finite number."""
        values = self._numbers(name, booleans=True)
        detail = f"{name} is {{value}}" if task == "regression" else f"{name} is {{value}}, neither 0 nor 1"
        self.refuse(~right_outcomes(task, values), Reason.INVALID_OUTCOME, detail, values)
        return values

    def probabilities(self, name: str, classes: Sequence[str]) -> F64:
        """Read the probability of each class and refuse what is none."""
        read = as_probabilities(self.table, name, classes)
        if read is None:
            self.refuse(np.ones(self.n, np.bool_), Reason.MISSING_FIELD, f"{name} is missing")
            return np.full((self.n, len(classes)), 1.0 / len(classes))
        values, known = read
        finite: Bool = np.all(np.isfinite(values), axis=1)
        self.refuse(~finite, Reason.SCORE_NOT_FINITE, f"{name} holds what is no finite number")
        self.refuse(~known, Reason.SCORE_OUT_OF_RANGE, f"{name} gives probability to a class unknown offline")
        probabilities, right = normalised(values)
        self.refuse(~right, Reason.SCORE_OUT_OF_RANGE, f"{name} are no probabilities that sum to 1")
        return probabilities

    def classes(self, name: str, classes: Sequence[str]) -> F64:
        """Read outcomes as codes of classes and refuse those that are none of them."""
        column = column_of(self.table, name)
        named = None if column is None else category_names(column)
        if named is None:
            self.refuse(np.ones(self.n, np.bool_), Reason.WRONG_TYPE, f"{name} is no class")
            return np.full(self.n, np.nan)
        indices, distinct = named
        codes = {one: class_code(one) for one in classes}
        table = np.array([*(codes.get(one or "", np.nan) for one in distinct), np.nan])
        values: F64 = table[indices]
        detail = f"{name} is {{value}}: no class that was there offline"
        self.refuse(np.isnan(values), Reason.INVALID_OUTCOME, detail, column)
        return values

    def items(self, name: str, n_ranked: int) -> tuple[U64, F64]:
        """Read ranked lists and refuse what is none; the largest score of each stands for the list."""
        listed = self._lists(name, SCORE)
        if listed is None:
            return np.zeros((self.n, n_ranked), np.uint64), np.zeros(self.n)
        flat = listed.flat
        self.refuse(np.bincount(flat.lists, minlength=self.n) == 0, Reason.INVALID_ITEMS, f"{name} is an empty list")
        self.refuse(listed.nameless, Reason.INVALID_ITEMS, f"{name} holds an item without an id")
        odd = np.bincount(flat.lists[~np.isfinite(flat.values)], minlength=self.n) > 0
        self.refuse(odd, Reason.SCORE_NOT_FINITE, f"{name} holds a score that is no finite number")
        items, right = rank_items(flat, self.n, n_ranked)
        self.refuse(~right, Reason.INVALID_ITEMS, f"{name} names an item twice")
        return items, np.where(right, largest_values(flat, self.n), 0.0)

    def relevances(self, name: str) -> tuple[F64, Relevances]:
        """Read grades of items and refuse what is none."""
        listed = self._lists(name, GRADE)
        if listed is None:
            return np.full(self.n, np.nan), np.zeros(self.n, RELEVANCE)
        self.refuse(listed.nameless, Reason.INVALID_OUTCOME, f"{name} holds an item without an id")
        relevances, right = keep_best(listed.flat, self.n)
        detail = f"{name} grades an item twice, or not in [0, {LARGEST_GRADE:g}]"
        self.refuse(~right, Reason.INVALID_OUTCOME, detail)
        return relevance_code(relevances), relevances

    def _lists(self, name: str, value: str) -> Listed | None:
        column = column_of(self.table, name)
        listed = None if column is None else as_lists(column, value)
        every = np.ones(self.n, np.bool_)
        if column is None:
            self.refuse(every, Reason.MISSING_FIELD, f"{name} is missing")
        elif listed is None:
            self.refuse(every, Reason.WRONG_TYPE, f"{name} is a {column.type!s:.60}, not lists of id and {value}")
        else:
            self.refuse(listed.missing, Reason.MISSING_FIELD, f"{name} is missing")
        return listed

    def group_names(self, name: str) -> pa.Array | None:
        """Read entities and refuse what cannot name one."""
        column = column_of(self.table, name)
        names, odd = as_names(column)
        if column is not None:
            self.refuse(odd, Reason.WRONG_TYPE, f"{name} is a {column.type}, not a string")
        return names

    def _numbers(self, name: str, *, booleans: bool) -> F64:
        column = column_of(self.table, name)
        if column is None:
            self.refuse(np.ones(self.n, np.bool_), Reason.MISSING_FIELD, f"{name} is missing")
            return np.full(self.n, np.nan)
        values, invalid = as_floats(column, self.n)
        self.refuse(column.is_null().to_numpy(zero_copy_only=False), Reason.MISSING_FIELD, f"{name} is missing")
        if pa.types.is_boolean(column.type) and not booleans:
            invalid = np.ones(self.n, np.bool_)
        if invalid is not None:
            self.refuse(invalid, Reason.WRONG_TYPE, f"{name} is a {column.type}, not a number")
        return values

    def _names(self) -> tuple[pa.Array | None, Bool]:
        if self._ids is None:
            self._ids = as_names(column_of(self.table, self._columns.prediction_id))
        return self._ids

    def _head(self, row: int) -> bytes:
        parts = []
        for name in (self._columns.prediction_id, self._columns.predicted_at, self._columns.outcome_at):
            column = column_of(self.table, name)
            if column is not None:
                parts.append(f"{name}={column[row].as_py()!s:.64}")
        return " ".join(parts).encode()


def _item(values: Any, row: int) -> object:
    item = values[row]
    return item.as_py() if isinstance(item, pa.Scalar) else item.item()
