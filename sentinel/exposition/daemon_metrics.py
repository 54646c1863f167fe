"""Renders what the daemon says about itself: few series, made anew at each scrape."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel.exposition.family import Families, Family
from sentinel.exposition.metrics.daemon import FAMILIES
from sentinel.exposition.rendering import Format, header
from sentinel.exposition.statistics import DaemonStatistics


def render_daemon(statistics: DaemonStatistics, form: Format) -> str:
    """Everything but the reports.

    Parameters
    ----------
    statistics : DaemonStatistics
    form : 'text' or 'openmetrics'
        Without the end mark of OpenMetrics.
    """
    return "".join(header(metric, form) + lines for metric, lines in _shown(statistics) if lines)


def _shown(statistics: DaemonStatistics) -> Iterator[Family]:
    for families in FAMILIES:
        if _has(statistics, families):
            yield from families.read(statistics)


def _has(statistics: DaemonStatistics, families: Families) -> bool:
    """Whether the process has them."""
    return {"all": True, "collectors": statistics.collects, "judges": statistics.judges}[families.OF]
