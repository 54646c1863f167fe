"""What becomes of changes of verdict that are told elsewhere: marks in Grafana, the verdicts topic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.exposition.announcements.announcer import KNOWN
from sentinel.exposition.family import Family, at_zero, of_rows, one
from sentinel.exposition.grafana.errors import Reason
from sentinel.exposition.metric import Metric
from sentinel.exposition.outbox import DROPPED, WRITTEN
from sentinel.exposition.statistics import DaemonStatistics

OF: Final = "judges"


ANNOTATIONS = Metric(
    "sentinel_grafana_annotations_total",
    "counter",
    "Changes of verdict for Grafana, by what became of them: written, refused by it, or dropped from a full queue.",
    ("result",),
)
ANNOTATION_FAILURES = Metric(
    "sentinel_grafana_failures_total", "counter", "Failed attempts to write to Grafana, by reason.", ("reason",)
)
ANNOUNCEMENTS = Metric(
    "sentinel_announcements_total",
    "counter",
    "Changes of verdicts and alerts for the verdicts topic, by what became of them: written, known (the topic says so "
    "already), or dropped while it could not be written for long.",
    ("result",),
)
ANNOUNCEMENT_FAILURES = Metric(
    "sentinel_announcement_failures_total", "counter", "Attempts to write to the verdicts topic that failed."
)


def read(s: DaemonStatistics) -> Iterator[Family]:
    """Zero where nothing is told."""
    yield of_rows(ANNOTATIONS, at_zero((WRITTEN, "refused", DROPPED), s.annotations))
    yield of_rows(ANNOTATION_FAILURES, at_zero(Reason, s.annotation_failures))
    yield of_rows(ANNOUNCEMENTS, at_zero((WRITTEN, KNOWN, DROPPED), s.announcements))
    yield one(ANNOUNCEMENT_FAILURES, s.announcement_failures)
