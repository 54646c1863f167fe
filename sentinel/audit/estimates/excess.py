"""A share of validation rows against the share that honest data would show, and how grave what is more is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from sentinel.audit.estimates.costs import is_costly, is_harmless
from sentinel.audit.findings import SEVERITIES, Inflation, Interval, Severity

SURE: Final = 3.0
"""Standard errors from which an excess is more than chance: one false alarm in 740 honest files, at most."""
WORRYING: Final = 0.01
"""Excess share from which an estimate is not to be trusted before it is known what it costs."""
_WIDTH: Final = 1.96
"""Standard errors to either side of a 95 % interval."""
_FLOOR: Final = 1.0
"""Rows squared: the least variance of a count, so that no share is ever certain."""


@dataclass(frozen=True, slots=True)
class Excess:
    """How much larger a share is than chance.

    Parameters
    ----------
    share : Interval
        Of validation rows, 0..1.
    chance : float, 0..1
    value, error : float
        The difference and its standard error.
    """

    share: Interval
    chance: float
    value: float
    error: float

    @property
    def is_sure(self) -> bool:
        """More than the play of chance in both shares."""
        return self.value > SURE * self.error


def excess(n_found: int, n: int, chance: float, chance_variance: float) -> Excess:
    """Compare a share with chance, both of them estimates.

    Parameters
    ----------
    n_found, n : int
        Validation rows concerned, and looked at.
    chance : float, 0..1
    chance_variance : float, >= 0
        Of the estimate of the chance level, a share squared.

    Examples
    --------
    >>> excess(100, 1000, 0.05, 0.0).is_sure
    True
    >>> excess(55, 1000, 0.05, 0.0).is_sure
    False
    """
    n = max(n, 1)
    share = n_found / n
    # Under chance alone the share has the variance of its chance level; the larger of the two is on the safe side.
    variance = max(share * (1.0 - share), chance * (1.0 - chance)) / n
    variance = max(variance, _FLOOR / n**2)
    error = math.sqrt(variance + chance_variance)
    spread = _WIDTH * math.sqrt(variance)
    bounds = Interval(value=share, lower=max(share - spread, 0.0), upper=min(share + spread, 1.0))
    return Excess(bounds, chance, share - chance, error)


def twin_variance(n_found: float, n: int) -> float:
    """Variance of a share of rows with a twin, where twins come in pairs; never 0.

    Notes
    -----
    A pair is found twice: 2 p (1 - p) / n. One pair more than was found goes into p, so that files without any are not
    certain to have none.
    """
    n = max(n, 1)
    share = min((n_found + 2.0) / (n + 4.0), 1.0)
    return 2.0 * share * (1.0 - share) / n


def grave(value: float, inflation: Inflation | None) -> Severity:
    """Severity of rows that were seen before.

    Critical where it is proven that they make the estimate look better, or where so many are that it cannot be
    trusted and what they cost cannot be measured; info where it is proven that they do next to nothing.

    Parameters
    ----------
    value : float
        Excess share of validation rows.
    inflation : Inflation or None
    """
    if inflation is None:
        return "critical" if value >= WORRYING else "warning"
    if is_harmless(inflation):
        return "info"
    return "critical" if is_costly(inflation) else "warning"


def worst_of(one: Severity, other: Severity) -> Severity:
    """The graver of two severities."""
    return min(one, other, key=SEVERITIES.index)
