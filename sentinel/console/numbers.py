"""Numbers, times and counts as a reader sees them."""

from __future__ import annotations

import math
import re
from typing import Final

from sentinel.config.durations import Duration
from sentinel.evaluation.findings import Value

UNKNOWN: Final = "not known"
_MINUS: Final = "\N{MINUS SIGN}"
_UNITS: Final = {"m": "min"}
_NOTHING: Final = 1e-9
"""What is left of a difference of equals."""
_TO_THE_MINUTE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}):\d{2}(?:\.\d+)?Z")


def figure(value: float | None) -> str:
    """An estimate: three digits after the point, fewer where it is large, more where it is small.

    Examples
    --------
    >>> figure(0.9071), figure(12.34), figure(15_310.2), figure(0.00068), figure(None)
    ('0.907', '12.3', '15,310', '0.0007', 'not known')
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    size = abs(value)
    if size < _NOTHING:
        return "0.000"
    digits = 0 if size >= 1_000 else 1 if size >= 10 else max(3, -math.floor(math.log10(size)))
    return f"{value:,.{digits}f}".replace("-", _MINUS)


def signed(value: float | None) -> str:
    """The same with its sign.

    Examples
    --------
    >>> signed(0.139), signed(0.0)
    ('+0.139', '0.000')
    """
    return f"+{figure(value)}" if value is not None and value >= _NOTHING else figure(value)


def percent(value: float | None) -> str:
    """A share.

    Examples
    --------
    >>> percent(0.966), percent(0.004), percent(1.0), percent(0.9999), percent(None)
    ('97 %', '0.4 %', '100 %', '> 99 %', 'not known')
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if 0.995 <= value < 1.0:
        return "> 99 %"
    if 0.0 < value < 0.0005:
        return "< 0.1 %"
    digits = 1 if 0.0 < abs(value) < 0.0095 else 0
    return f"{value:.{digits}%}".replace("%", " %").replace("-", _MINUS)


def bounds(lower: float | None, upper: float | None) -> str:
    """An interval; nothing where an end is not known.

    Examples
    --------
    >>> bounds(0.1, 0.2), bounds(None, 1.0)
    ('0.100 to 0.200', '')
    """
    return "" if lower is None or upper is None else f"{figure(lower)} to {figure(upper)}"


def value_bounds(value: Value) -> str:
    """The interval of an estimate."""
    return bounds(value.lower, value.upper)


def count(n: int) -> str:
    """Events.

    Examples
    --------
    >>> count(20000)
    '20,000'
    """
    return f"{n:,}"


def many(n: int, thing: str) -> str:
    """So many things.

    Examples
    --------
    >>> many(1, "slice"), many(2_000, "slice")
    ('1 slice', '2,000 slices')
    """
    return f"{n:,} {thing}" if n == 1 else f"{n:,} {thing}s"


def moment(text: str | None) -> str:
    """An event time to the minute, in words where there is none.

    Examples
    --------
    >>> moment("2026-11-20T12:00:31Z"), moment(None)
    ('2026-11-20 12:00 UTC', 'no events yet')
    """
    if text is None:
        return "no events yet"
    return _TO_THE_MINUTE.sub(r"\1 \2 UTC", text)


def span(seconds: float | None) -> str:
    """A span of time.

    Examples
    --------
    >>> span(1_440_234.5), span(90.0), span(0.2), span(None)
    ('16 d 16 h', '1 min 30 s', 'under 1 s', 'not known')
    """
    if seconds is None:
        return UNKNOWN
    if seconds < 1:
        return "under 1 s"
    parts = re.findall(r"(\d+)([a-z]+)", str(Duration(seconds).rounded()))
    return " ".join(f"{n} {_UNITS.get(unit, unit)}" for n, unit in parts)
