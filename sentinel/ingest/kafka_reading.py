"""Where the reading of both topics stands, partition by partition: what both Kafka sources keep."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy as np
from kafka.structs import TopicPartition

from sentinel.clock import Clock
from sentinel.config.kafka import Topics
from sentinel.events.batch import EventBatch
from sentinel.events.codecs.messages import Role
from sentinel.events.codecs.protocol import Codec
from sentinel.ingest.damages import Damages, passed_over, with_passed
from sentinel.ingest.kafka_assignment import Assignment
from sentinel.ingest.missed import MissedMessages
from sentinel.ingest.protocol import Changes
from sentinel.ingest.records.columns import Columns
from sentinel.ingest.records.damage import DamagedBatchError
from sentinel.ingest.records.messages import batch_of


class Reading:
    """The part of a Kafka source that asks no broker. One thread, the loop, calls all of it.

    A *place* is one partition of one topic; a partition has two.

    Parameters
    ----------
    topics : Topics
    codec : Codec
    clock : Clock
        Stamps messages of topics that carry no timestamps.

    Attributes
    ----------
    assignment : Assignment or None
        Of the group; None before there is one.
    started, paused : set of int
        Partitions of which the loop has said where to begin, and that it holds back.
    next : dict of place to offset
        What is delivered next. A place without one begins where the configuration says.
    lag : mapping of (topic, partition) to messages
        As last measured; replaced whole, so any thread may read it.
    """

    def __init__(self, topics: Topics, codec: Codec, clock: Clock) -> None:
        self._codec = codec
        self._clock = clock
        self._roles: tuple[tuple[str, Role], ...] = (
            (topics.predictions, "prediction"),
            (topics.outcomes, "outcome"),
        )
        self.topics = (topics.predictions, topics.outcomes)
        self.assignment: Assignment | None = None
        self.started: set[int] = set()
        self.paused: set[int] = set()
        self.next: dict[TopicPartition, int] = {}
        self.lag: Mapping[tuple[str, int], int] = {}
        self.missed = MissedMessages()
        self.counts: Counter[str] = Counter()
        self._until: dict[TopicPartition, int] = {}
        self._damages = Damages()
        self._passed_over: list[EventBatch] = []

    # -- partitions

    @property
    def owned(self) -> frozenset[int]:
        """Partitions of which both topics are ours."""
        return frozenset() if self.assignment is None else self.assignment.owned

    @property
    def live(self) -> set[int]:
        """Those that were started and are still ours."""
        return self.started & self.owned

    def take_changes(self) -> Changes:
        """What the rebalances since the last call changed; what was known of these partitions is forgotten."""
        if self.assignment is None:
            return Changes()
        changes = self.assignment.take_changes()
        for partition in changes.gained | changes.revoked | changes.lost:
            self._forget(partition)
            self.paused.discard(partition)
        return changes

    def start(self, partition: int, positions: Mapping[str, int], until: Mapping[str, int] | None) -> None:
        """Deliver a partition from these positions on, up to the ends that it is told; as `LogSource.start_at`."""
        self._forget(partition)
        for place in self.places(partition):
            if place.topic in positions:
                self.next[place] = positions[place.topic]
            if until is not None and place.topic in until:
                self._until[place] = until[place.topic]
        self.started.add(partition)

    def places(self, partition: int) -> tuple[TopicPartition, TopicPartition]:
        """The two places of a partition, that of the predictions first."""
        predictions, outcomes = self.topics
        return TopicPartition(predictions, partition), TopicPartition(outcomes, partition)

    def wanted(self, partition: int) -> list[TopicPartition]:
        """The places of a partition of which more is to be delivered, now or ever."""
        return [place for place in self.places(partition) if not self.is_at_end(place)]

    def unfinished(self, partition: int) -> list[TopicPartition]:
        """The places of a partition that were told an end and stand before it."""
        return [place for place in self.wanted(partition) if place in self._until]

    def is_at_end(self, place: TopicPartition) -> bool:
        """Whether a place was told an end, and stands there or beyond."""
        return place in self._until and self.next.get(place, -1) >= self._until[place]

    def outcomes_behind(self, partition: int) -> bool:
        """Whether outcomes of a partition may still be unread."""
        return self.lag.get((self.topics[1], partition), 1) > 0

    # -- messages

    def take(self, fetched: Mapping[TopicPartition, Columns]) -> dict[TopicPartition, Columns]:
        """Go on behind what was fetched, and note what is missing before it.

        Parameters
        ----------
        fetched : mapping of place to Columns

        Returns
        -------
        dict of place to Columns
            What is to be delivered: nothing of partitions that were not started, nothing beyond an end.
        """
        taken = {}
        for place, records in fetched.items():
            if place.partition not in self.started or not len(records):
                continue
            self.missed.note(place, self.next.get(place), int(records.offsets[0]))
            self.next[place] = int(records.offsets[-1]) + 1
            due = len(records)
            if self.is_at_end(place):
                self.next[place] = end = self._until[place]
                due = int(np.searchsorted(records.offsets, end))
            if due:
                taken[place] = records if due == len(records) else records.slice(0, due)
        return taken

    def decode(self, taken: Mapping[TopicPartition, Columns]) -> list[EventBatch]:
        """One batch a partition, in ascending order, of what :meth:`take` returned.

        Raises
        ------
        SourceError
            If something that decoding needs is away: then :meth:`go_back`.
        """
        by_partition: dict[int, dict[str, Columns]] = defaultdict(dict)
        for place, records in taken.items():
            by_partition[place.partition][place.topic] = records
        batches = [self._batch(partition, by_partition[partition]) for partition in sorted(by_partition)]
        self.counts["messages"] += sum(map(len, taken.values()))
        return batches

    def go_back(self, fetched: Mapping[TopicPartition, Columns]) -> list[TopicPartition]:
        """Stand before what was fetched, as if it had not been; returns the places that it was of."""
        places = [place for place, records in fetched.items() if place.partition in self.started and len(records)]
        self.next |= {place: int(fetched[place].offsets[0]) for place in places}
        return places

    def is_lasting(self, place: TopicPartition, first: int) -> bool:
        """Note that a batch cannot be read; whether it was tried often enough to go on without it."""
        return self._damages.is_lasting(place, first)

    def pass_over(self, damage: DamagedBatchError, stop: int) -> None:
        """Go on at ``stop``; a dead letter stands for what is not read."""
        place = damage.place
        self.next[place] = stop
        behind = self.outcomes_behind(place.partition)
        self._passed_over.append(passed_over(damage, dict(self._roles)[place.topic], stop, outcomes_behind=behind))

    @property
    def has_passed_over(self) -> bool:
        """Whether a dead letter of a damaged batch waits to be delivered."""
        return bool(self._passed_over)

    def with_passed_over(self, batches: list[EventBatch]) -> list[EventBatch]:
        """These batches, and what was passed over since the last call."""
        passed, self._passed_over = self._passed_over, []
        return with_passed(batches, passed) if passed else batches

    # -- for others

    def committable(self, positions: Mapping[int, Mapping[str, int]]) -> dict[TopicPartition, int]:
        """Positions of the partitions that are ours, by place."""
        return {
            TopicPartition(topic, partition): offset
            for partition in sorted(self.owned.intersection(positions))
            for topic, offset in positions[partition].items()
        }

    def statistics(self) -> dict[str, int]:
        """``messages``, ``errors``, ``commit_failures``, ``rebalances``, ``missed`` messages since the start."""
        counts = {name: self.counts[name] for name in ("messages", "errors", "commit_failures")}
        n_rebalances = 0 if self.assignment is None else self.assignment.n_rebalances
        return counts | {"rebalances": n_rebalances} | self.missed.statistics(*self.topics)

    def _batch(self, partition: int, records: Mapping[str, Columns]) -> EventBatch:
        behind = self.outcomes_behind(partition)
        return batch_of(partition, self._roles, records, self._codec, self._clock, outcomes_behind=behind)

    def _forget(self, partition: int) -> None:
        self.started.discard(partition)
        for place in self.places(partition):
            self.next.pop(place, None)
            self._until.pop(place, None)
        self._passed_over = [batch for batch in self._passed_over if batch.partition != partition]
