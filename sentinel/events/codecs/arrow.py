"""Arrow tables to event columns: the same columns that the JSON codec gives for the same values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.model import Columns
from sentinel.events import keys as event_keys
from sentinel.events.batch import (
    F64,
    I32,
    I64,
    U64,
    Backfills,
    Bool,
    DeadLetter,
    FeatureTimes,
    Origin,
    Outcomes,
    Predictions,
    Reason,
    Recomputed,
)
from sentinel.events.classes import class_code, normalised
from sentinel.events.codecs.arrow_columns import (
    as_codes,
    as_floats,
    as_names,
    as_probabilities,
    as_times,
    category_names,
    column_of,
    entity_keys,
    is_missing,
)
from sentinel.events.codecs.arrow_feature_times import as_feature_times
from sentinel.events.codecs.arrow_lists import GRADE, SCORE, Listed, as_lists
from sentinel.events.codecs.rules import right_outcomes, right_scores
from sentinel.events.rankings import (
    LARGEST_GRADE,
    RELEVANCE,
    Relevances,
    keep_best,
    largest_values,
    rank_items,
    relevance_code,
)
from sentinel.events.schema import EventSchema, Limits, Task
from sentinel.events.times import BAD_TIME

LATEST_US = 4_102_444_800 * MICROSECONDS_PER_SECOND
"""2100-01-01T00:00:00Z. A file has no moment of receipt; a later time is a unit error (milliseconds as seconds)."""
FILE_LIMITS = Limits(earliest_us=365 * 86_400 * MICROSECONDS_PER_SECOND)
"""Files may hold old data: times from 1971 on, which still refuses zero and seconds read as milliseconds."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Predictions and, row by row, what became of them.

    ``known`` tells which rows have an outcome; elsewhere ``outcomes`` is NaN and ``outcome_at`` is BAD_TIME. Of a
    ranking ``relevances`` hold what ``outcomes`` are the codes of.
    """

    predictions: Predictions
    known: Bool
    outcomes: F64
    outcome_at: I64
    relevances: Relevances | None = None


class ArrowCodec:
    """Decodes tables whose rows are predictions, with or without their outcomes.

    Parameters
    ----------
    schema : EventSchema
        Its columns are read by name; one that the table lacks is missing in every row.
    columns : Columns
        Which column of the table plays which part.
    limits : Limits, default ``FILE_LIMITS``
        ``earliest_us`` and ``max_id_chars`` apply; for the latest time see ``LATEST_US``.
    """

    def __init__(self, schema: EventSchema, columns: Columns, limits: Limits | None = None) -> None:
        self.schema = schema
        self._columns = columns
        self._limits = limits or FILE_LIMITS
        self._seed = event_keys.model_seed(schema.model)

    def predictions(
        self, table: pa.Table | pa.RecordBatch, *, topic: str = "", partition: int = 0, first_offset: int = 0
    ) -> tuple[Predictions | None, list[DeadLetter]]:
        """Decode the predictions of a table.

        Parameters
        ----------
        table : Table or RecordBatch
        topic : str
            What dead letters call the source.
        partition, first_offset : int
            Row i has offset ``first_offset + i``.

        Returns
        -------
        (Predictions or None, dead letters)
            None where no row is a valid prediction. Every row is in one of the two.
        """
        rows = _Rows(table, self._columns, topic, partition, first_offset)
        return self._predictions(rows)[0], rows.dead_letters()

    def outcomes(
        self, table: pa.Table | pa.RecordBatch, *, topic: str = "", partition: int = 0, first_offset: int = 0
    ) -> tuple[Outcomes | None, list[DeadLetter]]:
        """Decode the outcomes of a table; a row without an outcome or without its time has none yet.

        Parameters and returns are those of :meth:`predictions`.
        """
        rows = _Rows(table, self._columns, topic, partition, first_offset)
        values, times, known, relevances = self._outcomes(rows)
        if not known.any():
            return None, rows.dead_letters()
        at = np.flatnonzero(known)
        graded = None if relevances is None else relevances[at]
        found = Outcomes(self.schema.model, self._keys(rows)[at], times[at], values[at], rows.origin(at), graded)
        return found, rows.dead_letters()

    def labelled(
        self, table: pa.Table | pa.RecordBatch, *, topic: str = "", partition: int = 0, first_offset: int = 0
    ) -> tuple[Labelled | None, list[DeadLetter]]:
        """Decode predictions together with the outcomes that stand in the same rows.

        A row whose outcome alone is bad stays a prediction without an outcome, and is a dead letter too.
        Parameters and returns are otherwise those of :meth:`predictions`.
        """
        rows = _Rows(table, self._columns, topic, partition, first_offset)
        predictions, kept = self._predictions(rows)
        if predictions is None:
            return None, rows.dead_letters()
        values, times, known, graded = self._outcomes(rows)
        if kept is not None:
            values, times, known = values[kept], times[kept], known[kept]
            graded = None if graded is None else graded[kept]
        values, times = np.where(known, values, np.nan), np.where(known, times, BAD_TIME)
        return Labelled(predictions, known, values, times, graded), rows.dead_letters()

    def inputs(self, table: pa.Table | pa.RecordBatch) -> tuple[F64, Bool | None, I32]:
        """Decode the schema's columns of every row, whatever its envelope holds.

        Returns
        -------
        (numeric, invalid, categorical)
            As in :class:`~sentinel.events.batch.Predictions`.
        """
        n = table.num_rows
        numeric = np.empty((len(self.schema.numeric), n))
        invalid = np.zeros((len(self.schema.numeric), n), np.bool_)
        for j, column in enumerate(self.schema.numeric):
            numeric[j], bad = as_floats(column_of(table, column.name), n)
            if bad is not None:
                invalid[j] = bad
        categorical = np.empty((len(self.schema.categorical), n), np.int32)
        for j, (column, codes) in enumerate(zip(self.schema.categorical, self.schema.codes, strict=True)):
            categorical[j] = as_codes(column_of(table, column.name), codes, n)
        return numeric, invalid if invalid.any() else None, categorical

    def groups(self, table: pa.Table | pa.RecordBatch) -> U64:
        """Hash the entity of every row; 0 where it names none or is of a type that cannot name one."""
        names, _ = as_names(column_of(table, self._columns.group))
        return entity_keys(names, table.num_rows)

    def _keys(self, rows: _Rows) -> U64:
        ids = rows.ids
        if ids is None:
            return np.zeros(rows.n, np.uint64)
        texts = ids.cast(pa.large_binary()).fill_null(b"").to_numpy(zero_copy_only=False).tolist()
        return np.fromiter(map(xxhash.xxh3_64_intdigest, texts, repeat(self._seed)), np.uint64, rows.n)

    def _predictions(self, rows: _Rows) -> tuple[Predictions | None, I64 | None]:
        """Columns of the good rows, and which rows these are (None: all)."""
        rows.check_ids(self._limits)
        times = rows.times(self._columns.predicted_at, self._limits)
        probabilities = rows.probabilities(self._columns.scores, self.schema.classes) if self.schema.classes else None
        items = None
        if self.schema.task == "ranking":
            items, scores = rows.items(self._columns.items, self.schema.n_ranked)
        elif probabilities is None:
            scores = rows.scores(self._columns.score, self.schema.task)
        else:
            scores = probabilities.max(axis=1)
        names = rows.group_names(self._columns.group)
        good = rows.good
        numeric, invalid, categorical = self.inputs(rows.table)
        batch = Predictions(
            schema=self.schema,
            keys=self._keys(rows),
            predicted_at=times,
            scores=scores,
            groups=entity_keys(names, rows.n),
            numeric=numeric,
            categorical=categorical,
            origin=rows.origin(None),
            invalid=invalid,
            feature_times=self._feature_times(rows),
            probabilities=probabilities,
            items=items,
        )
        if good.all():
            return (batch if rows.n else None), None
        kept = np.flatnonzero(good)
        return (_take(batch, kept, rows) if len(kept) else None), kept

    def backfills(
        self, table: pa.Table | pa.RecordBatch, *, topic: str = "", partition: int = 0, first_offset: int = 0
    ) -> tuple[Backfills | None, list[DeadLetter]]:
        """Decode rows of an id and recomputed features; every feature column of the table is given in every row.

        ``received_at`` is zero: a file has no moment of receipt. Parameters and returns are otherwise those of
        :meth:`predictions`.
        """
        rows = _Rows(table, self._columns, topic, partition, first_offset)
        rows.check_ids(self._limits)
        kept = np.flatnonzero(rows.good)
        if not len(kept):
            return None, rows.dead_letters("backfill")
        numeric, invalid, categorical = self.inputs(table)
        names = set(table.schema.names)
        named = np.array([[column.name in names] for column in self.schema.columns], np.bool_).reshape(-1, 1)
        inputs = Recomputed(
            self.schema,
            np.repeat(named, len(kept), axis=1),
            numeric[:, kept],
            categorical[:, kept],
            None if invalid is None else invalid[:, kept],
        )
        keys, times = self._keys(rows)[kept], np.zeros(len(kept), np.int64)
        return Backfills(self.schema.model, keys, times, (inputs,), rows.origin(kept)), rows.dead_letters("backfill")

    def _feature_times(self, rows: _Rows) -> FeatureTimes | None:
        column = column_of(rows.table, self._columns.feature_times)
        return None if column is None else as_feature_times(column, self.schema, self._limits)

    def _outcomes(self, rows: _Rows) -> tuple[F64, I64, Bool, Relevances | None]:
        """Outcomes, their times, the rows that have both and break no rule, and what a ranking's are the codes of."""
        ranked = self.schema.task == "ranking"
        values = column_of(rows.table, self._columns.relevance if ranked else self._columns.outcome)
        moments = column_of(rows.table, self._columns.outcome_at)
        if values is None or moments is None:
            none = np.zeros(rows.n, np.bool_)
            values, graded = np.full(rows.n, np.nan), np.zeros(rows.n, RELEVANCE) if ranked else None
            return values, np.full(rows.n, BAD_TIME), none, graded
        present = ~(is_missing(values) | is_missing(moments))
        judged = _Rows.of_outcomes(rows, present)
        judged.check_ids(self._limits)
        times = judged.times(self._columns.outcome_at, self._limits)
        relevances = None
        if ranked:
            outcomes, relevances = judged.relevances(self._columns.relevance)
        elif self.schema.classes:
            outcomes = judged.classes(self._columns.outcome, self.schema.classes)
        else:
            outcomes = judged.outcomes(self._columns.outcome, self.schema.task)
        rows.adopt(judged)
        return outcomes, times, judged.good, relevances


