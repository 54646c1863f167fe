"""Amounts of bytes as people write them: ``64GiB``, ``256``, ``1MB``."""

from __future__ import annotations

import re

_UNITS = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
PATTERN = "^[0-9]{1,18} ?(" + "|".join(unit for unit in _UNITS if unit) + ")?$"
"""The accepted text, as a regular expression that Python and JSON Schema both read."""

_PRINTED = ("TiB", "GiB", "MiB", "KiB")


class Bytes(int):
    """An amount of bytes that reads and prints as text; an int everywhere else.

    Examples
    --------
    >>> Bytes.parse("64KiB") * 2
    131072
    >>> str(Bytes(65536))
    '64KiB'
    """

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Bytes:
        """Read a number of bytes, or text with a unit (B, KiB, MiB, GiB, TiB; kB, MB, GB, TB).

        Raises
        ------
        ValueError
            If ``value`` is neither, or negative.
        """
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return cls(value)
        if not isinstance(value, str) or not re.match(PATTERN, value) or value.endswith("\n"):
            raise ValueError("expected an amount of bytes such as 512, 64KiB or 2GiB")
        digits = value.rstrip("".join(_UNITS) + " ")
        return cls(int(digits) * _UNITS[value[len(digits) :].strip()])

    def __str__(self) -> str:
        for unit in _PRINTED:
            if self and self % _UNITS[unit] == 0:
                return f"{self // _UNITS[unit]}{unit}"
        return f"{int(self)}B"

    def __repr__(self) -> str:
        return f"Bytes({str(self)!r})"
