"""The process itself: what runs, whether it turns, its configuration, its log, its HTTP server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.exposition.family import Family, at_zero, instant, of_rows, one
from sentinel.exposition.metric import Metric
from sentinel.exposition.refusals import REFUSED_FOR
from sentinel.exposition.rendering import sample
from sentinel.exposition.statistics import DaemonStatistics

OF: Final = "all"


BUILD_INFO = Metric("sentinel_build_info", "info", "Always 1; the labels say what is running.", ("version", "python"))
READY = Metric(
    "sentinel_ready",
    "gauge",
    "1 when baselines are loaded and partitions are assigned, or, in an evaluator, when all counts have been read; "
    "else 0.",
)
LOOP_LAST_TURN = Metric(
    "sentinel_loop_last_turn_timestamp_seconds",
    "gauge",
    "When the event loop, or the reading of an evaluator, last came round, with something to do or without. If it "
    "stands still, the process is stuck.",
)
RELOAD_SUCCESSFUL = Metric(
    "sentinel_config_last_reload_successful", "gauge", "1 when the last load of the configuration succeeded, else 0."
)
RELOAD_SUCCESS_TIME = Metric(
    "sentinel_config_last_reload_success_timestamp_seconds",
    "gauge",
    "When the configuration was last loaded with success.",
)
LOG_EVENTS = Metric(
    "sentinel_log_events_total", "counter", "Log events, those held back by the limiter included.", ("level", "event")
)
REQUESTS_REFUSED = Metric(
    "sentinel_http_requests_refused_total",
    "counter",
    "HTTP requests and connections refused, by reason: login (no credentials or wrong ones), guessing (too many failed "
    "logins), rate, size, host (a name that is not served), form (not well-formed or compressed), tls (no handshake), "
    "connections (closed for newer ones).",
    ("reason",),
)
COLLECTOR_DURATION = Metric(
    "sentinel_collector_duration_seconds", "gauge", "Time that this scrape took to collect and render."
)


def read(s: DaemonStatistics) -> Iterator[Family]:
    """Of every process, whatever its role."""
    yield BUILD_INFO, sample(BUILD_INFO, (s.build, s.python), 1)
    yield one(READY, int(s.ready))
    yield instant(LOOP_LAST_TURN, s.loop_turned_us)
    yield one(RELOAD_SUCCESSFUL, int(s.reload_ok))
    yield instant(RELOAD_SUCCESS_TIME, s.reload_success_us)
    yield of_rows(LOG_EVENTS, {(*key,): n for key, n in s.log_events.items()})
    yield of_rows(REQUESTS_REFUSED, at_zero(REFUSED_FOR, s.refused))
    yield one(COLLECTOR_DURATION, None if s.scrape is None else s.scrape.seconds)
