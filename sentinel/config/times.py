"""Instants to and from RFC 3339 text; whole columns of them are read and written by ``sentinel.events.times``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time_us(text: str) -> int:
    """Read an RFC 3339 time.

    Parameters
    ----------
    text : str
        With its zone, and at most six digits after the second.

    Returns
    -------
    int, microseconds since the epoch, UTC

    Raises
    ------
    ValueError
        If the text is not such a time.

    Examples
    --------
    >>> parse_time_us("1970-01-01T01:00:00.5+01:00")
    500000
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError(f"expected an RFC 3339 time with its zone, not {text!r}")
    try:
        instant = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise ValueError(f"there is no such time as {text!r}") from error
    return (instant - _EPOCH) // timedelta(microseconds=1)


def rfc3339(at_us: int, *, to_second: bool = False) -> str:
    """Write a time in UTC, as reports, baselines and tables show it.

    Parameters
    ----------
    at_us : int, microseconds since the epoch, UTC
    to_second : bool, default False
        Cut off what is finer than a second.

    Returns
    -------
    str
        With six digits after the second, or none where it is whole.

    Examples
    --------
    >>> rfc3339(1_500_000), rfc3339(1_500_000, to_second=True), rfc3339(0)
    ('1970-01-01T00:00:01.500000Z', '1970-01-01T00:00:01Z', '1970-01-01T00:00:00Z')
    """
    moment = _EPOCH + timedelta(microseconds=at_us)
    return rfc3339_of(moment.replace(microsecond=0) if to_second else moment)


def rfc3339_of(moment: datetime) -> str:
    """Write a moment that is in UTC.

    Examples
    --------
    >>> rfc3339_of(datetime(2026, 11, 20, 12, tzinfo=UTC))
    '2026-11-20T12:00:00Z'
    """
    return moment.isoformat().replace("+00:00", "Z")
