"""What names and places of rows could give away: their order, their length, how they begin, and dates to come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentinel.audit.check import Context
from sentinel.audit.features.bins import cuts_of
from sentinel.audit.features.feature_bins import N_BINS, date_values
from sentinel.audit.files.rows import AuditRows
from sentinel.events.batch import F64, I64
from sentinel.events.codecs.arrow_columns import is_text
from sentinel.events.times import BAD_TIME

DENSEST: Final = 10
"""Numbers between the least and the most, for each row of the file, up to which distinct ones are taken for ids."""
DISTINCT_RATIO: Final = 0.98
"""Share of distinct values of such numbers,"""
NAMED_RATIO: Final = 0.5
"""or of numbers that are called ids: entities come again."""
_CALLED: Final = re.compile(r"(^|[._\s-])(id|ids|uuid|guid|key|nbr|no|row|rownum|index|idx|pk)$|[a-z]Id$|ID$")
_PREFIX: Final = 3
_DIGITS: Final = r"(?P<digits>\d{1,15})\D*$"

Kind = Literal["rows", "id", "entity", "date"]


@dataclass(frozen=True, slots=True)
class IdMark:
    """One thing that rows are put in order by.

    Parameters
    ----------
    column : str
        Empty for the place in the file.
    what : str
        In words, as "the number in it".
    kind : str
    is_feature : bool
        Whether the model may read it.
    bins : int64, shape (n,)
    """

    column: str
    what: str
    kind: Kind
    is_feature: bool
    bins: I64


def id_marks(context: Context, rows: AuditRows) -> Iterator[IdMark]:
    """Everything that rows of a sample are put in order by."""
    yield IdMark("", "the place in the file", "rows", False, binned(rows.numbers.astype(np.float64)))
    columns = context.columns
    named = () if columns.prediction_id is None else (columns.prediction_id,)
    for name in (*named, *(name for name in columns.identifiers if name not in columns.one_sided)):
        column = rows.column(name)
        if column is not None:
            yield from _of_words(name, _words(column), is_feature=name in columns.identifiers)
    for j, name in enumerate(columns.numeric):
        if name not in columns.one_sided and _names_rows(name, rows.numeric[j], context):
            yield IdMark(name, "the number", "id", True, binned(rows.numeric[j]))
    for name in (name for name in columns.dates if name not in columns.one_sided):
        values = date_values(rows, name)
        known = (values != BAD_TIME) & (rows.times != BAD_TIME)
        after = np.where(known, (np.where(known, values, 0) - np.where(known, rows.times, 0)) / 1e6, np.nan)
        yield IdMark(name, "the time from the prediction to it", "date", True, binned(after))


def entity_marks(context: Context, rows: AuditRows) -> Iterator[IdMark]:
    """What the name of a row's entity could give away: of rows that are of one entity each."""
    name = context.columns.group
    column = None if name is None else rows.column(name)
    if name is None or column is None:
        return
    if pa.types.is_floating(column.type):
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        yield IdMark(name, "the number", "entity", False, binned(numbers))
    else:
        yield from _of_words(name, _words(column), kind="entity", is_feature=False)


def _words(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column if is_text(column.type) else column.cast(pa.large_string())


def _of_words(name: str, words: pa.Array, *, kind: Kind = "id", is_feature: bool) -> Iterator[IdMark]:
    digits = pc.struct_field(pc.extract_regex(words, _DIGITS), "digits")
    numbers = pc.cast(digits, pa.float64()).to_numpy(zero_copy_only=False)
    yield IdMark(name, "the number in it", kind, is_feature, binned(numbers))
    length = pc.cast(pc.utf8_length(words), pa.float64()).to_numpy(zero_copy_only=False)
    yield IdMark(name, "its length", kind, is_feature, binned(length))
    codes = pc.utf8_slice_codeunits(words, 0, _PREFIX).dictionary_encode().indices
    begins = codes.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    yield IdMark(name, "how it begins", kind, is_feature, _commonest(begins))


def binned(values: F64) -> I64:
    """Bins of about as many rows each, in the order of the values; 0 for what is no number or endless."""
    known = np.isfinite(values)
    cuts = cuts_of(values[known], N_BINS)
    return np.where(known, np.searchsorted(cuts, np.where(known, values, 0.0), side="right") + 1, 0)


def _commonest(codes: I64) -> I64:
    """Bin 0 for those that are missing or rare."""
    found, inverse, n = np.unique(codes, return_inverse=True, return_counts=True)
    place = np.zeros(len(found), np.int64)
    first = np.argsort(-n, kind="stable")[:N_BINS]
    place[first] = np.arange(1, len(first) + 1)
    place[found < 0] = 0
    return place[inverse]


def _names_rows(name: str, values: F64, context: Context) -> bool:
    known = values[np.isfinite(values)]
    if len(known) < 2 or (known != np.round(known)).any():
        return False
    distinct = len(np.unique(known)) / len(known)
    if distinct >= DISTINCT_RATIO and np.ptp(known) <= DENSEST * (context.n_train + context.n_validation):
        return True
    return distinct >= NAMED_RATIO and _CALLED.search(name) is not None
