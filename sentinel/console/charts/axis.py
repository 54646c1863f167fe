"""The span of values that a chart shows, and where a value lies on it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_MARGIN = 0.06
"""Of the span, left free at either end."""
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """A span of values.

    Attributes
    ----------
    lower, upper : float
        Its ends; ``lower < upper``.
    """

    lower: float
    upper: float

    @classmethod
    def over(cls, values: Iterable[float | None], *, least_span: float = 1e-6) -> Axis:
        """Wide enough for all values that there are, and a margin.

        Examples
        --------
        >>> Axis.over([0.0, None, 1.0])
        Axis(lower=-0.06, upper=1.06)
        """
        known = [value for value in values if value is not None]
        lower, upper = min(known, default=0.0), max(known, default=1.0)
        lack = max(least_span - (upper - lower), 0.0) / 2
        margin = _MARGIN * (upper - lower + 2 * lack)
        return cls(lower - lack - margin, upper + lack + margin)

    def share(self, value: float) -> float:
        """Where it lies, 0 to 1; what lies outside, at the nearer end."""
        return min(max((value - self.lower) / (self.upper - self.lower), 0.0), 1.0)

    def percent(self, value: float) -> str:
        """The same as a coordinate.

        Examples
        --------
        >>> Axis(0.0, 2.0).percent(1.0)
        '50%'
        """
        return f"{round(100 * self.share(value), 2):g}%"

    def ticks(self, most: int = 5) -> list[float]:
        """Round values on it, at most ``most + 1`` of them.

        Examples
        --------
        >>> Axis(0.0, 1.0).ticks(2)
        [0.0, 0.5, 1.0]
        """
        rough = (self.upper - self.lower) / most
        magnitude = 10.0 ** math.floor(math.log10(rough))
        step = next(s * magnitude for s in _STEPS if s * magnitude >= rough * (1 - 1e-9))
        first, last = math.ceil(self.lower / step - 1e-9), math.floor(self.upper / step + 1e-9)
        return [round(k * step, 12) + 0.0 for k in range(first, last + 1)]
