"""Panels of the daemon's board about how events come in and what is passed on: posts, the summaries topic, letters."""

from __future__ import annotations

from typing import Final

from sentinel.exposition import alert_pieces as limits
from sentinel.exposition.boards import common as c
from sentinel.exposition.panels import Panel, Query


def _by(label: str, name: str, matchers: str = "", legend: str = "") -> Query:
    """A counter's increase in the latest interval."""
    series = f"{name}{{{c.TARGETS}{matchers}}}"
    return Query(f"sum by ({label}) (increase({series}{c.RATE}))", legend or f"{{{{{label}}}}}")


_TAKEOVER: Final = (
    Panel(
        title="Partitions that move",
        description="Partitions that were taken over without their state and are read again, and losses of a partition "
        "whose counts another collector had claimed. Both pass after a member came or went.",
        type="timeseries",
        queries=(
            Query(f"sum by (instance) (sentinel_partitions_rebuilding{{{c.TARGETS}}})", "rebuilding, {{instance}}"),
            _by("instance", "sentinel_partitions_fenced_total", legend="fenced, {{instance}}"),
        ),
        unit="short",
        minimum=0,
    ),
    Panel(
        title="Events missed",
        description="Messages that retention had removed before they were read, partitions taken over whose log did "
        "not reach back, and accepted posts that the disk had altered. All should stay at 0.",
        type="timeseries",
        queries=(
            _by("topic", "sentinel_messages_missed_total", legend="removed from {{topic}}"),
            _by("instance", "sentinel_rebuilds_total", ',result="short"', "short rebuilds, {{instance}}"),
            _by("instance", "sentinel_http_events_total", ',result="damaged"', "altered by the disk, {{instance}}"),
        ),
        unit="short",
        steps=c.limit(1, "orange"),
        minimum=0,
    ),
    Panel(
        title="Since counts were published",
        description="Age of what the summaries topic holds of each collector. Beyond the dashed line, with attempts "
        "that fail, the alert fires.",
        type="timeseries",
        queries=(
            Query(
                f"time() - max by (instance) (sentinel_ledger_last_success_timestamp_seconds{{{c.TARGETS}}})",
                "{{instance}}",
            ),
        ),
        unit="s",
        steps=c.limit(limits.MAX_LEDGER_AGE_SECONDS, "orange"),
        minimum=0,
    ),
    Panel(
        title="Counts that were not published",
        description="Attempts to claim, read or write counts in the summaries topic that failed. Counting goes on and "
        "they are repeated.",
        type="timeseries",
        queries=(_by("instance", "sentinel_ledger_failures_total"),),
        unit="short",
        minimum=0,
    ),
)
_POSTS: Final = (
    Panel(
        title="Events posted",
        description="Events that came over HTTP, by what became of them. Accepted ones are on disk; rejected ones were "
        "told to their sender.",
        type="timeseries",
        queries=(
            Query(f"sum by (result) (rate(sentinel_http_events_total{{{c.TARGETS}}}{c.RATE}))", "{{result}}"),
        ),
        unit="eps",
        minimum=0,
    ),
    Panel(
        title="Requests that post",
        description="Requests to post events, by their result. While some are full or failed nothing is taken in, and "
        "the alert fires.",
        type="timeseries",
        queries=(
            Query(f"sum by (result) (rate(sentinel_http_event_requests_total{{{c.TARGETS}}}{c.RATE}))", "{{result}}"),
        ),
        unit="eps",
        minimum=0,
    ),
    Panel(
        title="Log of accepted events",
        description="What accepted events take on disk until a checkpoint covers them, against the limit at which "
        "requests are refused.",
        type="timeseries",
        queries=(
            Query(f"sum by (instance) (sentinel_http_event_log_bytes{{{c.TARGETS}}})", "taken, {{instance}}"),
            Query(f"sum by (instance) (sentinel_http_event_log_limit_bytes{{{c.TARGETS}}})", "limit, {{instance}}"),
        ),
        unit="bytes",
        minimum=0,
    ),
    Panel(
        title="Time to write posts",
        description="Time until posted events are on disk, which their sender waits for: half and 99 of 100 of the "
        "writes took less.",
        type="timeseries",
        queries=tuple(
            Query(
                f"histogram_quantile({share},\n"
                f"  sum by (le) (rate(sentinel_http_event_log_write_seconds_bucket{{{c.TARGETS}}}{c.RATE})))",
                legend,
            )
            for share, legend in ((0.5, "half"), (0.99, "99 of 100"))
        ),
        unit="s",
        minimum=0,
    ),
)  # fmt: skip
_PASSED_ON: Final = (
    Panel(
        title="Dead letters set aside",
        description="Refused events by the place that they were to be kept in, written or dropped, in the latest "
        "interval. None should be dropped.",
        type="timeseries",
        queries=(_by("place, result", "sentinel_dead_letters_stored_total", legend="{{place}}, {{result}}"),),
        unit="short",
        minimum=0,
    ),
    Panel(
        title="Changes announced",
        description="Changes of verdicts and alerts for the verdicts topic, by what became of them, and failed "
        "attempts. All 0 where the configuration names no such topic.",
        type="timeseries",
        queries=(
            _by("result", "sentinel_announcements_total"),
            _by("instance", "sentinel_announcement_failures_total", legend="failed attempts, {{instance}}"),
        ),
        unit="short",
        minimum=0,
    ),
    Panel(
        title="Requests and responses that wait",
        description="Halves of predictions that are logged as two messages. A number that grows means that one of the "
        "two is not logged, or lies in another partition; they become dead letters.",
        type="timeseries",
        queries=(Query(f"sum by (instance) (sentinel_halves_waiting{{{c.TARGETS}}})", "{{instance}}"),),
        unit="short",
        minimum=0,
    ),
)

PASSAGE: Final = (*_TAKEOVER, *_POSTS, *_PASSED_ON)
