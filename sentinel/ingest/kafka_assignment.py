"""Which pairs of partitions this member of the group owns, as the client's rebalance callbacks tell."""

from __future__ import annotations

import threading
from collections.abc import Collection

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition

from sentinel.config.kafka import Topics
from sentinel.ingest.protocol import Changes


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """Records what the group gives and takes; the loop asks for it between polls.

    The callbacks run on the client's IO thread while the loop waits in ``poll``, so they must not block: they write
    down sets under a lock and pause what is new, so that nothing of it is delivered from wherever the group's
    offsets point. The protocol is the eager one: each rebalance first revokes everything, and only the assignment
    that follows says what really went. Between the two nothing is delivered and nobody else reads, so the first
    callback has nothing to do. A member that misses that assignment is thrown out of the group, and told by
    ``on_partitions_lost``.
    """

    def __init__(self, consumer: KafkaConsumer, topics: Topics) -> None:
        self._consumer = consumer
        self._topics = topics
        self._lock = threading.Lock()
        self._owned: frozenset[int] = frozenset()
        self._gained: set[int] = set()
        self._revoked: set[int] = set()
        self._lost: set[int] = set()
        self._n_rebalances = 0

    @property
    def owned(self) -> frozenset[int]:
        """Partitions of which both topics are ours."""
        return self._owned

    @property
    def n_rebalances(self) -> int:
        """Assignments received since the start."""
        return self._n_rebalances

    def take_changes(self) -> Changes:
        """What changed since the last call."""
        with self._lock:
            changes = Changes(frozenset(self._gained), frozenset(self._revoked), frozenset(self._lost))
            self._gained, self._revoked, self._lost = set(), set(), set()
        return changes

    def has_changes(self) -> bool:
        """Whether the loop has something to act upon."""
        return bool(self._gained or self._revoked or self._lost)

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """A rebalance begins (eager: everything is named), or the client closes."""

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """A rebalance ended: this is all that is ours now."""
        predictions = {tp.partition for tp in assigned if tp.topic == self._topics.predictions}
        outcomes = {tp.partition for tp in assigned if tp.topic == self._topics.outcomes}
        owned = frozenset(predictions & outcomes)
        self._consumer.pause(*(tp for tp in assigned if tp.partition not in owned & self._owned))
        with self._lock:
            gone = self._owned - owned
            # Gained and gone again before the loop took note: it never had it.
            self._revoked |= gone - self._gained
            self._gained = (self._gained - gone) | (owned - self._owned)
            self._owned = owned
            self._n_rebalances += 1

    def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:  # noqa: ARG002
        """We were silent for too long and thrown out: all that was ours is somebody else's by now."""
        with self._lock:
            self._lost |= self._owned - self._gained
            self._gained = set()
            self._owned = frozenset()
