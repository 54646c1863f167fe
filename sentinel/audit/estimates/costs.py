"""Whether an inflation is worth a stop: proven to matter, proven not to, or neither."""

from __future__ import annotations

from typing import Final

from sentinel.audit.findings import Inflation
from sentinel.stats.estimate import NotEnough

WORTHWHILE_GAIN: Final = 0.005
"""In the unit of an area or a share; of a root mean square, as a share of it. A smaller gain changes no decision."""


def is_costly(measured: Inflation | NotEnough | None) -> bool:
    """Whether the estimate is proven to look better than it is, by as much as matters."""
    if not isinstance(measured, Inflation):
        return False
    return measured.gain.lower > 0.0 and measured.gain.value >= worthwhile(measured)


def is_harmless(measured: Inflation | NotEnough | None) -> bool:
    """Whether the estimate is proven to look better by less than matters."""
    return isinstance(measured, Inflation) and measured.gain.upper < worthwhile(measured)


def worthwhile(measured: Inflation) -> float:
    """The smallest gain that matters, in the unit of its metric."""
    return WORTHWHILE_GAIN * (abs(measured.stated) if measured.metric == "rmse" else 1.0)
