"""Spans of time as people write them: ``14d``, ``15m``, ``1h30m``, ``500ms``."""

from __future__ import annotations

import re

_UNITS_MS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_DIGITS = "[0-9]{1,9}"
PATTERN = r"^(?=[0-9])" + "".join(f"({_DIGITS}{unit})?" for unit in _UNITS_MS) + "$"
"""The accepted text, as a regular expression that Python and JSON Schema both read."""

_PART = re.compile(rf"({_DIGITS})(ms|[wdhms])")


class Duration(float):
    """A span of time in seconds that reads and prints as text; a float everywhere else.

    Examples
    --------
    >>> Duration.parse("1h30m") + 1
    5401.0
    >>> str(Duration(86400.0))
    '1d'
    """

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Duration:
        """Read a duration: whole numbers, each with its unit (w, d, h, m, s, ms), largest first.

        Raises
        ------
        ValueError
            If ``value`` is no such text. A bare number is refused: it does not say its unit.
        """
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise ValueError("a duration needs a unit, for example 15s, 500ms or 1h30m")
        if not isinstance(value, str) or not re.match(PATTERN, value) or value.endswith("\n"):
            raise ValueError("expected a duration such as 15s, 500ms, 1h30m or 14d")
        milliseconds = sum(int(number) * _UNITS_MS[unit] for number, unit in _PART.findall(value))
        return cls(milliseconds / 1_000)

    def rounded(self) -> Duration:
        """To what a reader needs: days and hours, hours and minutes, or seconds.

        Examples
        --------
        >>> str(Duration(1_440_234.522).rounded())
        '16d16h'
        """
        if self <= 0:
            return Duration(0.0)
        unit = next((unit for least, unit in ((86_400.0, 3_600.0), (3_600.0, 60.0)) if self >= least), 1.0)
        return Duration(max(round(self / unit), 1) * unit)

    def __str__(self) -> str:
        rest = round(self * 1_000)
        text = ""
        for unit in ("d", "h", "m", "s", "ms"):
            number, rest = divmod(rest, _UNITS_MS[unit])
            text += f"{number}{unit}" if number else ""
        return text or "0s"

    def __repr__(self) -> str:
        return f"Duration({str(self)!r})"
