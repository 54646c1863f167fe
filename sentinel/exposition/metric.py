"""What a metric is: its name, type, help and labels, as they are declared once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MetricType = Literal["gauge", "counter", "histogram", "summary", "info"]
UNITS = ("seconds", "bytes", "ratio")
"""Base units. A family that ends in one of them also declares it in OpenMetrics."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family.

    Attributes
    ----------
    name : str
        As it is queried; counters end in ``_total``.
    type : str
    help : str
        One paragraph that a stranger understands.
    labels : tuple of str
    """

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The family's name in OpenMetrics, which keeps ``_total`` and ``_info`` to the samples."""
        suffix = {"counter": "_total", "info": "_info"}.get(self.type, "")
        return self.name.removesuffix(suffix)

    @property
    def unit(self) -> str:
        """The base unit that the family's name ends in, or an empty string."""
        return next((unit for unit in UNITS if self.family.endswith(f"_{unit}")), "")


def declared(module: object) -> tuple[Metric, ...]:
    """The metrics of a module, alone or in tuples, in the order in which they stand there."""
    values = (value if isinstance(value, tuple) else (value,) for value in vars(module).values())
    return tuple(dict.fromkeys(each for value in values for each in value if isinstance(each, Metric)))
