"""Typed reading of the parts of a message, with faults that name the place and never the value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.field_paths import TimeUnit
from sentinel.config.paths import Step
from sentinel.events.batch import Reason
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.shown import form
from sentinel.events.schema import category
from sentinel.events.times import BAD_TIME, parse_time

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def wrong(place: str, expected: str, value: object) -> RejectedEventError:
    """The fault of a value of another type than its place needs."""
    if value is None:
        return RejectedEventError(Reason.MISSING_FIELD, f"{place} is missing")
    return RejectedEventError(Reason.WRONG_TYPE, f"{place} is {form(value)}, not {expected}")


def an_object(value: object, place: str) -> dict[str, Any]:
    """The value as an object."""
    if isinstance(value, dict):
        return value
    if place == "the message" and value is not None:
        raise RejectedEventError(Reason.NOT_AN_OBJECT, f"the message is {form(value)}, not an object")
    raise wrong(place, "an object", value)


def a_list(value: object, place: str) -> list[Any]:
    """The value as a list."""
    if isinstance(value, list):
        return value
    raise wrong(place, "a list", value)


def a_text(value: object, place: str) -> str:
    """The value as a text: a whole number as it is written, bytes as UTF-8."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return as_digits(value, place)
    if isinstance(value, bytes):
        return as_text(value, place)
    raise wrong(place, "a text", None if value == "" else value)


def as_digits(value: int, place: str) -> str:
    """A whole number as text, if it is one that a person could have written."""
    if value.bit_length() > 256:
        raise RejectedEventError(Reason.OVERSIZED, f"{place} is a whole number of {value.bit_length()} bits")
    return str(value)


def as_text(value: bytes, place: str) -> str:
    """Bytes that have to be UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise RejectedEventError(Reason.WRONG_TYPE, f"{place} is not UTF-8 text") from None


def a_time(value: object, place: str) -> int:
    """A time in microseconds: RFC 3339, seconds since the epoch, or a datetime."""
    if value is None:
        raise RejectedEventError(Reason.MISSING_FIELD, f"{place} is missing")
    if isinstance(value, datetime):
        value = msgspec.to_builtins(value)
    at = parse_time(value)
    if at == BAD_TIME:
        detail = f"{place} is {form(value)}: no RFC 3339 time and no seconds since the epoch"
        raise RejectedEventError(Reason.BAD_TIME, detail)
    return at


def time_of_unit(value: object, unit: TimeUnit | None, place: str) -> object:
    """A time as events write it: what says its unit itself stays, a number of another unit becomes seconds."""
    if unit is None or value is None:
        return value
    if isinstance(value, datetime):
        return a_time(value, place) / MICROSECONDS_PER_SECOND
    if unit == "rfc3339":
        if isinstance(value, str):
            return value
        raise RejectedEventError(Reason.BAD_TIME, f"{place} is {form(value)}, not an RFC 3339 time")
    number = _number(value)
    if number is None:
        raise RejectedEventError(Reason.BAD_TIME, f"{place} is {form(value)}, not a number of {unit}")
    return number / _PER_SECOND[unit]


def _number(value: object) -> float | int | None:
    """A number, also where it is written as text; None of anything else, and of what no time can be."""
    if isinstance(value, str) and len(value) <= 40:
        try:
            value = int(value) if value.lstrip("+-").isdecimal() else float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 1e22 else None  # 1e22 nanoseconds are 300,000 years; false for NaN


def getter(steps: Sequence[Step]) -> Callable[[object], Any]:
    """What reads a path; None where any part of it is not there.

    Examples
    --------
    >>> read = getter(("rows", -1, "id"))
    >>> read({"rows": [{"id": "a"}, {"id": "b"}]}), read({"rows": []}), read(7)
    ('b', None, None)
    """
    if len(steps) == 1 and isinstance(steps[0], str):
        only = steps[0]
        return lambda body: body.get(only) if isinstance(body, dict) else None

    def read(body: object) -> Any:
        for step in steps:
            if isinstance(step, str):
                body = body.get(step) if isinstance(body, dict) else None
            elif isinstance(body, list) and -len(body) <= step < len(body):
                body = body[step]
            else:
                return None
        return body

    return read


def translated(value: object, meanings: Mapping[str, float], place: str) -> object:
    """What a word means, where meanings are given."""
    if not meanings or value is None:
        return value
    name = category(value)
    if name is None or name not in meanings:
        known = ", ".join(sorted(meanings))
        raise RejectedEventError(Reason.INVALID_OUTCOME, f"{place} is {form(value)} that is none of {known:.80}")
    return meanings[name]


def finite_or_refused(value: object, place: str) -> float:
    """A score that is a finite number, also where it is written as text."""
    if isinstance(value, str) and len(value) <= 40 and "_" not in value:
        try:
            value = float(value)
        except ValueError:
            raise wrong(place, "a number", value) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(place, "a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RejectedEventError(Reason.SCORE_NOT_FINITE, f"{place} is {number}")
    return number
