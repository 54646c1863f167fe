"""What is followed of the summaries topic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.exposition.family import Family, at_zero, of_rows, one
from sentinel.exposition.metric import Metric
from sentinel.exposition.statistics import DaemonStatistics
from sentinel.pipeline.follower import RESULTS

OF: Final = "judges"


LEDGER_LAG = Metric(
    "sentinel_ledger_lag_messages",
    "gauge",
    "Records of the summaries topic that are written and not yet followed.",
    ("partition",),
)
LEDGER_PARTITIONS = Metric(
    "sentinel_ledger_partitions", "gauge", "Input partitions whose counts the summaries topic holds."
)
LEDGER_RECORDS = Metric(
    "sentinel_ledger_records_total",
    "counter",
    "Records of the summaries topic, by what became of them: followed, forgotten (removed by their writer), foreign "
    "(of another baseline or kind, left alone), corrupt (unreadable, taken as not there).",
    ("result",),
)


def read(s: DaemonStatistics) -> Iterator[Family]:
    """Nothing where no ledger is followed."""
    if s.ledger is None:
        return
    yield of_rows(LEDGER_LAG, {(partition,): n for partition, n in s.ledger.lag.items()})
    yield one(LEDGER_PARTITIONS, s.ledger.n_partitions)
    yield of_rows(LEDGER_RECORDS, at_zero(RESULTS, s.ledger.records))
