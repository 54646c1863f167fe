"""What a collector reads, sets aside, keeps waiting and makes durable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.events.batch import Reason
from sentinel.exposition.family import Family, at_zero, instant, of_rows, one
from sentinel.exposition.metric import Metric
from sentinel.exposition.statistics import DaemonStatistics
from sentinel.pipeline.backfills import KIND as BACKFILL
from sentinel.pipeline.tally import (
    ACCEPTED,
    CORRECTED,
    DEAD_LETTER,
    DUPLICATE,
    EMPTY,
    JOINED,
    LATE,
    ORPHANED,
    STALE,
)

OF: Final = "collectors"


EVENTS = Metric(
    "sentinel_events_total",
    "counter",
    "Events that this process read since it started and made durable, by kind and what became of them; refused ones "
    "are result dead_letter.",
    ("kind", "result"),
)
DEAD_LETTERS = Metric(
    "sentinel_dead_letters_total",
    "counter",
    "Events that this process refused since it started, by what was wrong with them.",
    ("reason",),
)
DEAD_LETTERS_STORED = Metric(
    "sentinel_dead_letters_stored_total",
    "counter",
    "Refused events by the place that they are set aside in (file, topic) and whether they were written or dropped.",
    ("place", "result"),
)
JOIN_PENDING = Metric(
    "sentinel_join_pending", "gauge", "Predictions and outcomes that wait for each other.", ("partition",)
)
HALVES_WAITING = Metric(
    "sentinel_halves_waiting",
    "gauge",
    "Requests and responses, logged as messages of their own, that wait for each other.",
    ("partition",),
)
CONSUMER_LAG = Metric(
    "sentinel_consumer_lag_messages",
    "gauge",
    "Messages between what was read and the last known end of the partition.",
    ("topic", "partition"),
)
MESSAGES_MISSED = Metric(
    "sentinel_messages_missed_total",
    "counter",
    "Messages that were deleted from the topic, by retention or by hand, before this process read them.",
    ("topic",),
)
CATCH_UP = Metric(
    "sentinel_catch_up_seconds",
    "gauge",
    "Time until what waits in the input has been read, at the rates of the last two minutes. Absent while they are not "
    "known, and where the lag does not shrink.",
)
PARTITIONS_ASSIGNED = Metric("sentinel_partitions_assigned", "gauge", "Input partitions that this process reads.")
STORE_ROWS = Metric("sentinel_store_rows", "gauge", "Rows in the join stores of this process.")
STORE_BYTES = Metric("sentinel_store_bytes", "gauge", "Bytes that the join stores of this process take on disk.")
CHECKPOINT_LAST_SUCCESS = Metric(
    "sentinel_checkpoint_last_success_timestamp_seconds", "gauge", "When counts and offsets were last made durable."
)
CHECKPOINT_FAILURES = Metric(
    "sentinel_checkpoint_failures_total", "counter", "Attempts to make counts and offsets durable that failed."
)

_RESULTS: Final = {
    "prediction": (ACCEPTED, DEAD_LETTER),
    "outcome": (JOINED, CORRECTED, DUPLICATE, LATE, ORPHANED, STALE, DEAD_LETTER),
    BACKFILL: (JOINED, DUPLICATE, EMPTY, ORPHANED, STALE, DEAD_LETTER),
}


def read(s: DaemonStatistics) -> Iterator[Family]:
    """Of the partitions that this process reads."""
    known = [(kind, result) for kind, results in _RESULTS.items() for result in results]
    yield of_rows(EVENTS, dict.fromkeys(known, 0) | dict(s.events))
    yield of_rows(DEAD_LETTERS, at_zero(Reason, s.dead_letters))
    yield of_rows(DEAD_LETTERS_STORED, {(*key,): n for key, n in s.dead_letters_stored.items()})
    yield of_rows(JOIN_PENDING, {(partition,): n for partition, n in s.join_pending.items()})
    yield of_rows(HALVES_WAITING, {(partition,): n for partition, n in s.halves_waiting.items()})
    yield of_rows(CONSUMER_LAG, {(*key,): n for key, n in s.lag.items()})
    yield of_rows(MESSAGES_MISSED, {(topic,): n for topic, n in s.missed.items()})
    yield one(CATCH_UP, s.catch_up_seconds)
    yield one(PARTITIONS_ASSIGNED, s.partitions_assigned)
    yield one(STORE_ROWS, s.store_rows)
    yield one(STORE_BYTES, s.store_bytes)
    yield instant(CHECKPOINT_LAST_SUCCESS, s.checkpoint_success_us)
    yield one(CHECKPOINT_FAILURES, s.checkpoint_failures)
