"""Panels of the daemon's board about how events come in and what is passed on: posts, the summaries topic, letters."""

from __future__ import annotations

from typing import Final

from sentinel.exposition import alert_pieces as limits
from sentinel.exposition.boards import common as c
from sentinel.exposition.boards.pictures import amounts
from sentinel.exposition.boards.targets import age_of_each, of_each, per_second, rise
from sentinel.exposition.panels import Query

_TAKEOVER: Final = (
    amounts(
        "Partitions that move",
        "Partitions that were taken over without their state and are read again, and losses of a partition whose "
        "counts another collector had claimed. Both pass after a member came or went.",
        of_each("sentinel_partitions_rebuilding", "rebuilding, {{instance}}"),
        rise("instance", "sentinel_partitions_fenced_total", "fenced, {{instance}}"),
    ),
    amounts(
        "Events missed",
        "Messages that retention had removed before they were read, partitions taken over whose log did not reach "
        "back, and accepted posts that the disk had altered. All should stay at 0.",
        rise("topic", "sentinel_messages_missed_total", "removed from {{topic}}"),
        rise("instance", "sentinel_rebuilds_total", "short rebuilds, {{instance}}", matchers=',result="short"'),
        rise(
            "instance", "sentinel_http_events_total", "altered by the disk, {{instance}}", matchers=',result="damaged"'
        ),
        steps=c.limit(1, "orange"),
    ),
    amounts(
        "Since counts were published",
        "Age of what the summaries topic holds of each collector. Beyond the dashed line, with attempts that fail, "
        "the alert fires.",
        age_of_each("sentinel_ledger_last_success_timestamp_seconds"),
        unit="s",
        steps=c.limit(limits.MAX_LEDGER_AGE_SECONDS, "orange"),
    ),
    amounts(
        "Counts that were not published",
        "Attempts to claim, read or write counts in the summaries topic that failed. Counting goes on and they are "
        "repeated.",
        rise("instance", "sentinel_ledger_failures_total"),
    ),
)
_POSTS: Final = (
    amounts(
        "Events posted",
        "Events that came over HTTP, by what became of them. Accepted ones are on disk; rejected ones were told to "
        "their sender.",
        per_second("result", "sentinel_http_events_total"),
        unit="eps",
    ),
    amounts(
        "Requests that post",
        "Requests to post events, by their result. While some are full or failed nothing is taken in, and the alert "
        "fires.",
        per_second("result", "sentinel_http_event_requests_total"),
        unit="eps",
    ),
    amounts(
        "Log of accepted events",
        "What accepted events take on disk until a checkpoint covers them, against the limit at which requests are "
        "refused.",
        of_each("sentinel_http_event_log_bytes", "taken, {{instance}}"),
        of_each("sentinel_http_event_log_limit_bytes", "limit, {{instance}}"),
        unit="bytes",
    ),
    amounts(
        "Time to write posts",
        "Time until posted events are on disk, which their sender waits for: half and 99 of 100 of the writes took "
        "less.",
        *(
            Query(
                f"histogram_quantile({share},\n"
                f"  sum by (le) (rate(sentinel_http_event_log_write_seconds_bucket{{{c.TARGETS}}}{c.RATE})))",
                legend,
            )
            for share, legend in ((0.5, "half"), (0.99, "99 of 100"))
        ),
        unit="s",
    ),
)
_PASSED_ON: Final = (
    amounts(
        "Dead letters set aside",
        "Refused events by the place that they were to be kept in, written or dropped, in the latest interval. None "
        "should be dropped.",
        rise("place, result", "sentinel_dead_letters_stored_total"),
    ),
    amounts(
        "Changes announced",
        "Changes of verdicts and alerts for the verdicts topic, by what became of them, and failed attempts. All 0 "
        "where the configuration names no such topic.",
        rise("result", "sentinel_announcements_total"),
        rise("instance", "sentinel_announcement_failures_total", "failed attempts, {{instance}}"),
    ),
    amounts(
        "Requests and responses that wait",
        "Halves of predictions that are logged as two messages. A number that grows means that one of the two is not "
        "logged, or lies in another partition; they become dead letters.",
        of_each("sentinel_halves_waiting"),
    ),
    amounts(
        "Partitions whose counts are judged",
        "Input partitions that the summaries topic tells each evaluator of. What is missing of the partitions of the "
        "topics is in no report.",
        of_each("sentinel_ledger_partitions", pick="max"),
    ),
)

PASSAGE: Final = (*_TAKEOVER, *_POSTS, *_PASSED_ON)
