"""The ``feature_times`` column of a file: a struct or a map of times by feature."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentinel.events.batch import I64, NO_TIME, FeatureTimes
from sentinel.events.codecs.arrow_columns import as_times, is_text
from sentinel.events.schema import EventSchema, Limits
from sentinel.events.times import BAD_TIME


def as_feature_times(column: pa.Array, schema: EventSchema, limits: Limits) -> FeatureTimes | None:
    """Read the times of every column, as the JSON codec reads those of events.

    Parameters
    ----------
    column : Array
        A struct with a field for each feature, or a map from feature to time; whatever else stands there counts as
        one unused time.
    schema : EventSchema
    limits : Limits
        A time before ``earliest_us`` is a unit error and counts as bad.

    Returns
    -------
    FeatureTimes, or None where every row is null
    """
    n = len(column)
    if column.null_count == n:
        return None
    at_us = np.full((len(schema.columns), n), NO_TIME)
    n_unused = np.zeros(n, np.int64)
    places = {entry.name: j for j, entry in enumerate(schema.columns)}
    if pa.types.is_struct(column.type):
        _read_struct(column, places, at_us, n_unused)
    elif pa.types.is_map(column.type) and is_text(column.type.key_type):
        _read_map(column, places, at_us, n_unused)
    else:
        n_unused += column.is_valid().to_numpy(zero_copy_only=False)
    at_us[(at_us != NO_TIME) & (at_us < limits.earliest_us)] = BAD_TIME
    return FeatureTimes(at_us, n_unused)


def _read_struct(column: pa.StructArray, places: dict[str, int], at_us: I64, n_unused: I64) -> None:
    for index in range(column.type.num_fields):
        times = pc.struct_field(column, [index])
        given = times.is_valid().to_numpy(zero_copy_only=False)
        at = places.get(column.type.field(index).name)
        if at is None:
            n_unused += given
        else:
            at_us[at] = np.where(given, as_times(times), NO_TIME)


def _read_map(column: pa.MapArray, places: dict[str, int], at_us: I64, n_unused: I64) -> None:
    bounds = np.asarray(column.offsets).astype(np.int64)
    sizes = np.where(column.is_valid().to_numpy(zero_copy_only=False), np.diff(bounds), 0)
    rows = np.repeat(np.arange(len(column)), sizes)
    inside = np.concatenate([np.arange(b, b + s) for b, s in zip(bounds[:-1], sizes, strict=True)] or [bounds[:0]])
    keys, items = column.keys.take(pa.array(inside)), column.items.take(pa.array(inside))
    encoded = pc.dictionary_encode(keys)
    names = np.array([places.get(name, -1) for name in encoded.dictionary.to_pylist()], np.int64)
    columns = names[encoded.indices.to_numpy(zero_copy_only=False)]
    given = items.is_valid().to_numpy(zero_copy_only=False)
    times, known = as_times(items), given & (columns >= 0)
    at_us[columns[known], rows[known]] = times[known]
    np.add.at(n_unused, rows[given & (columns < 0)], 1)
