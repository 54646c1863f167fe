"""Predictions and outcomes from Kafka, as one member of a consumer group."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from sentinel.clock import Clock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.errors import FatalError, SentinelError, SourceError
from sentinel.events.batch import EventBatch
from sentinel.events.codecs.json import JsonCodec, assemble
from sentinel.events.codecs.messages import Messages, Role
from sentinel.ingest.kafka_assignment import Assignment
from sentinel.ingest.kafka_client import close_within, connect, translate
from sentinel.ingest.kafka_mends import mend
from sentinel.ingest.protocol import Changes
from sentinel.logs import get_logger

log = get_logger(__name__)

T = TypeVar("T")

_SLICE_SECONDS = 0.2  # a poll of the client is cut into these, so that a new assignment is acted upon at once
_RETRY_SECONDS = 1.0  # between attempts to connect, to find the topics, and after an error
_CLOSE_LOOK_SECONDS = 1.0  # between questions that cost the client some work
_COMMIT_WAIT_SECONDS = 1.0  # what a last commit may take of the time to close


class KafkaSource:
    """Reads both topics with one client; implements :class:`~sentinel.ingest.protocol.Source`.

    Nothing is connected before the first :meth:`poll`, and no broker that is away, no topic that is missing and no
    error of the client ends the loop: they are logged and counted, and the next poll tries again. Raised is what
    trying again cannot mend: a refused login, missing rights, topics whose partitions cannot be joined.

    Positions come from the local checkpoint alone; the offsets committed to Kafka are for the operator's tools.
    A position that the broker no longer holds (retention passed it by) continues at the earliest message there is.

    Parameters
    ----------
    settings : sentinel.config.kafka.KafkaSource
    codec : JsonCodec
    clock : Clock
        Tells when a message was received where the topic carries no timestamps.
    """

    name = "kafka"

    def __init__(self, settings: KafkaSettings, codec: JsonCodec, clock: Clock) -> None:
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
        self._lag: dict[tuple[str, int], int] = {}
        self._n_rebalances = 0
        self._next_close_look = 0.0
        self._next_attempt = -1.0
        self._committed: Any = None
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
        return changes

    def start_at(self, partition: int, positions: Mapping[str, int]) -> None:
        """Seek both topics; one without a position begins where ``auto_offset_reset`` says."""
        if self._consumer is None or partition not in self.assigned():
            return
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
        if partition not in self._paused:
            self._consumer.resume(*self._pair(partition))

    def poll(self, timeout_seconds: float) -> list[EventBatch]:
        """Wait for messages, or for a change of the assignment, and decode them."""
        deadline = self._clock.monotonic() + timeout_seconds
        try:
            if self._closed.is_set() or not self._ready():
                self._wait_until(min(deadline, self._next_attempt))
                return []
            return self._batches(self._fetch(deadline))
        except SourceError as error:
            self._counts["errors"] += 1
            self._next_attempt = self._clock.monotonic() + _RETRY_SECONDS
            log.warning("source_error", error=error)
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
                self._consumer.resume(*self._pair(partition))

    def lag(self) -> Mapping[tuple[str, int], int]:
        """As of the last poll; a partition that was not fetched yet is left out."""
        return self._lag

    def exhausted(self) -> bool:
        """Never: a topic has no end."""
        return False

    def statistics(self) -> Mapping[str, int]:
        """``messages``, ``errors``, ``commit_failures``, ``rebalances`` since the start."""
        n_rebalances = 0 if self._assignment is None else self._assignment.n_rebalances
        names = ("messages", "errors", "commit_failures")
        return {name: self._counts[name] for name in names} | {"rebalances": n_rebalances}

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
        missing = [topic for topic, count in counts.items() if count == 0]
        if missing:
            log.warning(
                "topics_missing",
                topics=",".join(missing),
                hint="create them, or let this user see them; waiting until they are there",
            )
            return False
        (predictions, n_predictions), (outcomes, n_outcomes) = counts.items()
        if n_predictions != n_outcomes:
            raise FatalError(
                f"topic {predictions} has {n_predictions} partitions and {outcomes} has {n_outcomes}: a prediction "
                "meets its outcome only where both have the same number and the same key. Give the smaller one more "
                "partitions (kafka-topics.sh --alter --partitions), or write to new topics of equal numbers; both "
                "keyed by prediction_id"
            )
        return True

    def _fetch(self, deadline: float) -> Mapping[TopicPartition, Sequence[Any]]:
        consumer, assignment = self._consumer, self._assignment
        if consumer is None or assignment is None:
            return {}
        if assignment.n_rebalances != self._n_rebalances:  # before the poll: what it fetched must not be dropped
            self._asked(self._topics_exist)
            self._n_rebalances = assignment.n_rebalances
        while True:
            left = max(0.0, deadline - self._clock.monotonic())
            wait_ms = round(min(left, _SLICE_SECONDS) * 1_000)
            mend(consumer)
            fetched: Mapping[TopicPartition, Sequence[Any]] = self._asked(partial(consumer.poll, wait_ms))
            if fetched or assignment.has_changes() or left <= 0.0 or self._closed.is_set():
                return fetched

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

    def _batches(self, fetched: Mapping[TopicPartition, Sequence[Any]]) -> list[EventBatch]:
        by_partition: dict[int, dict[str, Sequence[Any]]] = defaultdict(dict)
        for pair, records in fetched.items():
            if pair.partition in self._started:
                by_partition[pair.partition][pair.topic] = records
                self._next[pair.topic, pair.partition] = records[-1].offset + 1
                self._counts["messages"] += len(records)
        self._measure_lag(fetched)
        return [self._batch(partition, by_partition[partition]) for partition in sorted(by_partition)]

    def _batch(self, partition: int, records: Mapping[str, Sequence[Any]]) -> EventBatch:
        runs = [
            self._codec.decode(self._messages(topic, partition, role, records[topic]))
            for topic, role in self._topics
            if topic in records
        ]
        positions = {topic: some[-1].offset + 1 for topic, some in records.items()}
        behind = self._lag.get((self._settings.topics.outcomes, partition), 1) > 0
        return assemble(partition, positions, runs, outcomes_behind=behind)

    def _messages(self, topic: str, partition: int, role: Role, records: Sequence[Any]) -> Messages:
        stamps = [record.timestamp for record in records]
        if None in stamps or min(stamps) < 0:  # a topic without timestamps
            now_ms = self._clock.now_us() // 1_000
            stamps = [now_ms if stamp is None or stamp < 0 else stamp for stamp in stamps]
        return Messages(
            topic=topic,
            partition=partition,
            role=role,
            offsets=[record.offset for record in records],
            payloads=[record.value for record in records],
            received_at=[stamp * 1_000 for stamp in stamps],
        )

    def _measure_lag(self, fetched: Mapping[TopicPartition, Sequence[Any]]) -> None:
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
            self._next[pair.topic, pair.partition] = stands
        return stands

    # -- small things

    def _pair(self, partition: int) -> tuple[TopicPartition, TopicPartition]:
        topics = self._settings.topics
        return TopicPartition(topics.predictions, partition), TopicPartition(topics.outcomes, partition)

    def _on_committed(self, _offsets: object, answer: object) -> None:
        if isinstance(answer, Exception):
            self._counts["commit_failures"] += 1
            log.warning("commit_failed", error=answer)

    def _wait_until(self, moment: float) -> None:
        self._closed.wait(max(0.0, moment - self._clock.monotonic()))
