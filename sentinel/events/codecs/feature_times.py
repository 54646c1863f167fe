"""The ``feature_times`` of predictions, read leniently: a bad one is counted and never costs the prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sentinel.events.batch import I64, NO_TIME, FeatureTimes
from sentinel.events.schema import EventSchema, Limits
from sentinel.events.times import BAD_TIME, parse_times


def read_feature_times(values: Sequence[Any], schema: EventSchema, limits: Limits) -> FeatureTimes | None:
    """Read one ``feature_times`` field an event.

    Parameters
    ----------
    values : sequence, length n
        Each None, or a mapping of name to time; whatever else stands there counts as one unused time.
    schema : EventSchema
    limits : Limits
        A time before ``earliest_us`` is a unit error and counts as bad.

    Returns
    -------
    FeatureTimes, or None where no event carries any
    """
    if values.count(None) == len(values):
        return None
    n = len(values)
    named: list[Mapping[str, Any]] = [value if isinstance(value, dict) else {} for value in values]
    at_us = np.full((len(schema.columns), n), NO_TIME)
    for j, column in enumerate(schema.columns):
        times = [one.get(column.name) for one in named]
        if times.count(None) < n:
            at_us[j] = _read(times)
    at_us[(at_us != NO_TIME) & (at_us < limits.earliest_us)] = BAD_TIME
    known = {column.name for column in schema.columns}
    n_unused = np.fromiter(map(len, named), np.int64, n) - (at_us != NO_TIME).sum(axis=0)
    for row in np.flatnonzero(n_unused).tolist():  # null is no time, whether or not its name is known
        n_unused[row] = sum(name not in known and time is not None for name, time in named[row].items())
    n_unused += np.fromiter([not isinstance(v, dict) and v is not None for v in values], np.int64, n)
    return FeatureTimes(at_us, n_unused)


def _read(times: Sequence[Any]) -> I64:
    """Read a column of times in which None stands for no time."""
    if None not in times:
        return parse_times(times)
    result = np.full(len(times), NO_TIME)
    given = [row for row, time in enumerate(times) if time is not None]
    result[given] = parse_times([times[row] for row in given])
    return result
