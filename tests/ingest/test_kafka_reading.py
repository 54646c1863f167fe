"""Where reading stands: ends that are told, going back, what is forgotten; no client and no broker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from kafka.structs import TopicPartition

from sentinel.clock import ManualClock
from sentinel.config.kafka import Topics
from sentinel.errors import SourceError
from sentinel.events.codecs.decoded import Decoded
from sentinel.events.codecs.messages import Messages
from sentinel.ingest.kafka_assignment import Assignment
from sentinel.ingest.kafka_reading import Reading
from sentinel.ingest.protocol import Changes
from sentinel.ingest.records.columns import Columns
from sentinel.ingest.records.damage import DamagedBatchError
from tests.ingest.logs import codec, prediction

TOPICS = Topics(predictions="scores", outcomes="results")
SCORES, RESULTS = TopicPartition("scores", 0), TopicPartition("results", 0)


class _Client:
    def pause(self, *places: object) -> None:
        """As a client does."""


class _Away:
    """A codec whose registry does not answer."""

    reads_headers = False

    def decode(self, messages: Messages) -> Decoded:
        """Nothing is known of these messages yet."""
        raise SourceError(f"nobody knows the schema of {messages.topic}")


def columns(offsets: Sequence[int]) -> Columns:
    """Predictions at these offsets."""
    n = len(offsets)
    return Columns(np.array(offsets, np.int64), np.zeros(n, np.int64), [prediction(at) for at in offsets], [], [])


def reading(partitions: Sequence[int] = (0,)) -> Reading:
    """One whose partitions are assigned and not started."""
    found = Reading(TOPICS, codec(), ManualClock())
    found.assignment = Assignment(_Client(), TOPICS)
    found.assignment.on_partitions_assigned([place for number in partitions for place in found.places(number)])
    assert found.take_changes() == Changes(gained=frozenset(partitions))
    return found


def test_nothing_is_owned_before_there_is_a_group() -> None:
    """Without an assignment there are no partitions and no changes."""
    found = Reading(TOPICS, codec(), ManualClock())
    assert (found.owned, found.live, found.take_changes()) == (frozenset(), set(), Changes())
    assert found.statistics()["rebalances"] == 0


def test_messages_go_on_behind_the_last_one() -> None:
    """What was taken is delivered, and the next offset is that after it, gaps of compaction included."""
    found = reading()
    found.start(0, {"scores": 3}, None)
    taken = found.take({SCORES: columns([3, 4, 8])})
    (batch,) = found.decode(taken)
    assert found.next == {SCORES: 9}
    assert batch.positions == {"scores": 9}
    assert found.statistics()["messages"] == 3


def test_a_partition_that_was_not_started_delivers_nothing() -> None:
    """What a client fetched too early moves no position."""
    found = reading()
    assert found.take({SCORES: columns([0, 1])}) == {}
    assert found.next == {}


def test_nothing_beyond_an_end_is_delivered() -> None:
    """At its end a place stands exactly there, wherever the messages before it ended, and is wanted no more."""
    found = reading()
    found.start(0, {"scores": 0}, {"scores": 5})
    assert found.unfinished(0) == [SCORES]
    taken = found.take({SCORES: columns([0, 1, 2, 6, 7])})
    assert taken[SCORES].offsets.tolist() == [0, 1, 2]
    assert found.next[SCORES] == 5
    assert (found.unfinished(0), found.wanted(0)) == ([], [RESULTS])
    assert found.take({SCORES: columns([5, 6])}) == {}
    assert found.next[SCORES] == 5


def test_a_place_that_begins_at_its_end_or_beyond_is_there() -> None:
    """An end that lies behind the start is reached; one of which no position is known is not."""
    found = reading()
    found.start(0, {"scores": 7}, {"scores": 5, "results": 0})
    assert found.wanted(0) == found.unfinished(0) == [RESULTS]


def test_an_empty_fetch_moves_nothing() -> None:
    """A fetch that held no more than markers is none, even where an end was told."""
    found = reading()
    found.start(0, {"scores": 1}, {"scores": 2})
    assert found.take({SCORES: columns([])}) == {}
    assert found.next == {SCORES: 1}


def test_a_new_start_forgets_the_end() -> None:
    """An end holds until the next start."""
    found = reading()
    found.start(0, {"scores": 0}, {"scores": 2})
    found.take({SCORES: columns([0, 1])})
    found.start(0, {"scores": 2}, None)
    assert found.wanted(0) == [SCORES, RESULTS]


def test_what_could_not_be_decoded_comes_again() -> None:
    """While the registry is away nothing is delivered, and going back stands before all that was fetched."""
    found = Reading(TOPICS, _Away(), ManualClock())
    found.start(0, {"scores": 4}, {"scores": 6})
    fetched = {SCORES: columns([4, 5, 6]), TopicPartition("scores", 1): columns([0])}
    with pytest.raises(SourceError):
        found.decode(found.take(fetched))
    assert found.go_back(fetched) == [SCORES]
    assert found.next == {SCORES: 4}
    assert found.statistics()["messages"] == 0


def test_a_partition_that_goes_is_forgotten() -> None:
    """Positions, ends, the pause and letters of a partition that a rebalance took do not return with it."""
    found = reading((0, 1))
    found.start(0, {"scores": 3}, {"scores": 9})
    found.paused.add(0)
    found.pass_over(DamagedBatchError(SCORES, 3, 5, "torn"), 5)
    if found.assignment is not None:
        found.assignment.on_partitions_assigned(found.places(1))
    assert found.take_changes() == Changes(revoked=frozenset({0}))
    assert (found.next, found.started, found.paused, found.wanted(0)) == ({}, set(), set(), [SCORES, RESULTS])
    assert found.with_passed_over([]) == []


def test_outcomes_are_behind_until_the_lag_says_otherwise() -> None:
    """What is not known counts as unread."""
    found = reading()
    assert found.outcomes_behind(0)
    found.lag = {RESULTS: 0}
    assert not found.outcomes_behind(0)


def test_what_is_passed_over_is_delivered_once() -> None:
    """A dead letter stands for the damaged batch, and reading goes on behind it."""
    found = reading()
    found.start(0, {"scores": 3}, None)
    found.pass_over(DamagedBatchError(SCORES, 3, 5, "torn"), 5)
    assert found.has_passed_over
    (batch,) = found.with_passed_over([])
    assert batch.positions == {"scores": 5}
    assert found.next == {SCORES: 5}
    assert found.with_passed_over([]) == []


def test_only_partitions_that_are_ours_are_committed() -> None:
    """Positions of others are left out."""
    found = reading()
    assert found.committable({0: {"scores": 3, "results": 1}, 1: {"scores": 9}}) == {SCORES: 3, RESULTS: 1}


def test_a_gap_before_what_came_is_noted() -> None:
    """Where the log begins beyond the position, the difference is missed once the brokers have said so."""
    found = reading()
    found.start(0, {"scores": 2}, None)
    found.take({SCORES: columns([6])})
    found.missed.settle(1.0, lambda places: dict.fromkeys(places, 6))
    assert found.statistics()["missed_predictions"] == 4
