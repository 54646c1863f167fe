"""RFC 3339 times to microseconds, a column at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.events.batch import I64, Bool

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEPARATORS = ((4, b"-"), (7, b"-"), (10, b"T"), (13, b":"), (16, b":"))
_SECONDS_LENGTH = len("2026-11-20T12:00:00")
BAD_TIME = np.iinfo(np.int64).min
"""Marks a time that could not be read; far below every valid time."""


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
        seconds = float(value)
        in_range = math.isfinite(seconds) and abs(seconds) < 1e11
        return round(seconds * MICROSECONDS_PER_SECOND) if in_range else BAD_TIME
    if not isinstance(value, str):
        return BAD_TIME
    try:
        moment = datetime.fromisoformat(value)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        delta = aware - _EPOCH
    except (ValueError, OverflowError):
        return BAD_TIME
    return (delta.days * 86_400 + delta.seconds) * MICROSECONDS_PER_SECOND + delta.microseconds


def parse_times(values: Sequence[object]) -> I64:
    """Read a column of times, vectorised where all are UTC text of one length (a producer's usual habit).

    Returns
    -------
    int64 array, shape (n,), microseconds since the epoch, ``BAD_TIME`` where unreadable
    """
    fast = _parse_uniform(values)
    if fast is not None:
        return fast
    return np.fromiter(map(parse_time, values), np.int64, len(values))


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
    if len(joined) != length * len(values) or any(len(v) != length for v in values):  # type: ignore[arg-type]
        return None
    text = np.frombuffer(joined, np.uint8).reshape(len(values), length)
    digits = text.astype(np.int64) - ord("0")
    if not _shape_is_right(text, digits, n_fraction):
        return None
    return _assemble(digits, max(n_fraction, 0))


def _shape_is_right(text: npt.NDArray[np.uint8], digits: I64, n_fraction: int) -> bool:
    separators = [*_SEPARATORS, (text.shape[1] - 1, b"Z")]
    if n_fraction > 0:
        separators.append((_SECONDS_LENGTH, b"."))
    positions = [position for position, _ in separators]
    if not all((text[:, position] == ord(mark)).all() for position, mark in separators):
        return False
    numbers = np.delete(digits, positions, axis=1)
    return bool(((numbers >= 0) & (numbers <= 9)).all())


def _number(digits: I64, start: int, stop: int) -> I64:
    powers = 10 ** np.arange(stop - start - 1, -1, -1, dtype=np.int64)
    result: I64 = digits[:, start:stop] @ powers
    return result


def _assemble(digits: I64, n_fraction: int) -> I64:
    year, month, day = _number(digits, 0, 4), _number(digits, 5, 7), _number(digits, 8, 10)
    hour, minute, second = _number(digits, 11, 13), _number(digits, 14, 16), _number(digits, 17, 19)
    in_range: Bool = (year >= 1) & (month >= 1) & (month <= 12) & (hour < 24) & (minute < 60) & (second < 60)
    months = (year - 1970) * 12 + np.clip(month, 1, 12) - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    after = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    in_range &= (day >= 1) & (day <= after - first)
    seconds = (first + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second
    micros = seconds * MICROSECONDS_PER_SECOND
    if n_fraction:
        kept = min(n_fraction, 6)
        start = _SECONDS_LENGTH + 1
        micros += _number(digits, start, start + kept) * 10 ** (6 - kept)
    return np.where(in_range, micros, BAD_TIME)
