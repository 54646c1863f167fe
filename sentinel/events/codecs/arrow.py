"""Arrow tables to event columns: the same columns that the JSON codec gives for the same values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np
import pyarrow as pa
import xxhash

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.columns import Columns
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
    Outcomes,
    Predictions,
    Recomputed,
)
from sentinel.events.codecs.arrow_columns import (
    as_codes,
    as_floats,
    as_names,
    column_of,
    entity_keys,
    is_missing,
)
from sentinel.events.codecs.arrow_feature_times import as_feature_times
from sentinel.events.codecs.arrow_rows import ArrowRows
from sentinel.events.hash_key import HashKey
from sentinel.events.rankings import RELEVANCE, Relevances
from sentinel.events.schema import EventSchema, Limits
from sentinel.events.times import BAD_TIME

FILE_LIMITS = Limits(earliest_us=365 * 86_400 * MICROSECONDS_PER_SECOND)
"""Files may hold old data: times from 1971 on, which still refuses zero and seconds read as milliseconds."""


def file_limits(hash_key: HashKey | None) -> Limits:
    """Those of files, with the key in the hashes of ids."""
    return replace(FILE_LIMITS, hash_key=hash_key)


@dataclass(frozen=True, slots=True)
class OfflineRows:
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
        ``earliest_us`` and ``max_id_chars`` apply; for the latest time see ``arrow_rows.LATEST_US``.
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
        rows = ArrowRows(table, self._columns, topic, partition, first_offset)
        return self._predictions(rows)[0], rows.dead_letters()

    def outcomes(
        self, table: pa.Table | pa.RecordBatch, *, topic: str = "", partition: int = 0, first_offset: int = 0
    ) -> tuple[Outcomes | None, list[DeadLetter]]:
        """Decode the outcomes of a table; a row without an outcome or without its time has none yet.

        Parameters and returns are those of :meth:`predictions`.
        """
        rows = ArrowRows(table, self._columns, topic, partition, first_offset)
        values, times, known, relevances = self._outcomes(rows)
        if not known.any():
            return None, rows.dead_letters()
        at = np.flatnonzero(known)
        graded = None if relevances is None else relevances[at]
        found = Outcomes(self.schema.model, self._keys(rows)[at], times[at], values[at], rows.origin(at), graded)
        return found, rows.dead_letters()

    def offline_rows(
        self, table: pa.Table | pa.RecordBatch, *, topic: str = "", partition: int = 0, first_offset: int = 0
    ) -> tuple[OfflineRows | None, list[DeadLetter]]:
        """Decode predictions together with the outcomes that stand in the same rows.

        A row whose outcome alone is bad stays a prediction without an outcome, and is a dead letter too.
        Parameters and returns are otherwise those of :meth:`predictions`.
        """
        rows = ArrowRows(table, self._columns, topic, partition, first_offset)
        predictions, kept = self._predictions(rows)
        if predictions is None:
            return None, rows.dead_letters()
        values, times, known, graded = self._outcomes(rows)
        if kept is not None:
            values, times, known = values[kept], times[kept], known[kept]
            graded = None if graded is None else graded[kept]
        values, times = np.where(known, values, np.nan), np.where(known, times, BAD_TIME)
        return OfflineRows(predictions, known, values, times, graded), rows.dead_letters()

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
        return entity_keys(names, table.num_rows, self._limits.hash_key)

    def _keys(self, rows: ArrowRows) -> U64:
        ids = rows.ids
        if ids is None:
            return np.zeros(rows.n, np.uint64)
        texts = ids.cast(pa.large_binary()).fill_null(b"").to_numpy(zero_copy_only=False).tolist()
        hashes = np.fromiter(map(xxhash.xxh3_64_intdigest, texts, repeat(self._seed)), np.uint64, rows.n)
        key = self._limits.hash_key
        return hashes if key is None else key.keyed(hashes)

    def _predictions(self, rows: ArrowRows) -> tuple[Predictions | None, I64 | None]:
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
            groups=entity_keys(names, rows.n, self._limits.hash_key),
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
        return (batch.take(kept) if len(kept) else None), kept

    def backfills(
        self, table: pa.Table | pa.RecordBatch, *, topic: str = "", partition: int = 0, first_offset: int = 0
    ) -> tuple[Backfills | None, list[DeadLetter]]:
        """Decode rows of an id and recomputed features; every feature column of the table is given in every row.

        ``received_at`` is zero: a file has no moment of receipt. Parameters and returns are otherwise those of
        :meth:`predictions`.
        """
        rows = ArrowRows(table, self._columns, topic, partition, first_offset)
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

    def _feature_times(self, rows: ArrowRows) -> FeatureTimes | None:
        column = column_of(rows.table, self._columns.feature_times)
        return None if column is None else as_feature_times(column, self.schema, self._limits)

    def _outcomes(self, rows: ArrowRows) -> tuple[F64, I64, Bool, Relevances | None]:
        """Outcomes, their times, the rows that have both and break no rule, and what a ranking's are the codes of."""
        ranked = self.schema.task == "ranking"
        values = column_of(rows.table, self._columns.relevance if ranked else self._columns.outcome)
        moments = column_of(rows.table, self._columns.outcome_at)
        if values is None or moments is None:
            none = np.zeros(rows.n, np.bool_)
            values, graded = np.full(rows.n, np.nan), np.zeros(rows.n, RELEVANCE) if ranked else None
            return values, np.full(rows.n, BAD_TIME), none, graded
        present = ~(is_missing(values) | is_missing(moments))
        judged = ArrowRows.of_outcomes(rows, present)
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
