"""How a collector gets on with the summaries topic, and with partitions that it takes over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.exposition.family import Family, at_zero, instant, of_rows, one
from sentinel.exposition.metric import Metric
from sentinel.exposition.statistics import DaemonStatistics

OF: Final = "collectors"


LEDGER_LAST_SUCCESS = Metric(
    "sentinel_ledger_last_success_timestamp_seconds",
    "gauge",
    "When the summaries topic last held every checkpoint of this collector; absent where none is configured.",
)
LEDGER_FAILURES = Metric(
    "sentinel_ledger_failures_total",
    "counter",
    "Attempts to claim, read or write counts in the summaries topic that failed. Counting goes on; they are repeated.",
)
PARTITIONS_FENCED = Metric(
    "sentinel_partitions_fenced_total",
    "counter",
    "Times that this collector lost a partition because another one had claimed its counts.",
)
PARTITIONS_REBUILDING = Metric(
    "sentinel_partitions_rebuilding",
    "gauge",
    "Input partitions that were taken over without their state, while the log is read again.",
)
REBUILDS = Metric(
    "sentinel_rebuilds_total",
    "counter",
    "Partitions rebuilt from the log, by result: complete, or short where retention had removed what it needed.",
    ("result",),
)


def read(s: DaemonStatistics) -> Iterator[Family]:
    """Nothing where no counts are published."""
    if s.publishing is None:
        return
    yield instant(LEDGER_LAST_SUCCESS, s.publishing.success_us)
    yield one(LEDGER_FAILURES, s.publishing.failures)
    yield one(PARTITIONS_FENCED, s.publishing.fenced)
    yield one(PARTITIONS_REBUILDING, s.publishing.rebuilding)
    yield of_rows(REBUILDS, at_zero(("complete", "short"), s.publishing.rebuilds))
