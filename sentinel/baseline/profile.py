"""The first pass over the validation rows: what each column holds, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
import pyarrow as pa

from sentinel.audit.engine import Engine, LocalEngine
from sentinel.audit.files.reading import TableFile
from sentinel.baseline.ranks import RankTally
from sentinel.baseline.sampling import BottomSample, Column, row_hashes
from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.columns import Columns
from sentinel.config.model import Feature
from sentinel.events.batch import F64, I64, Bool
from sentinel.events.classes import asked_classes, normalised
from sentinel.events.codecs.arrow_columns import (
    as_floats,
    as_probabilities,
    as_times,
    category_names,
    class_columns,
    class_names,
    column_of,
    is_number,
    is_text,
)
from sentinel.events.schema import Task
from sentinel.events.times import BAD_TIME

SAMPLE_ROWS = 1 << 16
"""Rows whose values are kept for quantiles: the rank of a quantile is then within .004 (2 standard errors)."""
MAX_DISTINCT = 100_000
"""Categories counted apart per column; beyond, it is an identifier in any case."""
IDENTIFIER_DISTINCT = 10_000
IDENTIFIER_RATIO = 0.5
_SMALLEST_IDENTIFIER = 50  # below, half of the rows being distinct says nothing
TEXT_CHARACTERS = 40
"""Mean length from which categories are sentences: names of kinds are shorter, those of the census 30 at most."""
FEWEST_TEXTS = 64
"""Distinct texts up to which they may be the answers of a form, which are categories however long they are."""

HASHED_COLUMNS = 4
"""Numeric features that enter a row's hash, beside time, score and outcome: rows that tie in all are the same."""

FeatureKind = Literal["numeric", "categorical"]
SCORE, OUTCOME, DELAY = "\0score", "\0outcome", "\0delay"
"""Names of the sample's own columns; no column of a file begins with a zero byte."""


def class_key(c: int) -> str:
    """Name of the sample's column of the probability of class c."""
    return f"\0class{c}"


@dataclass(slots=True)
class ColumnProfile:
    """What one column holds.

    ``minimum`` and ``maximum`` are those of all finite numbers, ``counts`` those of the categories.
    ``n_present`` counts values that are neither null nor NaN.
    """

    name: str
    kind: FeatureKind
    n_present: int = 0
    minimum: float = np.inf
    maximum: float = -np.inf
    counts: Counter[str] = field(default_factory=Counter)
    is_cut: bool = False

    def count(self, name: str, n: int) -> None:
        """Count a category; of very many, only those met first."""
        if name in self.counts or len(self.counts) < MAX_DISTINCT:
            self.counts[name] += n
        else:
            self.is_cut = True

    def merge(self, other: ColumnProfile) -> None:
        """Add what other rows hold."""
        self.n_present += other.n_present
        self.minimum, self.maximum = min(self.minimum, other.minimum), max(self.maximum, other.maximum)
        self.is_cut = self.is_cut or other.is_cut
        for name, n in other.counts.items():
            self.count(name, n)

    @property
    def is_identifier(self) -> bool:
        """Whether nearly every row has a value of its own, so that no value means anything."""
        if self.kind == "numeric":
            return False
        n = len(self.counts)
        many = n > _SMALLEST_IDENTIFIER and n > IDENTIFIER_RATIO * self.n_present
        return self.is_cut or n > IDENTIFIER_DISTINCT or many

    @property
    def is_text(self) -> bool:
        """Whether its categories are sentences that somebody wrote: they say too much of a person to be kept."""
        return len(self.counts) > FEWEST_TEXTS and sum(map(len, self.counts)) >= TEXT_CHARACTERS * len(self.counts)


@dataclass(slots=True)
class Profile:
    """All columns, and a sample of the rows.

    ``notes`` says of each column that is no feature why. ``rows`` is the sample: numbers of each numeric column,
    category indices into ``sample_vocabulary`` of each other one, scores, outcomes (NaN: none) and delays in
    seconds (NaN: none). ``positive_scores`` and ``positive_delays`` are those of rows with a positive outcome, sampled
    apart because they may be rare.
    """

    columns: dict[str, ColumnProfile]
    notes: dict[str, str]
    rows: Mapping[str, Column]
    positive_scores: F64
    positive_delays: F64
    sample_vocabulary: Mapping[str, list[str]]
    classes: tuple[str, ...] = ()
    rank_ratios: tuple[float, ...] = ()


