"""RFC 3339 times to microseconds and back, a column at a time; one alone is written by ``sentinel.config.times``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.events.batch import I64, Bool

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEPARATORS = ((4, b"-"), (7, b"-"), (10, b"T"), (13, b":"), (16, b":"))
_FIELDS = ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))
_SECONDS_LENGTH = len("2026-11-20T12:00:00")
_ZERO = np.uint8(ord("0"))
BAD_TIME = np.iinfo(np.int64).min
"""Marks a time that could not be read; far below every valid time."""
MOST_SECONDS = 1e11
"""Seconds since the epoch reach to the year 5138; what is above are milliseconds, or nonsense."""
_NUMBERS = frozenset((int, float))


def parse_time(value: object) -> int:
    """Read one time: RFC 3339 text (UTC when it names no zone) or seconds since the epoch.

    Returns
    -------
    int, microseconds since the epoch, or ``BAD_TIME``

    Examples
    --------
    >>> parse_time("1970-01-01T00:00:01.5Z"), parse_time(2), parse_time("soon") == BAD_TIME
    (1500000, 2000000, True)
    """
    if isinstance(value, bool):
        return BAD_TIME
    if isinstance(value, int | float):
        # False for NaN, and before the conversion: an int may be too large for a float.
        in_range = abs(value) < MOST_SECONDS
        return round(float(value) * MICROSECONDS_PER_SECOND) if in_range else BAD_TIME
    if not isinstance(value, str):
        return BAD_TIME
    try:
        moment = datetime.fromisoformat(value)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        delta = aware - _EPOCH
    except (ValueError, OverflowError):
        return BAD_TIME
    return (delta.days * 86_400 + delta.seconds) * MICROSECONDS_PER_SECOND + delta.microseconds


def year_of(at_us: int) -> int:
    """The year of a time, UTC; for messages, so before the year 1 it is 0 and after 9999 it is 9999.

    Examples
    --------
    >>> year_of(0), year_of(1 << 62)
    (1970, 9999)
    """
    seconds = at_us // MICROSECONDS_PER_SECOND
    try:
        return (_EPOCH + timedelta(seconds=seconds)).year
    except OverflowError:
        return 0 if seconds < 0 else 9999


def parse_times(values: Sequence[object]) -> I64:
    """Read a column of times, vectorised where all are numbers, or UTC text of one length (a producer's habits).

    Returns
    -------
    int64 array, shape (n,), microseconds since the epoch, ``BAD_TIME`` where unreadable
    """
    fast = _parse_seconds(values) if _NUMBERS.issuperset(map(type, values)) else _parse_uniform(values)
    if fast is not None:
        return fast
    return np.fromiter(map(parse_time, values), np.int64, len(values))


def write_times(times_us: I64) -> list[str]:
    """Write a column of times, all with six digits after the second: of one length they are read fastest.

    Parameters
    ----------
    times_us : int64 array, shape (n,), microseconds since the epoch, UTC

    Examples
    --------
    >>> write_times(np.array([0, 1_500_000]))
    ['1970-01-01T00:00:00.000000Z', '1970-01-01T00:00:01.500000Z']
    """
    return [f"{text}Z" for text in np.datetime_as_string(times_us.astype("datetime64[us]"), unit="us").tolist()]


def _parse_seconds(values: Sequence[Any]) -> I64 | None:
    """Read a column of seconds since the epoch; None where one is too large for a float."""
    try:
        seconds = np.fromiter(values, np.float64, len(values))
    except OverflowError:
        return None
    in_range = np.abs(seconds) < MOST_SECONDS
    micros = np.rint(np.where(in_range, seconds, 0.0) * MICROSECONDS_PER_SECOND).astype(np.int64)
    return np.where(in_range, micros, BAD_TIME)


def _parse_uniform(values: Sequence[object]) -> I64 | None:
    """Parse ``YYYY-MM-DDTHH:MM:SS[.fff]Z`` columns of one length; None where any value differs."""
    if not values or not isinstance(values[0], str):
        return None
    length = len(values[0])
    n_fraction = length - _SECONDS_LENGTH - 2  # the point and the Z
    if not (length == _SECONDS_LENGTH + 1 or 1 <= n_fraction <= 9):
        return None
    try:
        joined = "".join(values).encode("ascii")  # type: ignore[arg-type]
    except (TypeError, UnicodeEncodeError):
        return None
    if len(joined) != length * len(values) or set(map(len, values)) != {length}:  # type: ignore[arg-type]
        return None
    text = np.frombuffer(joined, np.uint8).reshape(len(values), length)
    lowest, spans = _shape(max(n_fraction, 0))
    digits = text - lowest  # wraps below the lowest, so that one comparison holds both bounds; 0 where a mark stands
    return _assemble(digits, max(n_fraction, 0)) if (digits <= spans).all() else None


@cache
def _shape(n_fraction: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """The lowest byte at each position of a time with this many fraction digits, and how many more there are."""
    length = _SECONDS_LENGTH + 1 + (n_fraction + 1 if n_fraction else 0)
    marks = dict([*_SEPARATORS, (length - 1, b"Z")])
    if n_fraction:
        marks[_SECONDS_LENGTH] = b"."
    lowest = np.full(length, _ZERO)
    spans = np.full(length, 9, np.uint8)
    for position, mark in marks.items():
        lowest[position], spans[position] = ord(mark), 0
    return lowest, spans


def _assemble(digits: npt.NDArray[np.uint8], n_fraction: int) -> I64:
    # Exact: every product and sum is an integer far below 2^53.
    fields = (_weights(n_fraction) @ digits.T.astype(np.float64)).astype(np.int64)
    year, month, day, hour, minute, second, micros = fields
    in_range: Bool = (year >= 1) & (month >= 1) & (month <= 12) & (hour < 24) & (minute < 60) & (second < 60)
    months = (year - 1970) * 12 + np.clip(month, 1, 12) - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    after = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    in_range &= (day >= 1) & (day <= after - first)
    seconds = (first + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second
    return np.where(in_range, seconds * MICROSECONDS_PER_SECOND + micros, BAD_TIME)


@cache
def _weights(n_fraction: int) -> npt.NDArray[np.float64]:
    """Matrix that turns the digits of a time into year, month, day, hour, minute, second and microseconds."""
    length = _SECONDS_LENGTH + 1 + (n_fraction + 1 if n_fraction else 0)
    weights = np.zeros((length, len(_FIELDS) + 1))
    for j, (start, stop) in enumerate(_FIELDS):
        weights[start:stop, j] = 10.0 ** np.arange(stop - start - 1, -1, -1)
    kept = min(n_fraction, 6)
    start = _SECONDS_LENGTH + 1
    weights[start : start + kept, -1] = 10.0 ** np.arange(5, 5 - kept, -1)
    return np.ascontiguousarray(weights.T)
