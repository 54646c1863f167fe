"""How many series the reports take, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.exposition.family import Family, of_rows, one
from sentinel.exposition.metric import Metric
from sentinel.exposition.statistics import DaemonStatistics

OF: Final = "judges"


SERIES = Metric("sentinel_series", "gauge", "Time series that the reports take in this scrape.")
SERIES_LIMIT = Metric("sentinel_series_limit", "gauge", "Time series that the reports may take: limits.max_series.")
SERIES_DROPPED = Metric(
    "sentinel_series_dropped_total",
    "counter",
    "Time series left out of an evaluation's snapshot, by reason; the full table is in the report over HTTP.",
    ("reason",),
)


def read(s: DaemonStatistics) -> Iterator[Family]:
    """Of the snapshot that this scrape shows."""
    if s.scrape is None:
        return
    yield one(SERIES, s.scrape.n_series)
    yield one(SERIES_LIMIT, s.scrape.max_series)
    yield of_rows(SERIES_DROPPED, {(reason,): n for reason, n in s.scrape.dropped.items()})