def profile_table(
    file: TableFile,
    columns: Columns,
    features: Mapping[str, Feature],
    progress: Callable[[int], None],
    task: Task = "binary",
    ranks: int = 0,
    engine: Engine | None = None,
    left_out: Mapping[str, str] | None = None,
) -> Profile:
    """Read the file once.

    Parameters
    ----------
    file : TableFile
    columns : Columns
        Roles; these columns are no features.
    features : mapping of name to Feature
        ``kind`` overrides what the type says.
    progress : callable
        Told how many rows have been read.
    task : str
        Of a multiclass task the sample holds the probability of each class (`class_key`), the outcome as the index of
        its class, and the probability of the class asked about as the score. Of a ranking it holds the largest score
        and no outcome.
    ranks : int
        Of a ranking: how many ranks count.
    engine : Engine, optional
        Who reads the file: this process by default.
    left_out : mapping of name to reason, optional
        Columns that are no features unless ``features`` says of which kind they are.
    """
    classes = class_names(file.schema, columns.scores) if task == "multiclass" else ()
    parts = tuple(class_columns(file.schema, columns.scores).values()) if classes else ()
    profiles, notes = _plan(file.schema, {*columns.roles(task).values(), *parts}, features, left_out or {})
    unread = {"prediction_id", "group", "feature_times"}
    roles = [name for part, name in columns.roles(task).items() if part not in unread]
    wanted = [*profiles, *(name for name in dict.fromkeys([*roles, *parts]) if name in file.schema.names)]
    reader = _Reader(columns, profiles, classes, RankTally(ranks) if task == "ranking" else None)
    (engine or LocalEngine()).run(file, wanted, reader, lambda done, _total, _phase: progress(done), "reading columns")
    positives = reader.positives.take()
    rows, vocabulary = reader.taken()
    return Profile(
        columns=reader.profiles,
        notes=notes,
        rows=rows,
        positive_scores=positives.get(SCORE, np.empty(0)).astype(np.float64),
        positive_delays=positives.get(DELAY, np.empty(0)).astype(np.float64),
        sample_vocabulary=vocabulary,
        classes=classes,
        rank_ratios=() if reader.ranks is None else reader.ranks.ratios(),
    )


def _plan(
    schema: pa.Schema, roles: AbstractSet[str], features: Mapping[str, Feature], left_out: Mapping[str, str]
) -> tuple[dict[str, ColumnProfile], dict[str, str]]:
    profiles: dict[str, ColumnProfile] = {}
    notes: dict[str, str] = {}
    for entry in schema:
        if entry.name in roles:
            continue
        asked = features[entry.name].kind if entry.name in features else "auto"
        if asked == "ignore":
            notes[entry.name] = "ignored by the configuration"
            continue
        if asked == "auto" and entry.name in left_out:
            notes[entry.name] = left_out[entry.name]
            continue
        kind = _kind(entry.type) if asked == "auto" else asked
        if kind is None or (kind == "categorical" and _kind(entry.type) is None):
            notes[entry.name] = f"a {entry.type} is neither a number nor a category"
            continue
        profiles[entry.name] = ColumnProfile(entry.name, "numeric" if kind == "numeric" else "categorical")
    return profiles, notes


def _kind(kind: pa.DataType) -> FeatureKind | None:
    if pa.types.is_dictionary(kind):
        return "categorical" if _kind(kind.value_type) is not None else None
    if is_number(kind) or pa.types.is_null(kind):
        return "numeric"
    return "categorical" if is_text(kind) or pa.types.is_boolean(kind) else None


