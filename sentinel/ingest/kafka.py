"""Predictions and outcomes from Kafka, as one member of a consumer group."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from sentinel.clock import Clock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.errors import SentinelError, SourceError
from sentinel.events.batch import EventBatch
from sentinel.events.codecs.messages import Role
from sentinel.events.codecs.protocol import Codec
from sentinel.ingest.copartition import check_counts
from sentinel.ingest.damages import Damages, passed_over
from sentinel.ingest.kafka_access import NotAllowedError
from sentinel.ingest.kafka_assignment import Assignment
from sentinel.ingest.kafka_client import close_within, connect, translate
from sentinel.ingest.kafka_mends import mend
from sentinel.ingest.missed import MissedMessages
from sentinel.ingest.protocol import Changes, LogStart
from sentinel.ingest.records.columns import Columns
from sentinel.ingest.records.damage import DamagedBatchError
from sentinel.ingest.records.hook import columns_of, read_columns
from sentinel.ingest.records.messages import batch_of
from sentinel.ingest.registry import RegistryUnavailableError
from sentinel.logs import get_logger

log = get_logger(__name__)

T = TypeVar("T")

_SLICE_SECONDS = 0.2  # a poll of the client is cut into these, so that a new assignment is acted upon at once
_RETRY_SECONDS = 1.0  # between attempts to connect, to find the topics, and after an error
CONTACT_SECONDS = 10.0
"""Without a message for so long, the broker is asked whether it is there."""
_CLOSE_LOOK_SECONDS = 1.0  # between questions that cost the client some work
_ASK_MS = 5_000  # what a question about offsets may take
_ASK_ON_MS = 1_000  # and one that is asked while reading goes on
_COMMIT_WAIT_SECONDS = 1.0  # what a last commit may take of the time to close


class KafkaSource:
    """Reads both topics with one client; implements :class:`~sentinel.ingest.protocol.Source`.

    Nothing is connected before the first :meth:`poll`, and no broker that is away, no topic that is missing and no
    error of the client ends the loop: they are logged and counted, and the next poll tries again. Raised is what
    trying again cannot mend: a refused login, missing rights, topics whose partitions cannot be joined.

    Positions come from the local checkpoint alone; the offsets committed to Kafka are for the operator's tools.
    A position that the broker no longer holds (retention passed it by) continues at the earliest message there is, and
    what was missed is counted. A batch that cannot be read is fetched again, and then passed over as a dead letter.

    Parameters
    ----------
    settings : sentinel.config.kafka.KafkaSource
    codec : Codec
    clock : Clock
        Tells when a message was received where the topic carries no timestamps.
    """

    name = "kafka"

    def __init__(self, settings: KafkaSettings, codec: Codec, clock: Clock) -> None:
        self._settings = settings
        self._codec = codec
        self._clock = clock
        self._topics: tuple[tuple[str, Role], ...] = (
            (settings.topics.predictions, "prediction"),
            (settings.topics.outcomes, "outcome"),
        )
        self._consumer: KafkaConsumer | None = None
        self._assignment: Assignment | None = None
        self._started: set[int] = set()
        self._paused: set[int] = set()
        self._next: dict[tuple[str, int], int] = {}
        self._until: dict[tuple[str, int], int] = {}
        self._lag: dict[tuple[str, int], int] = {}
        self._n_rebalances = 0
        self._next_close_look = self._next_contact = 0.0
        self._wants_headers = codec.reads_headers
        self._reads_columns = False
        self._next_attempt = -1.0
        self._committed: Any = None
        self._missed, self._damages = MissedMessages(), Damages()
        self._passed_over: list[EventBatch] = []
        self._closed = threading.Event()
        self._counts: Counter[str] = Counter()

    def assigned(self) -> frozenset[int]:
        """Partitions of which both topics are ours."""
        return frozenset() if self._assignment is None else self._assignment.owned

    def take_changes(self) -> Changes:
        """What the rebalances since the last call changed."""
        if self._assignment is None:
            return Changes()
        changes = self._assignment.take_changes()
        for partition in changes.gained | changes.revoked | changes.lost:
            self._started.discard(partition)
            self._paused.discard(partition)
            for topic, _ in self._topics:
                self._next.pop((topic, partition), None)
                self._until.pop((topic, partition), None)
        return changes

    def start_at(self, partition: int, positions: Mapping[str, int], until: Mapping[str, int] | None = None) -> None:
        """Seek both topics; one without a position begins where ``auto_offset_reset`` says."""
        if self._consumer is None or partition not in self.assigned():
            return
        for topic, _ in self._topics:
            self._until.pop((topic, partition), None)
        self._until.update({(topic, partition): offset for topic, offset in (until or {}).items()})
        for topic, _ in self._topics:
            pair = TopicPartition(topic, partition)
            if topic in positions:
                self._consumer.seek(pair, positions[topic])
                self._next[topic, partition] = positions[topic]
                continue
            self._next.pop((topic, partition), None)
            if self._settings.auto_offset_reset == "latest":
                self._consumer.seek_to_end(pair)
            else:
                self._consumer.seek_to_beginning(pair)
        self._started.add(partition)
        self._consumer.pause(*self._pair(partition))
        if partition not in self._paused:
            self._consumer.resume(*self._wanted(partition))

    def reached(self, partition: int) -> bool:
        """Compares positions, past what is never delivered."""
        if partition not in self._started & self.assigned():
            return False
        return all(self._stands(pair) >= end for pair, end in self._ends(partition).items())

    def offsets_at(self, partition: int, time_us: int) -> LogStart:
        """Asks the brokers."""
        consumer = self._consumer
        if consumer is None:
            raise SourceError("not connected yet")
        pairs = self._pair(partition)
        wanted = {pair: max(0, time_us // 1_000) for pair in pairs}
        found = self._asked(partial(consumer.offsets_for_times, wanted, _ASK_MS))
        first = self._asked(partial(consumer.beginning_offsets, pairs, _ASK_MS))
        last = self._asked(partial(consumer.end_offsets, pairs, _ASK_MS))
        positions, missing_us = {}, 0
        for pair in pairs:
            met = found.get(pair)
            positions[pair.topic] = start = last[pair] if met is None else met.offset
            if 0 < first[pair] == start:  # whatever was before is gone
                earliest_us = self._clock.now_us() if met is None else met.timestamp * 1_000
                missing_us = max(missing_us, earliest_us - time_us)
        return LogStart(positions, missing_us)

    def poll(self, timeout_seconds: float) -> list[EventBatch]:
        """Wait for messages, or for a change of the assignment, and decode them."""
        deadline = self._clock.monotonic() + timeout_seconds
        try:
            if self._closed.is_set() or not self._ready():
                self._wait_until(min(deadline, self._next_attempt))
                return []
            fetched = self._fetch(deadline)
            passed, self._passed_over = self._passed_over, []
            return passed or self._decoded(fetched)
        except SourceError as error:
            self._counts["errors"] += 1
            self._next_attempt = self._clock.monotonic() + _RETRY_SECONDS
            if not isinstance(error, RegistryUnavailableError):  # which has said so, once
                self._tell(error)
        self._wait_until(min(deadline, self._next_attempt))
        return []

    def commit(self, positions: Mapping[int, Mapping[str, int]]) -> None:
        """Send the offsets to the group's coordinator and do not wait for the answer."""
        if self._consumer is None or self._closed.is_set():
            return
        owned = self.assigned()
        offsets = {
            TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
            for partition, by_topic in positions.items()
            if partition in owned
            for topic, offset in by_topic.items()
        }
        if not offsets:
            return
        try:
            self._committed = self._consumer.commit_async(offsets, self._on_committed)
        except (KafkaError, OSError, RuntimeError) as error:
            self._on_committed(offsets, error)

    def pause(self, partitions: Iterable[int]) -> None:
        """Fetch nothing more of these; what was fetched already is kept for later."""
        for partition in self.assigned().intersection(partitions):
            self._paused.add(partition)
            if self._consumer is not None:
                self._consumer.pause(*self._pair(partition))

    def resume(self, partitions: Iterable[int]) -> None:
        """Fetch these again."""
        for partition in self._paused.intersection(partitions):
            self._paused.discard(partition)
            if self._consumer is not None and partition in self._started & self.assigned():
                self._consumer.resume(*self._wanted(partition))

    def lag(self) -> Mapping[tuple[str, int], int]:
        """As of the last poll; a partition that was not fetched yet is left out."""
        return self._lag

    def exhausted(self) -> bool:
        """Never: a topic has no end."""
        return False

    def statistics(self) -> Mapping[str, int]:
        """``messages``, ``errors``, ``commit_failures``, ``rebalances``, ``missed`` messages since the start.

        ``columnar_reader`` is 1 while messages are read as columns, 0 where the client's own reader has to do it.
        """
        n_rebalances = 0 if self._assignment is None else self._assignment.n_rebalances
        names = ("messages", "errors", "commit_failures")
        return {name: self._counts[name] for name in names} | {
            "rebalances": n_rebalances,
            "columnar_reader": int(self._reads_columns),
            **self._missed.statistics(*(topic for topic, _ in self._topics)),
        }

    def close(self, timeout_seconds: float) -> None:
        """Wait shortly for the last commit, leave the group (unless the member is static), and disconnect."""
        if self._closed.is_set():
            return
        self._closed.set()
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        deadline = self._clock.monotonic() + timeout_seconds
        if self._committed is not None:
            done = threading.Event()
            self._committed.add_both(lambda _: done.set())
            done.wait(min(_COMMIT_WAIT_SECONDS, timeout_seconds / 2))
        if not close_within(consumer, max(0.0, deadline - self._clock.monotonic())):
            log.warning("source_close_unfinished", timeout_seconds=timeout_seconds)
        log.info("source_closed", source=self.name)

    # -- connecting

    def _ready(self) -> bool:
        """Whether there is a group to read as; connects, looks for the topics and joins where that is due."""
        if self._assignment is not None:
            return True
        if self._clock.monotonic() < self._next_attempt:
            return False
        self._next_attempt = self._clock.monotonic() + _RETRY_SECONDS
        if self._consumer is None:
            self._consumer = connect(self._settings)
            self._reads_columns = read_columns(self._consumer, keys=self._wants_headers, headers=self._wants_headers)
            log.info("source_connected", servers=",".join(self._settings.bootstrap_servers))
        if not self._asked(self._topics_exist):
            return False
        self._assignment = Assignment(self._consumer, self._settings.topics)
        self._consumer.subscribe([topic for topic, _ in self._topics], listener=self._assignment)
        return True

    def _topics_exist(self) -> bool:
        """Look for both topics, each with the same number of partitions.

        Raises
        ------
        FatalError
            If the numbers differ: a prediction and its outcome would then be read by different members.
        """
        consumer = self._consumer
        if consumer is None:
            return False
        counts = {topic: len(consumer.partitions_for_topic(topic)) for topic, _ in self._topics}
        return check_counts(counts)

    def _fetch(self, deadline: float) -> Mapping[TopicPartition, Columns]:
        consumer, assignment = self._consumer, self._assignment
        if consumer is None or assignment is None:
            return {}
        if assignment.n_rebalances != self._n_rebalances:  # before the poll: what it fetched must not be dropped
            self._asked(self._topics_exist)
            self._n_rebalances = assignment.n_rebalances
        self._missed.settle(
            self._clock.monotonic(),
            lambda pairs: self._asked(partial(consumer.beginning_offsets, pairs, _ASK_ON_MS)),
        )
        while True:
            left = max(0.0, deadline - self._clock.monotonic())
            wait_ms = round(min(left, _SLICE_SECONDS) * 1_000)
            mend(consumer)
            fetched = self._polled(consumer, wait_ms)
            self._see_that_it_answers(consumer, came=bool(fetched))
            if fetched or self._passed_over or assignment.has_changes() or left <= 0.0 or self._closed.is_set():
                wanted = self._wants_headers
                return {pair: columns_of(taken, keys=wanted, headers=wanted) for pair, taken in fetched.items()}

    def _see_that_it_answers(self, consumer: KafkaConsumer, *, came: bool) -> None:
        """Ask something while nothing comes for long: a poll says the same of a quiet topic and of a lost broker."""
        now = self._clock.monotonic()
        if came or self._next_contact == 0.0 or not self._started:
            self._next_contact = now + CONTACT_SECONDS
        elif now >= self._next_contact:
            self._next_contact = now + CONTACT_SECONDS
            pair = TopicPartition(self._settings.topics.predictions, min(self._started))
            self._asked(partial(consumer.end_offsets, [pair], _ASK_ON_MS))

    def _polled(self, consumer: KafkaConsumer, wait_ms: int) -> Mapping[TopicPartition, Sequence[Any]]:
        try:
            fetched: Mapping[TopicPartition, Sequence[Any]] = self._asked(partial(consumer.poll, wait_ms))
        except SourceError as error:
            damage = error.__cause__
            if not isinstance(damage, DamagedBatchError) or not self._damages.is_lasting(damage.place, damage.first):
                raise
            self._pass_over(consumer, damage)
            return {}
        return fetched

    def _pass_over(self, consumer: KafkaConsumer, damage: DamagedBatchError) -> None:
        """Go on behind what cannot be read, though not beyond the end of the log."""
        pair = damage.place
        if pair.partition not in self._started:
            return
        stop = max(damage.first + 1, min(damage.stop, consumer.highwater(pair) or damage.stop))
        consumer.seek(pair, stop)
        self._next[pair.topic, pair.partition] = stop
        behind = self._lag.get((self._settings.topics.outcomes, pair.partition), 1) > 0
        role = dict(self._topics)[pair.topic]
        self._passed_over.append(passed_over(damage, role, stop, outcomes_behind=behind))

    def _asked(self, question: Callable[[], T]) -> T:
        """Ask something of the client; whatever it raises is a SourceError or, if a person has to act, a FatalError."""
        try:
            return question()
        except SentinelError:
            raise
        except Exception as error:
            # The client lets more out than its own errors, and none of it may end the loop.
            raise translate(error, self._settings) from error

    # -- decoding

    def _decoded(self, fetched: Mapping[TopicPartition, Columns]) -> list[EventBatch]:
        """Decode all, or, while something that decoding needs is away, nothing: then all of it is fetched again."""
        try:
            return self._batches(fetched)
        except SourceError:
            self._go_back(fetched)
            raise

    def _go_back(self, fetched: Mapping[TopicPartition, Columns]) -> None:
        """Stand before what was fetched, as if it had not been."""
        for pair, records in fetched.items():
            if self._consumer is None or pair.partition not in self._started or not len(records):
                continue
            first = int(records.offsets[0])
            self._consumer.seek(pair, first)
            self._next[pair.topic, pair.partition] = first
            if pair.partition not in self._paused:  # it may have been stopped at its end
                self._consumer.resume(pair)
        self._measure_lag({})

    def _batches(self, fetched: Mapping[TopicPartition, Columns]) -> list[EventBatch]:
        by_partition: dict[int, dict[str, Columns]] = defaultdict(dict)
        for pair, taken in fetched.items():
            if pair.partition in self._started and len(taken):
                self._missed.note(pair, self._next.get((pair.topic, pair.partition)), int(taken.offsets[0]))
            records = self._cut(pair, taken)
            if pair.partition in self._started and len(records):
                by_partition[pair.partition][pair.topic] = records
                self._next[pair.topic, pair.partition] = int(records.offsets[-1]) + 1
        self._measure_lag(fetched)
        batches = [self._batch(partition, by_partition[partition]) for partition in sorted(by_partition)]
        self._counts["messages"] += sum(len(some) for topics in by_partition.values() for some in topics.values())
        return batches

    def _batch(self, partition: int, records: Mapping[str, Columns]) -> EventBatch:
        behind = self._lag.get((self._settings.topics.outcomes, partition), 1) > 0
        return batch_of(partition, self._topics, records, self._codec, self._clock, outcomes_behind=behind)

    def _measure_lag(self, fetched: Mapping[TopicPartition, Columns]) -> None:
        """Compare what was delivered with the ends that came along with the messages; asks nobody."""
        consumer = self._consumer
        if consumer is None:
            return
        now = self._clock.monotonic()
        look_closely = not fetched or now >= self._next_close_look
        if look_closely:
            self._next_close_look = now + _CLOSE_LOOK_SECONDS
        lag: dict[tuple[str, int], int] = {}
        for partition in self._started & self.assigned():
            for pair in self._pair(partition):
                end = consumer.highwater(pair)
                position = self._next.get((pair.topic, partition))
                if look_closely and end is not None and pair not in fetched and (position is None or position < end):
                    position = self._passed(consumer, pair, position)
                if end is not None and position is not None:
                    lag[pair.topic, partition] = max(0, end - position)
        self._lag = lag

    def _passed(self, consumer: KafkaConsumer, pair: TopicPartition, position: int | None) -> int | None:
        """Where the client stands: past markers of transactions and other messages that are never delivered."""
        if pair.partition in self._paused:
            return position
        try:
            stands: int | None = consumer.position(pair, timeout_ms=0)
        except KafkaError:
            return position
        if stands is not None:
            self._missed.note(pair, position, stands)
            self._next[pair.topic, pair.partition] = stands
        return stands

    # -- where reading ends

    def _cut(self, pair: TopicPartition, records: Columns) -> Columns:
        """What lies before the topic's end, if it was told one; and read no further once it is reached."""
        end = self._until.get((pair.topic, pair.partition))
        if end is None or self._consumer is None or int(records.offsets[-1]) + 1 < end:
            return records
        self._consumer.pause(pair)
        self._consumer.seek(pair, end)
        before = records.slice(0, int(np.searchsorted(records.offsets, end)))
        if pair.partition in self._started and not len(before):
            self._next[pair.topic, pair.partition] = end
        return before

    def _ends(self, partition: int) -> dict[TopicPartition, int]:
        """Where the topics of a partition end that were told to."""
        return {
            pair: self._until[pair.topic, partition]
            for pair in self._pair(partition)
            if (pair.topic, partition) in self._until
        }

    def _stands(self, pair: TopicPartition) -> int:
        known = self._next.get((pair.topic, pair.partition))
        end = self._until[pair.topic, pair.partition]
        if self._consumer is not None and (known is None or known < end):
            known = self._passed(self._consumer, pair, known)
        return -1 if known is None else known

    def _wanted(self, partition: int) -> list[TopicPartition]:
        """Topics of a partition that do not stand at their end."""
        ends = self._ends(partition)
        return [
            pair
            for pair in self._pair(partition)
            if pair not in ends or self._next.get((pair.topic, partition), -1) < ends[pair]
        ]

    # -- small things

    def _tell(self, error: SourceError) -> None:
        if isinstance(error, NotAllowedError):
            log.error("source_not_allowed", error=error)
        else:
            log.warning("source_error", error=error)

    def _pair(self, partition: int) -> tuple[TopicPartition, TopicPartition]:
        topics = self._settings.topics
        return TopicPartition(topics.predictions, partition), TopicPartition(topics.outcomes, partition)

    def _on_committed(self, _offsets: object, answer: object) -> None:
        if isinstance(answer, Exception):
            self._counts["commit_failures"] += 1
            log.warning("commit_failed", error=answer)

    def _wait_until(self, moment: float) -> None:
        self._closed.wait(max(0.0, moment - self._clock.monotonic()))
