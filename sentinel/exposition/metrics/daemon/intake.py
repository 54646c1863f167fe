"""What becomes of events that are posted over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.exposition.family import Family, of_rows, one
from sentinel.exposition.metric import Metric
from sentinel.exposition.rendering import histogram
from sentinel.exposition.statistics import DaemonStatistics
from sentinel.ingest.http_log import SYNC_EDGES_SECONDS

OF: Final = "collectors"


POSTS = Metric(
    "sentinel_http_event_requests_total",
    "counter",
    "Requests to post events, by result: accepted, partial (some lines refused), rejected (all lines refused), "
    "unreadable (a body or type that cannot be taken apart), forbidden, slow (the body took too long), too_large, busy "
    "(too much on its way to the disk), full (the log or the disk), failed (not durable, or not taken now), gone (the "
    "client left).",
    ("result",),
)
POSTED_EVENTS = Metric(
    "sentinel_http_events_total",
    "counter",
    "Events that were posted, by result: accepted (durable, and acknowledged), rejected (told to the sender and not "
    "kept), damaged (accepted, and altered by the disk before they were counted).",
    ("result",),
)
EVENT_LOG_BYTES = Metric(
    "sentinel_http_event_log_bytes",
    "gauge",
    "What accepted events take on disk until a checkpoint covers them.",
)
EVENT_LOG_LIMIT = Metric(
    "sentinel_http_event_log_limit_bytes",
    "gauge",
    "What they may take: source.http.max_log_bytes. At this limit requests are refused.",
)
EVENT_LOG_FAILURES = Metric(
    "sentinel_http_event_log_failures_total", "counter", "Attempts to make posted events durable that failed."
)
EVENT_LOG_WRITES = Metric(
    "sentinel_http_event_log_write_seconds",
    "histogram",
    "Time to write posted events and have them on disk; the requests that wait together share one write. Counts "
    "without a sum.",
)


def read(s: DaemonStatistics) -> Iterator[Family]:
    """Nothing where no events are taken in."""
    if s.intake is None:
        return
    events = {"accepted": s.intake.accepted, "rejected": s.intake.rejected, "damaged": s.intake.damaged}
    yield of_rows(POSTS, {(result,): n for result, n in s.intake.requests.items()})
    yield of_rows(POSTED_EVENTS, {(result,): n for result, n in events.items()})
    yield one(EVENT_LOG_BYTES, s.intake.log_bytes)
    yield one(EVENT_LOG_LIMIT, s.intake.log_max_bytes)
    yield one(EVENT_LOG_FAILURES, s.intake.write_failures)
    yield EVENT_LOG_WRITES, histogram(EVENT_LOG_WRITES, (), SYNC_EDGES_SECONDS, s.intake.syncs)