class _Reader:
    """Adds tables to the profiles and to the samples."""

    def __init__(
        self,
        columns: Columns,
        profiles: dict[str, ColumnProfile],
        classes: tuple[str, ...],
        ranks: RankTally | None,
    ) -> None:
        self.ranks = ranks
        self._columns = columns
        self._classes = classes
        self.profiles = profiles
        numeric = [profile.name for profile in profiles.values() if profile.kind == "numeric"]
        self._hashed = sorted(numeric)[:HASHED_COLUMNS]
        categorical = [profile.name for profile in profiles.values() if profile.kind == "categorical"]
        self.words: dict[str, dict[str, int]] = {name: {} for name in categorical}
        self.sample = BottomSample(SAMPLE_ROWS)
        self.positives = BottomSample(SAMPLE_ROWS)

    def merge(self, other: Self) -> None:
        """Take in what a copy read; its categories have numbers of their own."""
        for name, profile in self.profiles.items():
            profile.merge(other.profiles[name])
        codes = {name: self._codes(self.words[name], words) for name, words in other.words.items()}
        self.sample.merge(other.sample, codes)
        self.positives.merge(other.positives)
        if self.ranks is not None and other.ranks is not None:
            self.ranks.merge(other.ranks)

    @staticmethod
    def _codes(ours: dict[str, int], theirs: dict[str, int]) -> I64:
        for name in theirs:
            if len(ours) < MAX_DISTINCT:
                ours.setdefault(name, len(ours))
        return np.array([ours.get(name, -1) for name in theirs], np.int64)

    def taken(self) -> tuple[dict[str, Column], dict[str, list[str]]]:
        """The sample and its categories, numbered in the order of their names, whichever was met first."""
        rows, vocabulary = self.sample.take(), {}
        for name, words in self.words.items():
            vocabulary[name] = sorted(words)
            places = np.empty(len(words) + 1, np.int32)
            places[[*(words[word] for word in vocabulary[name]), -1]] = [*range(len(words)), -1]
            if name in rows:
                rows[name] = places[rows[name]]
        return rows, vocabulary

    def add(self, table: pa.Table, numbers: I64) -> None:
        """Take in one table, wherever it stands in the file."""
        names = self._columns
        n = table.num_rows
        kept = {
            profile.name: self._column(profile, column_of(table, profile.name), n) for profile in self.profiles.values()
        }
        started = _times(table, names.predicted_at)
        if self._classes:
            positive = np.flatnonzero(self._add_classes(table, numbers, kept))
        elif self.ranks is not None:
            kept[SCORE], kept[OUTCOME] = self.ranks.add(table, names), np.full(n, np.nan)
            positive = np.arange(n)
        else:
            kept[SCORE] = as_floats(column_of(table, names.score), n)[0]
            kept[OUTCOME] = as_floats(column_of(table, names.outcome), n)[0]
            positive = np.flatnonzero(kept[OUTCOME] == 1.0)
        kept[DELAY] = _delays(started, _times(table, names.outcome_at))
        inputs = [kept[name].astype(np.float64, copy=False) for name in self._hashed]
        hashes = row_hashes([started, kept[SCORE], kept[OUTCOME], *inputs])
        self.sample.add(hashes, kept)
        self.positives.add(hashes[positive], {name: kept[name][positive] for name in (SCORE, DELAY)})

    def _add_classes(self, table: pa.Table, numbers: I64, kept: dict[str, Column]) -> Bool:
        """Add what the sample keeps of several classes; tells which rows were asked about the class that came true."""
        n = table.num_rows
        read = as_probabilities(table, self._columns.scores, self._classes)
        chances = np.zeros((n, len(self._classes))) if read is None else normalised(read[0])[0]
        # The bit that decides is that of the row's place in the file, which no batch and no part changes.
        asked = asked_classes(chances, numbers.astype(np.uint64) << np.uint64(17))
        column = column_of(table, self._columns.outcome)
        named = None if column is None else category_names(column)
        outcomes = np.full(n, np.nan)
        if named is not None:
            places = {name: float(c) for c, name in enumerate(self._classes)}
            outcomes = np.array([*(places.get(name or "", np.nan) for name in named[1]), np.nan])[named[0]]
        kept[SCORE], kept[OUTCOME] = chances[np.arange(n), asked], outcomes
        for c in range(len(self._classes)):
            kept[class_key(c)] = chances[:, c]
        hits: Bool = outcomes == asked
        return hits

    def _column(self, profile: ColumnProfile, column: pa.Array | None, n: int) -> Column:
        """Add one column to its profile; returns what the sample keeps of it."""
        if profile.kind == "categorical":
            return self._categories(profile, column, n)
        values = as_floats(column, n)[0]
        finite = values[np.isfinite(values)]
        profile.n_present += n - int(np.isnan(values).sum())
        if len(finite):
            profile.minimum = min(profile.minimum, float(finite.min()))
            profile.maximum = max(profile.maximum, float(finite.max()))
        return values

    def _categories(self, profile: ColumnProfile, column: pa.Array | None, n: int) -> Column:
        named = None if column is None else category_names(column)
        if named is None:  # a column of nulls
            return np.full(n, -1, np.int32)
        indices, distinct = named
        counts = np.bincount(indices, minlength=len(distinct) + 1)
        for name, count in zip(distinct, counts.tolist(), strict=False):
            if name is None:
                continue
            profile.n_present += count
            profile.count(name, count)
        words = self.words[profile.name]
        for name in distinct:
            if name is not None and len(words) < MAX_DISTINCT:
                words.setdefault(name, len(words))
        table = np.array([-1 if name is None else words.get(name, -1) for name in distinct] + [-1])
        return table[indices].astype(np.int32)


def _times(table: pa.Table, name: str) -> I64:
    column = column_of(table, name)
    return np.full(table.num_rows, BAD_TIME) if column is None else as_times(column)


def _delays(started: I64, ended: I64) -> F64:
    """Seconds from prediction to outcome, NaN where either time is unknown."""
    known = (started != BAD_TIME) & (ended != BAD_TIME)
    taken_us = np.where(known, ended, 0) - np.where(known, started, 0)
    return np.where(known, taken_us / MICROSECONDS_PER_SECOND, np.nan)
