"""What a process exposes that only counts, or only judges."""

from __future__ import annotations

from dataclasses import replace

from sentinel.clock import ManualClock
from sentinel.exposition.collector import Collector
from sentinel.exposition.selection import Budget
from tests.exposition.exposed import full_statistics

SHARED = {
    "sentinel_build_info",
    "sentinel_ready",
    "sentinel_loop_last_turn_timestamp_seconds",
    "sentinel_config_last_reload_successful",
    "sentinel_config_last_reload_success_timestamp_seconds",
    "sentinel_log_events_total",
    "sentinel_http_requests_refused_total",
    "sentinel_collector_duration_seconds",
}


def families(*, collects: bool, judges: bool) -> set[str]:
    """Names of our families in a scrape of a process that has everything its half may have."""
    statistics = replace(full_statistics(), collects=collects, judges=judges)
    body = Collector(lambda: (), lambda: statistics, lambda: Budget(1_000, 1_000), ManualClock()).scrape().body
    return {line.split()[2] for line in body.decode().splitlines() if line.startswith("# TYPE sentinel_")}


def test_both_halves_make_the_whole() -> None:
    """A collector and an evaluator together expose what one process with both halves exposes, so no rule is blind."""
    collector, evaluator = families(collects=True, judges=False), families(collects=False, judges=True)
    assert collector | evaluator == families(collects=True, judges=True)


def test_what_both_have_is_about_the_process_alone() -> None:
    """Nothing that is counted or judged is exposed by both, so a sum over all processes counts it once."""
    assert families(collects=True, judges=False) & families(collects=False, judges=True) >= SHARED
    shared = families(collects=True, judges=False) & families(collects=False, judges=True) - SHARED
    assert not shared, "say by OF of its module in sentinel/exposition/metrics/daemon which half it is of"
