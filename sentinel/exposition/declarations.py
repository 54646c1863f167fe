"""Every metric, declared once: the renderer, the documents and the rules' tests read these tables."""

from __future__ import annotations

from typing import Final

from sentinel.exposition.metric import Metric
from sentinel.exposition.metrics.daemon import DAEMON_METRICS
from sentinel.exposition.metrics.models import REPORT_METRICS

METRICS: Final[tuple[Metric, ...]] = (*REPORT_METRICS, *DAEMON_METRICS)

__all__ = ["DAEMON_METRICS", "METRICS", "REPORT_METRICS"]
