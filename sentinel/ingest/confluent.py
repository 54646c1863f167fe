"""Predictions and outcomes from Kafka through confluent-kafka: the same promises, kept by librdkafka."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from kafka.structs import TopicPartition

from sentinel.clock import Clock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.errors import FatalError, SourceError
from sentinel.events.batch import EventBatch
from sentinel.events.codecs.messages import Role
from sentinel.events.codecs.protocol import Codec
from sentinel.ingest.confluent_client import connect, require_confluent, translate
from sentinel.ingest.confluent_damage import before_damage, look_at
from sentinel.ingest.confluent_offsets import limits_of, went_back
from sentinel.ingest.confluent_records import columns_by_place
from sentinel.ingest.copartition import check_counts
from sentinel.ingest.damages import Damages, passed_over, with_passed
from sentinel.ingest.kafka_assignment import Assignment
from sentinel.ingest.missed import MissedMessages
from sentinel.ingest.protocol import Changes, LogStart
from sentinel.ingest.records.columns import Columns
from sentinel.ingest.records.messages import batch_of
from sentinel.ingest.registry import RegistryUnavailableError
from sentinel.logs import get_logger

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message

log = get_logger(__name__)

_SLICE_SECONDS = 0.2  # a wait is cut into these, so that a new assignment and a close are acted upon at once
_FILL_SECONDS = 0.01  # what a batch that is not full may wait for more: small batches cost more an event
_RETRY_SECONDS = 1.0
_ASK_SECONDS = 5.0  # what a question to the brokers may take
_ASK_ON_SECONDS = 1.0  # and one that is asked while reading goes on


class ConfluentSource:
    """Reads both topics with one client; implements :class:`~sentinel.ingest.protocol.LogSource`.

    What :class:`~sentinel.ingest.kafka.KafkaSource` says of itself holds here. Two things are done differently. The
    callbacks of a rebalance run on the loop's own thread, inside :meth:`poll`. And the client fetches exactly the
    partitions that were started: what it is to fetch is told anew, with all positions, whenever that changes, so
    there is no seek that could meet a partition in a state that refuses it.

    Parameters
    ----------
    settings : sentinel.config.kafka.KafkaSource
    codec : Codec
    clock : Clock

    Raises
    ------
    FatalError
        If the client is not installed.
    """

    name = "kafka"

    def __init__(self, settings: KafkaSettings, codec: Codec, clock: Clock) -> None:
        require_confluent()
        self._settings = settings
        self._codec = codec
        self._clock = clock
        self._topics: tuple[tuple[str, Role], ...] = (
            (settings.topics.predictions, "prediction"),
            (settings.topics.outcomes, "outcome"),
        )
        self._consumer: Consumer | None = None
        self._assignment: Assignment | None = None
        self._started: set[int] = set()
        self._paused: set[int] = set()
        self._next: dict[TopicPartition, int] = {}
        self._until: dict[TopicPartition, int] = {}
        self._lag: dict[tuple[str, int], int] = {}
        self._wants_headers: bool = getattr(codec, "reads_headers", False)
        self._ends: dict[TopicPartition, int] = {}  # of the log, as far as they were met in this poll
        self._is_stale = False  # what is fetched is no longer what should be
        self._n_rebalances = 0
        self._next_attempt = -1.0
        self._error: KafkaError | None = None
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
            self._forget(partition)
            self._paused.discard(partition)
        return changes

    def start_at(self, partition: int, positions: Mapping[str, int], until: Mapping[str, int] | None = None) -> None:
        """Fetch both topics from there; one without a position begins where ``auto_offset_reset`` says."""
        if self._consumer is None or partition not in self.assigned():
            return
        self._forget(partition)
        for place in self._places(partition):
            if place.topic in positions:
                self._next[place] = positions[place.topic]
            if until is not None and place.topic in until:
                self._until[place] = until[place.topic]
        self._started.add(partition)
        self._is_stale = True

    def reached(self, partition: int) -> bool:
        """Compares positions, past what is never delivered."""
        if partition not in self._started & self.assigned():
            return False
        return all(self._is_at_end(place) for place in self._places(partition) if place in self._until)

    def offsets_at(self, partition: int, time_us: int) -> LogStart:
        """Asks the brokers."""
        from sentinel.ingest.confluent_offsets import offsets_at

        if self._consumer is None:
            raise SourceError("not connected yet")
        return offsets_at(self._consumer, self._places(partition), time_us, self._settings, _ASK_SECONDS)

    def poll(self, timeout_seconds: float) -> list[EventBatch]:
        """Wait for messages, or for a change of the assignment, and decode them."""
        deadline = self._clock.monotonic() + timeout_seconds
        try:
            if not self._closed.is_set() and self._ready():
                batches = self._decoded(self._fetch(deadline))
                passed, self._passed_over = self._passed_over, []
                return with_passed(batches, passed) if passed else batches
        except SourceError as error:
            self._counts["errors"] += 1
            self._next_attempt = self._clock.monotonic() + _RETRY_SECONDS
            if not isinstance(error, RegistryUnavailableError):  # which has said so, once
                log.warning("source_error", error=error)
        self._wait_until(min(deadline, self._next_attempt))
        return []

    def commit(self, positions: Mapping[int, Mapping[str, int]]) -> None:
        """Send the offsets to the group's coordinator and do not wait for the answer."""
        if self._consumer is None or self._closed.is_set():
            return
        from confluent_kafka import KafkaException
        from confluent_kafka import TopicPartition as Position

        owned = self.assigned()
        offsets = [
            Position(topic, partition, offset)
            for partition, by_topic in positions.items()
            if partition in owned
            for topic, offset in by_topic.items()
        ]
        if not offsets:
            return
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except (KafkaException, RuntimeError) as error:
            self._on_commit(error, offsets)

    def pause(self, partitions: Iterable[int]) -> None:
        """Fetch nothing more of these; what was fetched already is fetched again later."""
        held = self.assigned().intersection(partitions)
        self._paused |= held
        self._tell("pause", [place for partition in held for place in self._places(partition)])

    def resume(self, partitions: Iterable[int]) -> None:
        """Fetch these again."""
        released = self._paused.intersection(partitions)
        self._paused -= released
        places = [place for partition in released for place in self._places(partition)]
        self._tell("resume", [place for place in places if not self._is_at_end(place)])

    def lag(self) -> Mapping[tuple[str, int], int]:
        """As of the last poll; a partition that was not fetched yet is left out."""
        return self._lag

    def exhausted(self) -> bool:
        """Never: a topic has no end."""
        return False

    def statistics(self) -> Mapping[str, int]:
        """``messages``, ``errors``, ``commit_failures``, ``rebalances``, ``missed`` messages since the start."""
        n_rebalances = 0 if self._assignment is None else self._assignment.n_rebalances
        names = ("messages", "errors", "commit_failures")
        missed = self._missed.statistics(*(topic for topic, _ in self._topics))
        return {name: self._counts[name] for name in names} | {"rebalances": n_rebalances} | missed

    def close(self, timeout_seconds: float) -> None:
        """Leave the group (unless the member is static) when the last commits are answered, and disconnect."""
        if self._closed.is_set():
            return
        self._closed.set()
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        thread = threading.Thread(target=consumer.close, name="kafka-close", daemon=True)
        thread.start()
        thread.join(timeout_seconds)
        if thread.is_alive():
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
            self._consumer = connect(self._settings, self._on_error, self._on_commit)
            log.info("source_connected", servers=",".join(self._settings.bootstrap_servers), client="confluent-kafka")
        if not self._topics_exist(self._consumer):
            return False
        self._assignment = Assignment(_Nothing(), self._settings.topics)
        topics = [topic for topic, _ in self._topics]
        self._consumer.subscribe(topics, on_assign=self._on_assign, on_lost=self._on_lost)
        return True

    def _topics_exist(self, consumer: Consumer) -> bool:
        from confluent_kafka import KafkaException

        counts: dict[str, int] = {}
        for topic, _ in self._topics:
            try:
                found = consumer.list_topics(topic, timeout=_ASK_SECONDS).topics[topic]
            except KafkaException as error:
                consumer.poll(0)  # why it failed may be waiting there: a refused login
                self._is_stale = True  # and so may a message be
                raise self._meaning(self._error or error.args[0]) from error
            if found.error is not None and "AUTHORIZATION" in found.error.name():
                raise self._meaning(found.error)
            counts[topic] = len(found.partitions)
        return check_counts(counts)

    def _meaning(self, error: KafkaError) -> SourceError | FatalError:
        self._error = None
        return translate(error, self._settings, was_in=self._assignment is not None)

    # -- what the client calls, on the loop's thread and while it is polled

    def _on_assign(self, consumer: Consumer, assigned: Sequence[Any]) -> None:
        """A rebalance ended: fetch nothing, until the loop tells anew what of it, and from where."""
        self._is_stale = True
        consumer.assign([])
        if self._assignment is None:
            return
        before = self._assignment.owned
        self._assignment.on_partitions_assigned(assigned)
        self._started &= before & self._assignment.owned

    def _on_lost(self, _consumer: Consumer, lost: Sequence[Any]) -> None:
        if self._assignment is not None:
            self._assignment.on_partitions_lost(lost)
            self._started.clear()

    def _on_error(self, error: KafkaError) -> None:
        """Keep what a person has to know; that a broker is away is told by what does not come."""
        if isinstance(translate(error, self._settings, was_in=self._assignment is not None), FatalError):
            self._error = error
        else:
            log.info("kafka_client_error", error=f"{error.name()}: {error.str()}")

    def _on_commit(self, error: object, _offsets: object) -> None:
        if error is not None:
            self._counts["commit_failures"] += 1
            log.warning("commit_failed", error=error)

    # -- fetching

    def _fetch(self, deadline: float) -> Mapping[TopicPartition, Columns]:
        consumer, assignment = self._consumer, self._assignment
        if consumer is None or assignment is None:
            return {}
        if assignment.n_rebalances != self._n_rebalances:
            self._topics_exist(consumer)
            self._n_rebalances = assignment.n_rebalances
        self._missed.settle(self._clock.monotonic(), self._beginnings)
        while True:
            if self._error is not None:
                raise self._meaning(self._error)
            if self._is_stale:
                self._fetch_anew(consumer)
            left = max(0.0, deadline - self._clock.monotonic())
            found = self._consume(consumer, min(left, _SLICE_SECONDS))
            if found or self._passed_over or assignment.has_changes() or left <= 0.0 or self._closed.is_set():
                return columns_by_place(found, keys=self._wants_headers, headers=self._wants_headers)

    def _consume(self, consumer: Consumer, wait_seconds: float) -> list[Message]:
        """A full batch if it is there; else wait for a first message, and a moment for more."""
        from confluent_kafka import KafkaException

        n = self._settings.max_poll_records
        try:
            found = consumer.consume(n, 0.0) or consumer.consume(1, wait_seconds)
            if found and len(found) < n and not self._is_stale:
                found += consumer.consume(n - len(found), _FILL_SECONDS)
        except (KafkaException, RuntimeError) as error:
            self._is_stale = True  # what came and was not returned has to be fetched again
            raise SourceError(f"confluent-kafka: {error}") from error
        if self._is_stale:  # a rebalance in between: all that is still ours is fetched again
            self._ends.clear()
            return []
        return self._events(found)

    def _events(self, found: list[Message]) -> list[Message]:
        """Those that are events; of the others, take note of what they tell."""
        from confluent_kafka import KafkaError as Kinds
        from confluent_kafka import Message

        if {type(None)}.issuperset(map(type, map(Message.error, found))):
            return found
        kept, damaged = before_damage(found)
        for message in kept:
            error = message.error()
            if error is None:
                continue
            if error.code() == Kinds._PARTITION_EOF:
                place = TopicPartition(str(message.topic()), int(message.partition() or 0))
                self._ends[place] = int(message.offset() or 0)
            else:
                self._error = error
        for place, offset in damaged.items():
            self._meet_damage(place, offset, [TopicPartition(message.topic(), message.partition()) for message in kept])
        return [message for message in kept if message.error() is None]

    def _meet_damage(self, place: TopicPartition, offset: int, delivered: list[TopicPartition]) -> None:
        """Fetch again what cannot be read; at last, once all before it is delivered, go on behind it."""
        self._is_stale = True
        self._ends.pop(place, None)
        if place in delivered or place.partition not in self._started or self._consumer is None:
            return
        first = max(offset, self._next.get(place, offset))
        if not self._damages.is_lasting(place, first):
            self._counts["errors"] += 1
            log.warning("source_error", error=f"{place.topic}-{place.partition} at offset {first}: cannot be read")
            return
        damage = look_at(self._settings, place, first, self._clock)
        if damage is None:
            raise SourceError(
                f"librdkafka cannot read {place.topic}-{place.partition} at offset {first}; kafka-python can"
            )
        self._next[place] = stop = max(first + 1, min(damage.stop, limits_of(self._consumer, place, _ASK_SECONDS)[1]))
        behind = self._lag.get((self._settings.topics.outcomes, place.partition), 1) > 0
        self._passed_over.append(passed_over(damage, dict(self._topics)[place.topic], stop, outcomes_behind=behind))

    def _beginnings(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return {place: limits_of(self._consumer, place, _ASK_ON_SECONDS)[0] for place in places}

    def _fetch_anew(self, consumer: Consumer) -> None:
        """Tell the client all that it is to fetch."""
        from confluent_kafka import OFFSET_BEGINNING, KafkaException
        from confluent_kafka import TopicPartition as Position

        self._ends.clear()
        wanted = [
            place
            for partition in sorted(self._started & self.assigned())
            for place in self._places(partition)
            if not self._is_at_end(place)
        ]
        try:
            if self._settings.auto_offset_reset == "latest":
                self._next |= {
                    place: limits_of(consumer, place, _ASK_SECONDS)[1] for place in wanted if place not in self._next
                }
            starts = {place: self._next.get(place, OFFSET_BEGINNING) for place in wanted}
            consumer.assign([Position(place.topic, place.partition, start) for place, start in starts.items()])
            for verb, held in ((consumer.resume, False), (consumer.pause, True)):  # neither ends with an assignment
                verb([Position(*place) for place in wanted if (place.partition in self._paused) == held])
        except KafkaException as error:
            raise SourceError(f"confluent-kafka: {error}") from error
        self._is_stale = False

    # -- decoding

    def _decoded(self, fetched: Mapping[TopicPartition, Columns]) -> list[EventBatch]:
        """Decode all, or, while something that decoding needs is away, nothing: then all of it is fetched again."""
        try:
            return self._batches(fetched)
        except SourceError:
            for place, records in fetched.items():
                if place.partition in self._started and len(records):
                    self._next[place] = int(records.offsets[0])
            self._is_stale = True
            self._measure_lag()
            raise

    def _batches(self, fetched: Mapping[TopicPartition, Columns]) -> list[EventBatch]:
        by_partition: dict[int, dict[str, Columns]] = defaultdict(dict)
        for place, taken in fetched.items():
            if place.partition not in self._started:
                continue
            if went_back(self._consumer, place, self._next.get(place, 0), int(taken.offsets[0])):
                self._is_stale = True
                continue
            self._missed.note(place, self._next.get(place), int(taken.offsets[0]))
            records = self._cut(place, taken)
            if len(records):
                by_partition[place.partition][place.topic] = records
        for place, end in self._ends.items():
            if place.partition in self._started and self._next.get(place, end) <= end:
                self._missed.note(place, self._next.get(place), end)
                self._next[place] = end
        self._ends.clear()
        self._measure_lag()
        batches = [self._batch(partition, by_partition[partition]) for partition in sorted(by_partition)]
        self._counts["messages"] += sum(len(some) for topics in by_partition.values() for some in topics.values())
        return batches

    def _batch(self, partition: int, records: Mapping[str, Columns]) -> EventBatch:
        behind = self._lag.get((self._settings.topics.outcomes, partition), 1) > 0
        return batch_of(partition, self._topics, records, self._codec, self._clock, outcomes_behind=behind)

    def _cut(self, place: TopicPartition, records: Columns) -> Columns:
        """Go on behind these; of a topic that was told an end, deliver what is before it and fetch no more then."""
        self._next[place] = int(records.offsets[-1]) + 1
        if not self._is_at_end(place):
            return records
        self._next[place] = end = self._until[place]
        self._tell("pause", [place])
        return records.slice(0, int(np.searchsorted(records.offsets, end)))

    def _measure_lag(self) -> None:
        """Compare what was delivered with the ends that came along with the messages; asks nobody."""
        from confluent_kafka import TopicPartition as Position

        if self._consumer is None:
            return
        lag: dict[tuple[str, int], int] = {}
        for partition in self._started & self.assigned():
            for place in self._places(partition):
                position = self._next.get(place)
                known = self._consumer.get_watermark_offsets(Position(*place), cached=True)
                if position is not None and known[1] >= 0:
                    lag[place.topic, partition] = max(0, known[1] - position)
        self._lag = lag

    # -- small things

    def _places(self, partition: int) -> tuple[TopicPartition, TopicPartition]:
        topics = self._settings.topics
        return TopicPartition(topics.predictions, partition), TopicPartition(topics.outcomes, partition)

    def _is_at_end(self, place: TopicPartition) -> bool:
        """Whether a topic was told an end, and stands there or beyond."""
        return place in self._until and self._next.get(place, -1) >= self._until[place]

    def _forget(self, partition: int) -> None:
        self._started.discard(partition)
        for place in self._places(partition):
            self._next.pop(place, None)
            self._until.pop(place, None)
        self._passed_over = [batch for batch in self._passed_over if batch.partition != partition]

    def _tell(self, verb: Literal["pause", "resume"], places: Iterable[TopicPartition]) -> None:
        """Pause or resume what is being fetched; what is not yet will be told all of it together."""
        from confluent_kafka import KafkaException
        from confluent_kafka import TopicPartition as Position

        told = [Position(*place) for place in places if place.partition in self._started & self.assigned()]
        if self._consumer is None or self._is_stale or not told:
            return
        try:
            (self._consumer.pause if verb == "pause" else self._consumer.resume)(told)
        except KafkaException:  # it moved on meanwhile
            self._is_stale = True

    def _wait_until(self, moment: float) -> None:
        self._closed.wait(max(0.0, moment - self._clock.monotonic()))


class _Nothing:
    """In the place of a client that has to be told what not to deliver: this one fetches only what is started."""

    def pause(self, *places: object) -> None:
        """Nothing is being fetched."""
