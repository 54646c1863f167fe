"""The training rows, read once: filters of what they hold, and what else they tell of the split."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import pyarrow as pa

from sentinel.audit.engine import Engine, LocalEngine, Tell
from sentinel.audit.features.entity_rates import EntityRates
from sentinel.audit.files.reading import TableFile
from sentinel.audit.preprocessing.fits import ColumnFit
from sentinel.audit.preprocessing.known_words import KnownCategories
from sentinel.baseline.encodings import Encodings
from sentinel.baseline.sampling import BottomSample, RepeatedKeys
from sentinel.config.columns import Columns
from sentinel.errors import BaselineError
from sentinel.events.batch import F64, I64, U64, Bool
from sentinel.events.codecs.arrow import ArrowCodec, file_limits
from sentinel.events.codecs.arrow_columns import as_floats, as_times, column_of
from sentinel.events.hash_key import HashKey
from sentinel.events.times import BAD_TIME
from sentinel.summaries.bloom import BloomFilter
from sentinel.summaries.fingerprints import fingerprint_columns, mix
from sentinel.summaries.layout import Layout
from sentinel.summaries.trained import TrainedOn

SAMPLED_ROWS = 1 << 15
"""Rows kept for shares of repeated inputs and for the quantile of the times."""
_ALL_BITS = (1 << 64) - 1
LATEST_SHARE = 0.99
"""A validation row lies within the training period if it is no later than this share of its rows."""


@dataclass(slots=True)
class Training:
    """What the training rows leave behind.

    ``timed_rows`` holds the inputs together with their time; it is not kept in the artifact. ``lacking`` names the
    columns of the layout that the rows do not have: then none can be told to be the same. ``fits`` and
    ``categories`` are of the features that the manifest states something of.
    """

    rows: BloomFilter | None = None
    entities: BloomFilter | None = None
    timed_rows: BloomFilter | None = None
    n_rows: int | None = None
    first_us: int | None = None
    last_us: int | None = None
    lacking: tuple[str, ...] = ()
    repeated: RepeatedKeys = field(default_factory=lambda: RepeatedKeys(SAMPLED_ROWS))
    repeated_by_class: tuple[RepeatedKeys, RepeatedKeys] = field(
        default_factory=lambda: (RepeatedKeys(SAMPLED_ROWS), RepeatedKeys(SAMPLED_ROWS))
    )
    times: BottomSample = field(default_factory=lambda: BottomSample(SAMPLED_ROWS))
    rates: EntityRates = field(default_factory=EntityRates)
    fits: dict[str, ColumnFit] = field(default_factory=dict)
    categories: dict[str, KnownCategories] = field(default_factory=dict)
    hash_key: HashKey | None = None

    @property
    def trained_on(self) -> TrainedOn:
        """The filters, to mark predictions by."""
        return TrainedOn(self.rows, self.entities, self.hash_key)

    def merge(self, other: Training) -> None:
        """Take in what other training rows leave behind."""
        for name in ("rows", "entities", "timed_rows"):
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours is not None:
                setattr(self, name, ours.merge(theirs))
        self.n_rows = (self.n_rows or 0) + (other.n_rows or 0)
        if other.first_us is not None and other.last_us is not None:
            self._span(other.first_us, other.last_us)
        self.repeated.merge(other.repeated)
        for keys, others in zip(self.repeated_by_class, other.repeated_by_class, strict=True):
            keys.merge(others)
        self.times.merge(other.times)
        self.rates.merge(other.rates)
        merge_stated(self.fits, other.fits)
        merge_stated(self.categories, other.categories)

    def _span(self, first: int, last: int) -> None:
        self.first_us = first if self.first_us is None else min(self.first_us, first)
        self.last_us = last if self.last_us is None else max(self.last_us, last)

    def late_us(self) -> int | None:
        """The time that ``LATEST_SHARE`` of the rows do not pass; None where they carry none."""
        times = self.times.take().get("at")
        if times is None or not len(times):
            return None
        ordered = np.sort(times.astype(np.int64))
        return int(ordered[int(np.ceil(LATEST_SHARE * len(ordered))) - 1])


def read_training(
    file: TableFile,
    layout: Layout,
    columns: Columns,
    manifest: Mapping[str, Any],
    tell: Tell,
    encodings: Encodings | None = None,
    hash_key: HashKey | None = None,
    engine: Engine | None = None,
) -> Training:
    """Read the training rows once, in bounded memory.

    Parameters
    ----------
    file : TableFile
    layout : Layout
        Of the validation rows; its columns are what makes two rows the same.
    columns : Columns
    manifest : mapping
        ``fit_statistics`` and ``encoder_categories`` name features to be summed up.
    tell : callable
        Told (rows done, rows in all, name of the phase).
    encodings : Encodings, optional
        Takes in the rows, too.
    hash_key : HashKey, optional
        Goes into what the filters hold.
    engine : Engine, optional
        Who reads the file: this process by default.

    Raises
    ------
    BaselineError
        If the file shares no feature with the validation rows, or cannot be read.
    """
    names = set(file.schema.names)
    inputs = [c.name for c in layout.schema.columns]
    wanted = [name for name in inputs if name in names]
    if not wanted and not {columns.predicted_at, columns.group} & names:
        raise BaselineError(f"{file.path}: shares no feature column with the validation file")
    stated = {*(manifest.get("fit_statistics") or {}), *(manifest.get("encoder_categories") or {})}
    roles = (columns.predicted_at, columns.group, columns.outcome)
    wanted = list(dict.fromkeys([*wanted, *(name for name in (*roles, *sorted(stated)) if name in names)]))
    salt = _salt(layout, file.n_rows)
    lacking = tuple(name for name in inputs if name not in names)
    result = Training(n_rows=0, lacking=lacking, hash_key=hash_key)
    if not result.lacking:
        result.rows = BloomFilter.sized_for(file.n_rows, salt)
        if columns.predicted_at in names:
            result.timed_rows = BloomFilter.sized_for(file.n_rows, ~salt & _ALL_BITS)
    if columns.group in names:
        result.entities = BloomFilter.sized_for(file.n_rows, int(mix(np.array([salt], np.uint64))[0]))
    reader = _Reader(result, layout, columns, manifest, encodings)
    (engine or LocalEngine()).run(file, wanted, reader, tell, "reading training rows")
    return result


class _Reader:
    """Adds tables to what is known of the training rows."""

    def __init__(
        self,
        result: Training,
        layout: Layout,
        columns: Columns,
        manifest: Mapping[str, Any],
        encodings: Encodings | None,
    ) -> None:
        self._encodings = encodings
        self._result = result
        self._layout = layout
        self._columns = columns
        self._codec = ArrowCodec(layout.schema, columns, file_limits(result.hash_key))
        self._manifest = manifest

    def merge(self, other: Self) -> None:
        """Take in what a copy read."""
        self._result.merge(other._result)
        if self._encodings is not None and other._encodings is not None:
            self._encodings.merge(other._encodings)

    def add(self, table: pa.Table, numbers: I64) -> None:
        """Take in one table, wherever it stands in the file."""
        del numbers
        result = self._result
        result.n_rows = (result.n_rows or 0) + table.num_rows
        numeric, _, categorical = self._codec.inputs(table)
        prints = fingerprint_columns(self._layout.schema, numeric, categorical)
        outcomes, known = _outcomes(table, self._columns, self._layout)
        if result.rows is not None:
            result.rows.add(prints if result.hash_key is None else result.hash_key.keyed(prints))
            result.repeated.add(prints, prints)
            for value, keys in enumerate(result.repeated_by_class):
                members = prints[known & (outcomes == value)]
                keys.add(members, members)
        if result.entities is not None:
            groups = self._codec.groups(table)
            result.entities.add(groups[groups != 0])
            usable = known & (groups != 0)
            result.rates.add(groups[usable], outcomes[usable])
        self._add_times(table, prints)
        if self._encodings is not None:
            column = column_of(table, self._columns.predicted_at)
            times = None if column is None else as_times(column)
            self._encodings.add(numeric, outcomes, known, times, judged=False)
        add_stated(result.fits, result.categories, table, self._manifest)

    def _add_times(self, table: pa.Table, prints: U64) -> None:
        column = column_of(table, self._columns.predicted_at)
        if column is None:
            return
        times: I64 = as_times(column)
        usable = times != BAD_TIME
        times = times[usable]
        if not len(times):
            return
        result = self._result
        if result.timed_rows is not None:
            result.timed_rows.add(timed(prints[usable], times))
        result._span(int(times.min()), int(times.max()))
        result.times.add(timed(prints[usable], times), {"at": times})


def timed(prints: U64, times: I64) -> U64:
    """Fingerprints of inputs together with their time."""
    return mix(prints ^ mix(times.view(np.uint64)))


def add_stated(
    fits: dict[str, ColumnFit],
    categories: dict[str, KnownCategories],
    table: pa.Table,
    manifest: Mapping[str, Any],
) -> None:
    """Sum up the columns of a table that the manifest states a fit of, in place."""
    for name, stated in (manifest.get("fit_statistics") or {}).items():
        column = column_of(table, name)
        if column is not None:
            fits.setdefault(name, ColumnFit(stated)).add(as_floats(column, table.num_rows)[0])
    for name, words in (manifest.get("encoder_categories") or {}).items():
        column = column_of(table, name)
        if column is not None:
            categories.setdefault(name, KnownCategories(words)).add(column)


class _Merged(Protocol):
    def merge(self, other: Self) -> None: ...


Merged = TypeVar("Merged", bound=_Merged)


def merge_stated(ours: dict[str, Merged], theirs: Mapping[str, Merged]) -> None:
    """Add sums up by column, in place."""
    for name, one in theirs.items():
        if name in ours:
            ours[name].merge(one)
        else:
            ours[name] = one


def _outcomes(table: pa.Table, columns: Columns, layout: Layout) -> tuple[F64, Bool]:
    """Outcomes of 0 or 1 (of a regression, whether it is a high one), and which rows have one."""
    values = as_floats(column_of(table, columns.outcome), table.num_rows)[0]
    if layout.classes or layout.n_ranked:  # which class or item a row is asked about, only its prediction tells
        return values, np.zeros(len(values), np.bool_)
    if layout.outcome_scale is not None:
        return (values >= layout.outcome_scale.split).astype(np.float64), np.isfinite(values)
    return values, (values == 0.0) | (values == 1.0)


def _salt(layout: Layout, n_rows: int) -> int:
    """A salt from the inputs alone: the same rows mistaken for known ones, whenever the baseline is built."""
    seed = hashlib.sha256(f"{layout.digest} {n_rows}".encode()).digest()
    return int.from_bytes(seed[:8], "little")
