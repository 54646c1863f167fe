"""Numbers of one file in another unit than in the other: what a factor, or Fahrenheit for Celsius, undoes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.events.batch import F64

UNDONE: Final = 0.1
"""Largest distance of the distribution functions after the conversion. Two files of one law and 100 rows each pass .19
once in twenty times, of 1,000 rows .06: below, nothing is left to explain."""
APART: Final = 0.5
"""Smallest distance before it. Values spread over a factor of ten hardly notice a factor of two."""
FEWEST: Final = 100
"""Values of either file: the distance of fewer is not known to .2."""
_MOST: Final = 5_000
"""Values compared: the distance is then known to .03."""

FACTORS: Final[Mapping[str, float]] = {
    **{f"10^{k}": 10.0**k for k in (1, 2, 3, 4, 6, 9)},
    "60 (minutes and seconds, or hours)": 60.0,
    "3600 (hours and seconds)": 3600.0,
    "24 (days and hours)": 24.0,
    "7 (weeks and days)": 7.0,
    "12 (years and months)": 12.0,
    "86400 (days and seconds)": 86_400.0,
    "1024 (binary prefixes)": 1024.0,
    "2.2046 (kilograms and pounds)": 2.204_622_6,
    "2.54 (inches and centimetres)": 2.54,
    "3.2808 (metres and feet)": 3.280_839_9,
    "1.6093 (miles and kilometres)": 1.609_344,
}
"""What one file may be of the other, either way."""


@dataclass(frozen=True, slots=True)
class OtherUnit:
    """A conversion that makes the files agree.

    Attributes
    ----------
    name : str
        The conversion, without any value of the column.
    before, after : float, 0..1
        Largest distance of the distribution functions without it, and with it.
    """

    name: str
    before: float
    after: float


def other_unit(train: F64, validation: F64) -> OtherUnit | None:
    """Find the conversion that explains why a column differs, if there is one.

    Parameters
    ----------
    train, validation : float64, shape (n,), (m,)
        Values of a column; what is not finite is left out.

    Examples
    --------
    >>> metres = np.random.default_rng(1).lognormal(3.0, 0.5, 1_000)
    >>> other_unit(metres, 1_000.0 * metres).name
    'a factor of 10^3'
    """
    first, second = (_usable(values) for values in (train, validation))
    if min(len(first), len(second)) < FEWEST or first[0] == first[-1] or second[0] == second[-1]:
        return None
    before = _distance(first, second)
    if before < APART:
        return None
    best = min(
        (OtherUnit(name, before, _distance(other, second)) for name, other in _converted(first)),
        key=lambda one: one.after,
    )
    return best if best.after <= UNDONE else None


def _converted(values: F64) -> list[tuple[str, F64]]:
    """The values by each conversion, ascending."""
    with np.errstate(over="ignore", under="ignore"):
        scaled = [(f"a factor of {name}", values * factor) for name, factor in FACTORS.items()]
        scaled += [(f"a factor of {name}", values / factor) for name, factor in FACTORS.items()]
    fahrenheit = "degrees Fahrenheit and Celsius"
    turned = [("the sign", -values[::-1])]
    return [*scaled, (fahrenheit, values * 1.8 + 32.0), (fahrenheit, (values - 32.0) / 1.8), *turned]


def _usable(values: F64) -> F64:
    known = values[np.isfinite(values)]
    thinned: F64 = np.sort(known[:: max(-(-len(known) // _MOST), 1)])
    return thinned


def _distance(first: F64, second: F64) -> float:
    """Largest distance of two distribution functions (Kolmogorov, Smirnov); the values ascend."""
    every = np.concatenate([first, second])
    below = [np.searchsorted(values, every, side="right") / len(values) for values in (first, second)]
    return float(np.abs(below[0] - below[1]).max())
