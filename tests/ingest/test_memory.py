"""The queue in this process."""

from __future__ import annotations

import threading

from sentinel.ingest.memory import MemorySource
from tests.ingest.logs import NOW_US, WAIT_SECONDS, Delivery, codec, key_of, outcome, prediction, turn

KEY = b"id-1"
RECEIVED_AT = NOW_US + 10**9


def _publish(source: MemorySource, number: int, timeout_seconds: float = 0.0) -> bool:
    key = f"id-{number}".encode()
    return source.publish("prediction", key, prediction(number), RECEIVED_AT, timeout_seconds=timeout_seconds)


def test_a_full_queue_pushes_back_until_it_is_read() -> None:
    """At capacity nothing more is taken; a publisher that waits goes on when the loop has read."""
    source = MemorySource(codec(), capacity=2)
    assert _publish(source, 1)
    assert _publish(source, 2)
    assert not _publish(source, 3)
    answers: list[bool] = []
    publisher = threading.Thread(target=lambda: answers.append(_publish(source, 3, WAIT_SECONDS)))
    publisher.start()
    delivery = Delivery()
    turn(source, delivery)
    publisher.join(WAIT_SECONDS)
    turn(source, delivery)
    assert answers == [True]
    assert delivery.predictions == [key_of(1), key_of(2), key_of(3)]


def test_a_prediction_meets_its_outcome_in_one_partition() -> None:
    """Messages of one key go to one partition, whatever their role, and keys spread over all."""
    source = MemorySource(codec(), n_partitions=4)
    for number in range(40):
        key = f"id-{number}".encode()
        assert source.publish("prediction", key, prediction(number), RECEIVED_AT)
        assert source.publish("outcome", key, outcome(number), RECEIVED_AT)
    delivery = Delivery()
    turn(source, delivery)
    assert [batch.partition for batch in delivery.batches] == [0, 1, 2, 3]
    for batch in delivery.batches:
        assert Delivery([batch]).predictions == Delivery([batch]).outcomes


def test_exhausted_only_once_ended_and_read() -> None:
    """The source is exhausted when its publisher has promised the end and the loop has read everything."""
    source = MemorySource(codec())
    delivery = Delivery()
    assert _publish(source, 1)
    source.end()
    assert not source.exhausted()
    assert not _publish(source, 2)
    turn(source, delivery)
    assert source.exhausted()


def test_committed_messages_are_forgotten_and_others_kept() -> None:
    """Going back reaches as far as the last commit."""
    source = MemorySource(codec(), max_messages=1)
    assert _publish(source, 1)
    assert _publish(source, 2)
    delivery = Delivery()
    turn(source, delivery)
    source.commit(delivery.positions)
    turn(source, delivery)
    source.start_at(0, {})
    again = Delivery()
    turn(source, again)
    assert again.predictions == [key_of(2)]


def test_outcomes_are_behind_while_some_wait() -> None:
    """A batch says that outcomes are unread as long as its partition holds more."""
    source = MemorySource(codec(), max_messages=1)
    for number in range(2):
        assert source.publish("outcome", KEY, outcome(number), RECEIVED_AT)
    delivery = Delivery()
    turn(source, delivery)
    turn(source, delivery)
    assert [batch.outcomes_behind for batch in delivery.batches] == [True, False]


def test_closing_turns_writers_away() -> None:
    """A publisher that waits for room is let go when the source closes."""
    source = MemorySource(codec(), capacity=1)
    assert _publish(source, 1)
    answers: list[bool] = []
    publisher = threading.Thread(target=lambda: answers.append(_publish(source, 2, WAIT_SECONDS)))
    publisher.start()
    source.close(1.0)
    publisher.join(WAIT_SECONDS)
    assert answers == [False]
