"""What a metric is, and how those of all slices travel: the words that every task's metrics share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sentinel.events.batch import F64, I64, Bool

Unit = Literal["score", "nats", "ratio"]


@dataclass(frozen=True, slots=True)
class Metric:
    """What a number measures, and which way is better.

    Attributes
    ----------
    name : str
        The value of the label ``metric``.
    higher_is_better : bool or None
        None where neither is: a base rate, a calibration slope.
    unit : str
        ``ratio`` for what counts events or pairs, ``nats`` for log losses, ``score`` for the rest.
    description : str
    least, most : float or None
        Range of the metric.
    """

    name: str
    higher_is_better: bool | None
    unit: Unit
    description: str
    least: float | None = 0.0
    most: float | None = 1.0


@dataclass(frozen=True, slots=True)
class SliceTable:
    """Metrics of all slices, as arrays of shape (n_slices,) in the order of ``Layout.slice_names``.

    Attributes
    ----------
    values, variances : mapping of metric name to float64 array
        Finite everywhere; not to be used where ``valid`` is False. In the order in which reports show them.
    valid : mapping of metric name to bool array
        False where the slice has too few events.
    n, n_positive : int64 array
        Outcomes, and positive ones (of a regression, the high ones).
    """

    values: Mapping[str, F64]
    variances: Mapping[str, F64]
    valid: Mapping[str, Bool]
    n: I64
    n_positive: I64

    def __len__(self) -> int:
        return len(self.n)
