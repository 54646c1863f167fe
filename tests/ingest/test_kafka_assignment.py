"""What the rebalance callbacks are turned into, without a broker."""

from __future__ import annotations

from kafka import TopicPartition

from sentinel.config.kafka import Topics
from sentinel.ingest.kafka_assignment import Assignment
from sentinel.ingest.protocol import Changes

TOPICS = Topics(predictions="p", outcomes="o")


class PausedPairs:
    """Stands for the client: remembers what was paused."""

    def __init__(self) -> None:
        self.paused: list[TopicPartition] = []

    def pause(self, *pairs: TopicPartition) -> None:
        """Take note."""
        self.paused += pairs


def _pairs(*partitions: int) -> list[TopicPartition]:
    return [TopicPartition(topic, partition) for topic in "po" for partition in partitions]


def _assignment(*first: int) -> tuple[Assignment, PausedPairs]:
    client = PausedPairs()
    assignment = Assignment(client, TOPICS)
    assignment.on_partitions_assigned(_pairs(*first))
    return assignment, client


def test_what_is_new_is_paused_and_gained() -> None:
    """New pairs are kept from delivering until the loop has said from where; they are reported once."""
    assignment, client = _assignment(0, 1)
    assert sorted(client.paused) == sorted(_pairs(0, 1))
    assert assignment.take_changes() == Changes(gained=frozenset({0, 1}))
    assert assignment.take_changes() == Changes()


def test_what_stays_is_neither_paused_nor_changed() -> None:
    """After an eager rebalance only the difference counts, and what stays goes on delivering."""
    assignment, client = _assignment(0, 1)
    assignment.take_changes()
    client.paused.clear()
    assignment.on_partitions_revoked(_pairs(0, 1))
    assignment.on_partitions_assigned(_pairs(1, 2))
    assert sorted(client.paused) == sorted(_pairs(2))
    assert assignment.take_changes() == Changes(gained=frozenset({2}), revoked=frozenset({0}))


def test_lost_and_returned_is_both() -> None:
    """A partition that was lost and came back is discarded first and opened again."""
    assignment, _ = _assignment(0, 1)
    assignment.take_changes()
    assignment.on_partitions_lost(_pairs(0, 1))
    assert assignment.owned == frozenset()
    assignment.on_partitions_assigned(_pairs(0))
    assert assignment.take_changes() == Changes(gained=frozenset({0}), lost=frozenset({0, 1}))


def test_revoked_and_returned_is_both() -> None:
    """Two rebalances between two questions: somebody else had the partition for a while."""
    assignment, _ = _assignment(0)
    assignment.take_changes()
    assignment.on_partitions_assigned([])
    assignment.on_partitions_assigned(_pairs(0))
    assert assignment.take_changes() == Changes(gained=frozenset({0}), revoked=frozenset({0}))


def test_what_the_loop_never_had_is_not_taken_from_it() -> None:
    """Gained and gone again before the loop asked: there is nothing to checkpoint and nothing to discard."""
    assignment, _ = _assignment(0, 1)
    assignment.on_partitions_assigned(_pairs(1))
    assignment.on_partitions_lost(_pairs(1))
    assert assignment.take_changes() == Changes()


def test_half_a_pair_is_not_owned() -> None:
    """A partition of one topic alone is paused and not offered to the loop."""
    client = PausedPairs()
    assignment = Assignment(client, TOPICS)
    assignment.on_partitions_assigned([*_pairs(0), TopicPartition("p", 1)])
    assert assignment.owned == frozenset({0})
    assert TopicPartition("p", 1) in client.paused
