"""Single Arrow columns as numpy columns: numbers, categories, times and names, whatever type a file gave them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.events import keys as event_keys
from sentinel.events.batch import F64, I32, I64, U64, Bool
from sentinel.events.hash_key import HashKey
from sentinel.events.schema import INVALID, MISSING, UNSEEN, category
from sentinel.events.times import BAD_TIME, MOST_SECONDS, parse_times

_MAX_EXACT_FLOAT = 2.0**53
_PER_SECOND = {"s": 1, "ms": 1_000, "us": MICROSECONDS_PER_SECOND, "ns": 1_000 * MICROSECONDS_PER_SECOND}
_DAY_US = 86_400 * MICROSECONDS_PER_SECOND
_SECONDS_AS_US_LIMIT = np.iinfo(np.int64).max // MICROSECONDS_PER_SECOND


def column_of(table: pa.Table | pa.RecordBatch, name: str) -> pa.Array | None:
    """One column as one plain array (dictionaries decoded), or None where the table has no such column."""
    index = table.schema.get_field_index(name)
    if index < 0:
        return None
    column = table.column(index)
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # older combine_chunks keep an empty column chunked
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def is_text(kind: pa.DataType) -> bool:
    """Whether values are strings."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_number(kind: pa.DataType) -> bool:
    """Whether values are numbers; booleans are not."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def is_missing(column: pa.Array) -> Bool:
    """True where a value is null or NaN, shape (n,)."""
    missing: Bool = column.is_null(nan_is_null=pa.types.is_floating(column.type)).to_numpy(zero_copy_only=False)
    return missing


def as_floats(column: pa.Array | None, n: int) -> tuple[F64, Bool | None]:
    """Read numbers.

    Returns
    -------
    (float64 array, bool array or None)
        NaN where a value is missing or no number; True where it was there but no number (None: nowhere).
        Booleans are 0 and 1.
    """
    if column is None or pa.types.is_null(column.type):
        return np.full(n, np.nan), None
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    if not is_number(column.type):
        present = column.is_valid().to_numpy(zero_copy_only=False)
        return np.full(n, np.nan), (present if present.any() else None)
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return values.astype(np.float64, copy=False), None


def as_codes(column: pa.Array | None, codes: Mapping[str, int], n: int) -> I32:
    """Read categories as their codes, each distinct value looked up once.

    Returns
    -------
    int32 array, shape (n,)
        Codes, or MISSING, UNSEEN, INVALID.
    """
    if column is None or pa.types.is_null(column.type):
        return np.full(n, MISSING, np.int32)
    names = category_names(column)
    if names is None:
        return np.where(column.is_valid().to_numpy(zero_copy_only=False), INVALID, MISSING).astype(np.int32)
    indices, distinct = names
    table = np.array([codes.get(name, UNSEEN) if name is not None else MISSING for name in distinct] + [MISSING])
    return table[indices].astype(np.int32)


def category_names(column: pa.Array) -> tuple[I64, list[str | None]] | None:
    """Read distinct categories and where they stand.

    Returns
    -------
    (int64 array, list) or None
        For each row the index of its category, ``len(list)`` where it is missing; None where the column's type
        cannot be a category. A NaN is a category of name None.
    """
    if pa.types.is_decimal(column.type) or pa.types.is_float16(column.type):
        column = column.cast(pa.float64(), safe=False)
    if not (is_text(column.type) or is_number(column.type) or pa.types.is_boolean(column.type)):
        return None
    encoded = pc.dictionary_encode(column)
    values = encoded.dictionary.to_pylist()
    distinct = [None if value is None or value != value else category(value) for value in values]
    indices = pc.fill_null(encoded.indices, len(distinct)).to_numpy(zero_copy_only=False)
    return indices.astype(np.int64), distinct


def as_names(column: pa.Array | None) -> tuple[pa.Array | None, Bool]:
    """Read ids or entities as text.

    Whole numbers are written in decimal; floats too where all of a column's numbers are whole, since that is what
    pandas makes of integers with gaps.

    Returns
    -------
    (string array or None, bool array)
        Null where there is no name; True where there is a value that cannot be one. None without a column.
    """
    if column is None:
        return None, np.zeros(0, np.bool_)
    nobody = np.zeros(len(column), np.bool_)
    if is_text(column.type) or pa.types.is_null(column.type) or pa.types.is_integer(column.type):
        return column.cast(pa.large_string()), nobody
    if pa.types.is_floating(column.type):
        whole = _whole_numbers(column)
        if whole is not None:
            return whole.cast(pa.large_string()), nobody
    odd = ~is_missing(column)
    return pa.nulls(len(column), pa.large_string()), odd


def _whole_numbers(column: pa.Array) -> pa.Array | None:
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    missing = np.isnan(values)
    filled = np.where(missing, 0.0, values)
    if not (np.isfinite(filled).all() and (filled == np.rint(filled)).all() and (abs(filled) < _MAX_EXACT_FLOAT).all()):
        return None
    return pa.array(filled.astype(np.int64), mask=missing)


def entity_keys(names: pa.Array | None, n: int, key: HashKey | None = None) -> U64:
    """Hash entities, each distinct name once: entities repeat."""
    if names is None:
        return np.zeros(n, np.uint64)
    encoded = pc.dictionary_encode(names)
    distinct = encoded.dictionary.to_pylist()
    hashes = np.append(event_keys.group_keys(distinct, len(distinct), key), np.uint64(0))
    codes: I64 = pc.fill_null(encoded.indices, len(distinct)).to_numpy(zero_copy_only=False)
    result: U64 = hashes[codes]
    return result


def as_times(column: pa.Array) -> I64:
    """Read times: Arrow timestamps and dates (UTC without a zone), RFC 3339 text, or seconds since the epoch.

    Returns
    -------
    int64 array, shape (n,), microseconds since the epoch, rounded down; ``BAD_TIME`` where unreadable or null
    """
    if pa.types.is_timestamp(column.type):
        return _from_ticks(column, _PER_SECOND[column.type.unit])
    if pa.types.is_date(column.type):
        days = column.cast(pa.date32()).cast(pa.int32())
        values = pc.fill_null(days, 0).to_numpy(zero_copy_only=False).astype(np.int64) * _DAY_US
        return np.where(is_missing(column), BAD_TIME, values)
    if is_number(column.type):
        return _from_seconds(as_floats(column, len(column))[0])
    if is_text(column.type):
        return _from_text(column)
    return np.full(len(column), BAD_TIME)


def _from_ticks(column: pa.Array, per_second: int) -> I64:
    ticks = pc.fill_null(column.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    if per_second > MICROSECONDS_PER_SECOND:
        micros = ticks // (per_second // MICROSECONDS_PER_SECOND)
        readable = np.ones(len(ticks), np.bool_)
    else:
        factor = MICROSECONDS_PER_SECOND // per_second
        readable = abs(ticks) <= _SECONDS_AS_US_LIMIT // 2 * per_second
        micros = np.where(readable, ticks, 0) * factor
    return np.where(readable & ~is_missing(column), micros, BAD_TIME)


def _from_seconds(seconds: F64) -> I64:
    readable = np.isfinite(seconds) & (abs(seconds) < MOST_SECONDS)
    micros = np.rint(np.where(readable, seconds, 0.0) * MICROSECONDS_PER_SECOND).astype(np.int64)
    return np.where(readable, micros, BAD_TIME)


def _from_text(column: pa.Array) -> I64:
    for kind in (pa.timestamp("us", "UTC"), pa.timestamp("us")):
        try:
            return _from_ticks(column.cast(kind), MICROSECONDS_PER_SECOND)
        except pa.ArrowInvalid:  # another notation, or not every value a time: read one by one
            continue
    return parse_times(column.to_pylist())


def class_columns(schema: pa.Schema, name: str) -> dict[str, str]:
    """The classes whose probabilities a file holds in columns ``name.CLASS``, each with its column."""
    prefix = f"{name}."
    return {column[len(prefix) :]: column for column in schema.names if column.startswith(prefix)}


def class_names(schema: pa.Schema, name: str) -> tuple[str, ...]:
    """The classes whose probabilities a file holds: fields of the struct column ``name``, or columns ``name.CLASS``."""
    index = schema.get_field_index(name)
    if index >= 0 and pa.types.is_struct(schema.field(index).type):
        kind = schema.field(index).type
        return tuple(kind.field(i).name for i in range(kind.num_fields))
    return tuple(class_columns(schema, name))


def as_probabilities(table: pa.Table | pa.RecordBatch, name: str, classes: Sequence[str]) -> tuple[F64, Bool] | None:
    """Read the probability of each class; one that a row leaves out has probability 0.

    Returns
    -------
    (float64 array of shape (n, n_classes), bool array of shape (n,)) or None
        True where the row gives no probability to any other class. None where the table has no such columns.
    """
    present = class_names(table.schema, name)
    if not present:
        return None
    n = table.num_rows
    struct = column_of(table, name)
    if struct is not None and pa.types.is_struct(struct.type):
        parts = dict(zip(present, struct.flatten(), strict=True))
    else:
        parts = {c: column_of(table, column) for c, column in class_columns(table.schema, name).items()}
    values = {c: as_floats(column, n) for c, column in parts.items()}
    probabilities = np.zeros((n, len(classes)))
    known = np.ones(n, np.bool_)
    for c, (numbers, invalid) in values.items():
        missing = np.isnan(numbers) if invalid is None else np.isnan(numbers) & ~invalid
        if c in classes:
            probabilities[:, classes.index(c)] = np.where(missing, 0.0, numbers)
        else:
            known &= missing | (numbers == 0.0)
    return probabilities, known
