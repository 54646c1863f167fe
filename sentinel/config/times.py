"""Instants written as RFC 3339 text."""

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
