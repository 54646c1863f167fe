"""Rows of one file as columns that every check shares, decoded once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from sentinel.audit.files.columns import AuditColumns
from sentinel.config.model import Model
from sentinel.events.batch import F64, I64, U64
from sentinel.events.codecs.arrow_columns import (
    as_floats,
    as_names,
    as_probabilities,
    as_times,
    category_names,
    column_of,
    entity_keys,
    is_text,
)
from sentinel.events.hash_key import HashKey
from sentinel.events.times import BAD_TIME
from sentinel.summaries.fingerprints import fingerprint_values

SideName = Literal["train", "validation"]
MISSING_CATEGORY: Final = np.uint64(0)
"""In the place of the hash of a word: there is none."""
LARGEST_OUTCOME: Final = 1e150
"""The square of a larger number is no number any more: such an outcome counts as missing, as an infinite one does."""


@dataclass(frozen=True, slots=True)
class AuditRows:
    """Some rows of one file.

    Parameters
    ----------
    numbers : int64, shape (n,)
        Their places in the file, the first being 0.
    numeric : float64, shape (n_numeric, n)
        In the order of ``AuditColumns.numeric``; NaN where missing, or no number. Booleans are 0 and 1.
    categories : uint64, shape (n_categorical, n)
        Hashes of the trimmed, case-folded words, in the order of ``AuditColumns.categorical``; 0 where missing.
    outcomes : float64, shape (n,)
        0 or 1, a number, or the index of a class; NaN where not known, or not within ``LARGEST_OUTCOME``. All NaN of a
        ranking.
    scores : float64, shape (n,) or (n, n_classes), or None where the file has none
    times, outcome_times : int64, shape (n,), microseconds since the epoch, UTC
        ``BAD_TIME`` where missing.
    groups : uint64, shape (n,)
        Hashes of the entities; 0 where there is none.
    prints : uint64, shape (n,)
        Equal where all numbers agree to six digits and all categories, dates and identifiers are equal, of the
        columns that both files have.
    table : Table
        The rows as they stand in the file, for what is compared in its own way.
    """

    side: SideName
    numbers: I64
    numeric: F64
    categories: U64
    outcomes: F64
    scores: F64 | None
    times: I64
    outcome_times: I64
    groups: U64
    prints: U64
    table: pa.Table

    def __len__(self) -> int:
        return len(self.numbers)

    def part(self, start: int, stop: int) -> AuditRows:
        """Consecutive ones of these rows, which are not copied."""
        return self._some(slice(start, stop), self.table.slice(start, stop - start))

    def take(self, at: I64) -> AuditRows:
        """The rows at some places, in this order."""
        return self._some(at, self.table.take(pa.array(at)))

    def _some(self, some: slice | I64, table: pa.Table) -> AuditRows:
        return AuditRows(
            side=self.side,
            numbers=self.numbers[some],
            numeric=self.numeric[:, some],
            categories=self.categories[:, some],
            outcomes=self.outcomes[some],
            scores=None if self.scores is None else self.scores[some],
            times=self.times[some],
            outcome_times=self.outcome_times[some],
            groups=self.groups[some],
            prints=self.prints[some],
            table=table,
        )

    def column(self, name: str) -> pa.Array | None:
        """One column as it stands in the file; None where the file lacks it."""
        return column_of(self.table, name)


class RowDecoder:
    """Decodes tables of both files alike.

    Parameters
    ----------
    model : Model
    columns : AuditColumns
    classes : tuple of str
        Of a multiclass task, in the order of their indices.
    hash_key : HashKey, optional
        Goes into the hashes of entities.
    """

    def __init__(
        self, model: Model, columns: AuditColumns, classes: tuple[str, ...] = (), hash_key: HashKey | None = None
    ) -> None:
        self._task = model.task
        self._columns = columns
        self._classes = classes
        self._hash_key = hash_key

    def decode(self, table: pa.Table, side: SideName, numbers: I64) -> AuditRows:
        """Decode rows; what cannot be read is missing."""
        columns, n = self._columns, table.num_rows
        numeric = np.full((len(columns.numeric), n), np.nan)
        for j, name in enumerate(columns.numeric):
            numeric[j] = _numbers(column_of(table, name), n)
        categories = np.zeros((len(columns.categorical), n), np.uint64)
        for j, name in enumerate(columns.categorical):
            categories[j] = hashed_words(column_of(table, name), n)
        extra = [hashed_words(column_of(table, name), n) for name in (*columns.dates, *columns.identifiers)]
        words = np.stack([*categories, *extra]) if len(categories) or extra else np.zeros((0, n), np.uint64)
        names = (*columns.categorical, *columns.dates, *columns.identifiers)
        found, _ = as_names(None if columns.group is None else column_of(table, columns.group))
        return AuditRows(
            side=side,
            numbers=numbers,
            numeric=numeric,
            categories=categories,
            outcomes=self._outcomes(table),
            scores=self._scores(table),
            times=_times(table, columns.predicted_at),
            outcome_times=_times(table, columns.outcome_at),
            groups=entity_keys(found, n, self._hash_key),
            prints=self._prints(numeric, names, words),
            table=table,
        )

    def _prints(self, numeric: F64, names: tuple[str, ...], words: U64) -> U64:
        """Of the columns that both files have: one that a file lacks would make all rows differ."""
        columns, one_sided = self._columns, self._columns.one_sided
        numbers = [j for j, name in enumerate(columns.numeric) if name not in one_sided]
        others = [j for j, name in enumerate(names) if name not in one_sided]
        of_numbers, of_words = tuple(columns.numeric[j] for j in numbers), tuple(names[j] for j in others)
        return fingerprint_values(of_numbers, numeric[numbers], of_words, words[others])

    def _outcomes(self, table: pa.Table) -> F64:
        column = None if self._columns.outcome is None else column_of(table, self._columns.outcome)
        n = table.num_rows
        if column is None or self._task == "ranking":
            return np.full(n, np.nan)
        if self._task == "multiclass":
            names = category_names(column)
            if names is None:
                return np.full(n, np.nan)
            index: dict[str | None, float] = {word: float(i) for i, word in enumerate(self._classes)}
            return np.array([*(index.get(word, np.nan) for word in names[1]), np.nan])[names[0]]
        values = _numbers(column, n)
        if self._task == "binary":
            values = np.where((values == 0.0) | (values == 1.0), values, np.nan)
        return np.where(np.abs(values) <= LARGEST_OUTCOME, values, np.nan)

    def _scores(self, table: pa.Table) -> F64 | None:
        name = self._columns.score
        if name is None or self._task == "ranking":
            return None
        if self._task == "multiclass":
            found = as_probabilities(table, name, self._classes)
            return None if found is None else found[0]
        column = column_of(table, name)
        return None if column is None else _numbers(column, table.num_rows)


def hashed_words(column: pa.Array | None, n: int) -> U64:
    """Hash each value as trimmed, case-folded text; 0 where it is missing, or there is no column."""
    if column is None:
        return np.zeros(n, np.uint64)
    if not is_text(column.type) and pa.types.is_temporal(column.type):
        column = column.cast(pa.large_string())
    names = category_names(column)
    if names is None:
        return np.zeros(n, np.uint64)
    hashes = [0 if word is None else xxhash.xxh3_64_intdigest(word.strip().casefold().encode()) for word in names[1]]
    result: U64 = np.array([*hashes, 0], np.uint64)[names[0]]
    return result


def _numbers(column: pa.Array | None, n: int) -> F64:
    return as_floats(column, n)[0]


def _times(table: pa.Table, name: str | None) -> npt.NDArray[np.int64]:
    column = None if name is None else column_of(table, name)
    return np.full(table.num_rows, BAD_TIME, np.int64) if column is None else as_times(column)
