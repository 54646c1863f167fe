"""What a module of `sentinel.exposition.metrics.daemon` holds: metrics about the daemon, and how each is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, Protocol

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.exposition.metric import Metric
from sentinel.exposition.rendering import sample
from sentinel.exposition.statistics import DaemonStatistics

Family = tuple[Metric, str]
"""A metric and its sample lines, empty where there are none."""


class Families(Protocol):
    """A module of metrics: each a constant of it.

    Attributes
    ----------
    OF : {"all", "collectors", "judges"}
        The processes that have them. Elsewhere they are absent rather than zero, so that sums and absences over all
        processes hold.
    """

    OF: Literal["all", "collectors", "judges"]

    def read(self, s: DaemonStatistics) -> Iterator[Family]:
        """Those for which the statistics have a value."""


def of_rows(metric: Metric, rows: Mapping[tuple[Any, ...], float]) -> Family:
    """A metric of which each value of its labels has a row."""
    return metric, "".join(sample(metric, [str(part) for part in key], value) for key, value in sorted(rows.items()))


def one(metric: Metric, value: float | None) -> Family:
    """A metric without labels; no series where the value is not known."""
    return metric, "" if value is None else sample(metric, (), value)


def instant(metric: Metric, at_us: int | None) -> Family:
    """A moment, in seconds since the epoch; no series before the first."""
    return one(metric, None if at_us is None else at_us / MICROSECONDS_PER_SECOND)


def at_zero(known: Iterable[str], found: Mapping[str, int]) -> dict[tuple[str], int]:
    """Rows of one label: those known are there from the start, so that a counter shows its first increase."""
    return {(str(name),): 0 for name in known} | {(str(name),): n for name, n in found.items()}