class _Rows:
    """The rows of one table and, for each, the first rule that it breaks; judged in the JSON codec's order."""

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
    def of_outcomes(cls, rows: _Rows, present: Bool) -> _Rows:
        """The same rows judged as outcomes, those without one left out and not refused."""
        judged = cls(rows.table, rows._columns, *rows._place)
        judged._ids = rows._ids
        judged.good = present.copy()
        return judged

    def adopt(self, judged: _Rows) -> None:
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
        """Refuse rows not refused before; ``detail`` may name the value as ``{value}``."""
        for row in np.flatnonzero(bad & self.good).tolist():
            text = detail if values is None else detail.replace("{value}", f"{_item(values, row)!r:.40}")
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
        detail = f"{name} {{value}} is no RFC 3339 time and no seconds since the epoch"
        self.refuse(unread, Reason.BAD_TIME, detail, column)
        detail = f"{name} {{value}} lies before limits.min_time"
        self.refuse(~unread & (times < limits.earliest_us), Reason.TIME_TOO_EARLY, detail, column)
        self.refuse(times > LATEST_US, Reason.TIME_IN_FUTURE, f"{name} {{value}} lies after the year 2099", column)
        return times

    def scores(self, name: str, task: Task) -> F64:
        """Read scores and refuse what is no probability, or of a regression no finite number."""
        values = self._numbers(name, booleans=False)
        self.refuse(~np.isfinite(values), Reason.SCORE_NOT_FINITE, f"{name} is {{value}}", values)
        detail = f"{name} {{value}} is no probability in [0, 1]"
        self.refuse(~right_scores(task, values), Reason.SCORE_OUT_OF_RANGE, detail, values)
        return values

    def outcomes(self, name: str, task: Task) -> F64:
        """Read outcomes and refuse what is neither 0 nor 1, or of a regression no finite number."""
        values = self._numbers(name, booleans=True)
        detail = f"{name} is {{value}}" if task == "regression" else f"{name} {{value}} is neither 0 nor 1"
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
        detail = f"{name} {{value}} is no class that was there offline"
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


def _take(batch: Predictions, kept: I64, rows: _Rows) -> Predictions:
    columns: Mapping[str, Any] = {
        "keys": batch.keys[kept],
        "predicted_at": batch.predicted_at[kept],
        "scores": batch.scores[kept],
        "groups": batch.groups[kept],
        "numeric": batch.numeric[:, kept],
        "categorical": batch.categorical[:, kept],
        "invalid": None if batch.invalid is None else batch.invalid[:, kept],
        "feature_times": None if batch.feature_times is None else batch.feature_times.take(kept),
        "probabilities": None if batch.probabilities is None else batch.probabilities[kept],
        "items": None if batch.items is None else batch.items[kept],
        "origin": rows.origin(kept),
    }
    return replace(batch, **columns)
