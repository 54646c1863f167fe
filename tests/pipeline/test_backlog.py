"""Expiry while outcomes lag: nothing goes before its outcomes are read, and memory does not grow with the lag."""

from __future__ import annotations

from dataclasses import replace

from sentinel.events.batch import EventBatch
from sentinel.pipeline.backlog import MOST_MARKS, SLACK_US, OutcomeBacklog
from sentinel.pipeline.hold import NEVER
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from tests.pipeline import streams
from tests.support.join_oracle import Event, Happened, Predicted
from tests.support.layouts import HOUR_US, START_US

SECOND = 1_000_000
CHURN = streams.KEYS[0]


def _batch(predictions: int | None = None, outcomes: int | None = None, *, behind: bool = True) -> EventBatch:
    return EventBatch(0, {}, outcomes_behind=behind, predictions_logged_at=predictions, outcomes_logged_at=outcomes)


def test_what_is_caught_up_expires_at_the_watermark() -> None:
    """Without a backlog the watermark is the limit, with or without log times."""
    assert OutcomeBacklog().until(7, _batch(behind=False)) == 7


def test_a_lag_holds_expiry_where_the_outcomes_are() -> None:
    """A mark is let go when outcomes that were logged later than it, by more than clocks may differ, have been read."""
    backlog = OutcomeBacklog()
    assert backlog.until(10, _batch(predictions=100 * SECOND)) == NEVER
    assert backlog.until(20, _batch(predictions=200 * SECOND)) == NEVER
    assert backlog.until(20, _batch(outcomes=100 * SECOND + SLACK_US - 1)) == NEVER
    assert backlog.until(20, _batch(outcomes=100 * SECOND + SLACK_US)) == 10
    assert backlog.until(20, _batch(outcomes=250 * SECOND + SLACK_US)) == 20


def test_without_log_times_nothing_expires_behind() -> None:
    """A log that carries no times tells nothing of what is unread, so all waits until it is read."""
    backlog = OutcomeBacklog()
    assert [backlog.until(n, _batch()) for n in range(3)] == [NEVER] * 3
    assert backlog.until(3, _batch(behind=False)) == 3
    assert backlog.until(9, _batch()) == 3


def test_a_log_time_that_steps_back_lets_nothing_go_early() -> None:
    """A later mark with an earlier stamp (another producer's clock) goes with the one before it, not before."""
    backlog = OutcomeBacklog()
    backlog.until(10, _batch(predictions=300 * SECOND))
    backlog.until(20, _batch(predictions=100 * SECOND))
    assert backlog.until(20, _batch(outcomes=200 * SECOND + SLACK_US)) == NEVER
    assert backlog.until(20, _batch(outcomes=300 * SECOND + SLACK_US)) == 20


def test_a_long_lag_is_kept_coarser_and_never_early() -> None:
    """Ten times as many marks as are kept: none is let go before its time, and the last one is still exact."""
    backlog = OutcomeBacklog()
    n = 10 * MOST_MARKS
    for i in range(n):
        backlog.until(i, _batch(predictions=i * SECOND))
    for i in range(0, n, 997):
        assert backlog.until(n, _batch(outcomes=i * SECOND + SLACK_US)) <= i
    assert backlog.until(n, _batch(outcomes=n * SECOND + SLACK_US)) == n - 1


def test_a_partition_that_never_catches_up_holds_a_window_and_counts_the_same() -> None:
    """Outcomes thirty hours behind for ever: what is held is the horizon and the lag, and the counts are those in step.

    One prediction an hour, its outcome three hours on: held are at most the ten hours it may wait, thirty of lag, the
    hour that is read, and one of slack.
    """
    n, lag = 400, 30
    predicted = [Predicted(CHURN, i, START_US + i * HOUR_US, i) for i in range(n)]
    happened = [Happened("churn", i, START_US + (i + 3) * HOUR_US, i % 2) for i in range(n)]
    in_step = MemoryJoinStore(streams.ROW_BYTES)
    straight = PartitionPipeline(0, in_step, streams.PLANS)
    for batch in streams.batches(
        [[*predicted[i : i + 1], *happened[max(i - 3, 0) : max(i - 2, 0)]] for i in range(n + 3)]
    ):
        straight.process(batch)
    store = MemoryJoinStore(streams.ROW_BYTES)
    late = PartitionPipeline(0, store, streams.PLANS)
    parts: list[list[Event]] = [
        [*predicted[i : i + 1], *happened[max(i - lag, 0) : max(i - lag + 1, 0)]] for i in range(n + lag)
    ]
    most = 0
    for i, batch in enumerate(streams.batches(parts)):
        seen = replace(
            batch,
            outcomes_behind=i < n + lag - 1,
            predictions_logged_at=START_US + i * HOUR_US if i < n else None,
            outcomes_logged_at=START_US + (i - lag + 3) * HOUR_US if i >= lag else None,
        )
        late.process(seen)
        most = max(most, len(store))
    assert late.publish()[CHURN].total() == straight.publish()[CHURN].total()
    assert late.tally.events == straight.tally.events
    assert most <= 10 + lag + 2
