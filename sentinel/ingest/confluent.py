"""Predictions and outcomes from Kafka through confluent-kafka: the same promises, kept by librdkafka."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from kafka.structs import TopicPartition

from sentinel.clock import Clock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.errors import FatalError, SourceError
from sentinel.events.batch import EventBatch
from sentinel.events.codecs.protocol import Codec
from sentinel.ingest.confluent_client import connect, require_confluent, translate
from sentinel.ingest.confluent_damage import before_damage, look_at
from sentinel.ingest.confluent_offsets import limits_of, offsets_at, went_back
from sentinel.ingest.confluent_records import columns_by_place
from sentinel.ingest.copartition import check_counts
from sentinel.ingest.kafka_assignment import Assignment
from sentinel.ingest.kafka_reading import Reading
from sentinel.ingest.protocol import Changes, LogStart
from sentinel.ingest.records.columns import Columns
from sentinel.ingest.registry import RegistryUnavailableError
from sentinel.logs import get_logger

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message

log = get_logger(__name__)

_STEP_SECONDS = 0.2  # a wait is cut into these, so that a new assignment and a close are acted upon at once
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
        self._clock = clock
        self._consumer: Consumer | None = None
        self._reading = Reading(settings.topics, codec, clock)
        self._wants_headers = codec.reads_headers
        self._ends: dict[TopicPartition, int] = {}  # of the log, as far as they were met in this poll
        self._is_stale = False  # what is fetched is no longer what should be
        self._n_rebalances = 0
        self._next_attempt = -1.0
        self._error: KafkaError | None = None
        self._closed = threading.Event()

    def assigned(self) -> frozenset[int]:
        """Partitions of which both topics are ours."""
        return self._reading.owned

    def take_changes(self) -> Changes:
        """What the rebalances since the last call changed."""
        return self._reading.take_changes()

    def start_at(self, partition: int, positions: Mapping[str, int], until: Mapping[str, int] | None = None) -> None:
        """Fetch both topics from there; one without a position begins where ``auto_offset_reset`` says."""
        if self._consumer is not None and partition in self.assigned():
            self._reading.start(partition, positions, until)
            self._is_stale = True

    def reached(self, partition: int) -> bool:
        """Compares positions, past what is never delivered."""
        return partition in self._reading.live and not self._reading.unfinished(partition)

    def offsets_at(self, partition: int, time_us: int) -> LogStart:
        """Asks the brokers."""
        if self._consumer is None:
            raise SourceError("not connected yet")
        places = self._reading.places(partition)
        return offsets_at(self._consumer, places, time_us, self._settings, self._clock, _ASK_SECONDS)

    def poll(self, timeout_seconds: float) -> list[EventBatch]:
        """Wait for messages, or for a change of the assignment, and decode them."""
        deadline = self._clock.monotonic() + timeout_seconds
        try:
            if not self._closed.is_set() and self._ready():
                return self._reading.with_passed_over(self._decoded(self._fetch(deadline)))
        except SourceError as error:
            self._reading.counts["errors"] += 1
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

        found = self._reading.committable(positions)
        offsets = [Position(place.topic, place.partition, offset) for place, offset in found.items()]
        if not offsets:
            return
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except (KafkaException, RuntimeError) as error:
            self._on_commit(error, offsets)

    def pause(self, partitions: Iterable[int]) -> None:
        """Fetch nothing more of these; what was fetched already is fetched again later."""
        held = self.assigned().intersection(partitions)
        self._reading.paused |= held
        self._tell("pause", [place for partition in held for place in self._reading.places(partition)])

    def resume(self, partitions: Iterable[int]) -> None:
        """Fetch these again."""
        released = self._reading.paused.intersection(partitions)
        self._reading.paused -= released
        self._tell("resume", [place for partition in released for place in self._reading.wanted(partition)])

    def lag(self) -> Mapping[tuple[str, int], int]:
        """As of the last poll; a partition that was not fetched yet is left out."""
        return self._reading.lag

    def exhausted(self) -> bool:
        """Never: a topic has no end."""
        return False

    def statistics(self) -> Mapping[str, int]:
        """``messages``, ``errors``, ``commit_failures``, ``rebalances``, ``missed`` messages since the start."""
        return self._reading.statistics()

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
        if self._reading.assignment is not None:
            return True
        if self._clock.monotonic() < self._next_attempt:
            return False
        self._next_attempt = self._clock.monotonic() + _RETRY_SECONDS
        if self._consumer is None:
            self._consumer = connect(self._settings, self._on_error, self._on_commit)
            log.info("source_connected", servers=",".join(self._settings.bootstrap_servers), client="confluent-kafka")
        if not self._topics_exist(self._consumer):
            return False
        self._reading.assignment = Assignment(_Nothing(), self._settings.topics)
        self._consumer.subscribe(list(self._reading.topics), on_assign=self._on_assign, on_lost=self._on_lost)
        return True

    def _topics_exist(self, consumer: Consumer) -> bool:
        from confluent_kafka import KafkaException

        counts: dict[str, int] = {}
        for topic in self._reading.topics:
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
        return self._translated(error)

    def _translated(self, error: KafkaError) -> SourceError | FatalError:
        return translate(error, self._settings, was_in=self._reading.assignment is not None)

    # -- what the client calls, on the loop's thread and while it is polled

    def _on_assign(self, consumer: Consumer, assigned: Sequence[Any]) -> None:
        """A rebalance ended: fetch nothing, until the loop tells anew what of it, and from where."""
        self._is_stale = True
        consumer.assign([])
        if self._reading.assignment is not None:
            before = self._reading.owned
            self._reading.assignment.on_partitions_assigned(assigned)
            self._reading.started &= before & self._reading.owned

    def _on_lost(self, _consumer: Consumer, lost: Sequence[Any]) -> None:
        if self._reading.assignment is not None:
            self._reading.assignment.on_partitions_lost(lost)
            self._reading.started.clear()

    def _on_error(self, error: KafkaError) -> None:
        """Keep what a person has to know; that a broker is away is told by what does not come."""
        if isinstance(self._translated(error), FatalError):
            self._error = error
        else:
            log.info("kafka_client_error", error=f"{error.name()}: {error.str()}")

    def _on_commit(self, error: object, _offsets: object) -> None:
        if error is not None:
            self._reading.counts["commit_failures"] += 1
            log.warning("commit_failed", error=error)

    # -- fetching

    def _fetch(self, deadline: float) -> Mapping[TopicPartition, Columns]:
        consumer, assignment = self._consumer, self._reading.assignment
        if consumer is None or assignment is None:
            return {}
        if assignment.n_rebalances != self._n_rebalances:
            self._topics_exist(consumer)
            self._n_rebalances = assignment.n_rebalances
        self._reading.missed.settle(self._clock.monotonic(), self._beginnings)
        while True:
            if self._error is not None:
                raise self._meaning(self._error)
            if self._is_stale:
                self._fetch_anew(consumer)
            left = max(0.0, deadline - self._clock.monotonic())
            found = self._consume(consumer, min(left, _STEP_SECONDS))
            is_over = left <= 0.0 or self._closed.is_set() or assignment.has_changes()
            if found or is_over or self._reading.has_passed_over:
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
        if place in delivered or place.partition not in self._reading.started or self._consumer is None:
            return
        first = max(offset, self._reading.next.get(place, offset))
        if not self._reading.is_lasting(place, first):
            self._reading.counts["errors"] += 1
            log.warning("source_error", error=f"{place.topic}-{place.partition} at offset {first}: cannot be read")
            return
        damage = look_at(self._settings, place, first, self._clock)
        if damage is None:
            raise SourceError(
                f"librdkafka cannot read {place.topic}-{place.partition} at offset {first}; kafka-python can"
            )
        _, end = limits_of(self._consumer, place, _ASK_SECONDS)
        self._reading.pass_over(damage, max(first + 1, min(damage.stop, end)))

    def _beginnings(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return {place: limits_of(self._consumer, place, _ASK_ON_SECONDS)[0] for place in places}

    def _fetch_anew(self, consumer: Consumer) -> None:
        """Tell the client all that it is to fetch."""
        from confluent_kafka import OFFSET_BEGINNING, KafkaException
        from confluent_kafka import TopicPartition as Position

        self._ends.clear()
        reading = self._reading
        wanted = [place for partition in sorted(reading.live) for place in reading.wanted(partition)]
        try:
            if self._settings.auto_offset_reset == "latest":
                new = [place for place in wanted if place not in reading.next]
                reading.next |= {place: limits_of(consumer, place, _ASK_SECONDS)[1] for place in new}
            starts = {place: reading.next.get(place, OFFSET_BEGINNING) for place in wanted}
            consumer.assign([Position(place.topic, place.partition, start) for place, start in starts.items()])
            for verb, held in ((consumer.resume, False), (consumer.pause, True)):  # neither ends with an assignment
                verb([Position(*place) for place in wanted if (place.partition in reading.paused) == held])
        except KafkaException as error:
            raise SourceError(f"confluent-kafka: {error}") from error
        self._is_stale = False

    # -- delivering

    def _decoded(self, fetched: Mapping[TopicPartition, Columns]) -> list[EventBatch]:
        """Decode all, or, while something that decoding needs is away, nothing: then all of it is fetched again."""
        going_on: Mapping[TopicPartition, Columns] = {}
        try:
            going_on = {place: records for place, records in fetched.items() if not self._went_back(place, records)}
            taken = self._reading.take(going_on)
            self._tell("pause", [place for place in going_on if self._reading.is_at_end(place)])
            self._pass_undelivered()
            self._measure_lag()
            return self._reading.decode(taken)
        except SourceError:
            self._reading.go_back(going_on)
            self._is_stale = True
            self._measure_lag()
            raise

    def _went_back(self, place: TopicPartition, records: Columns) -> bool:
        """Whether the client, led astray by a damaged batch, delivers again what it had delivered."""
        if place.partition not in self._reading.started:
            return False
        back = went_back(self._consumer, place, self._reading.next.get(place, 0), int(records.offsets[0]))
        self._is_stale |= back
        return back

    def _pass_undelivered(self) -> None:
        """Go on to the ends that were met: past markers of transactions and others that are never delivered."""
        reading = self._reading
        for place, end in self._ends.items():
            if place.partition in reading.started and reading.next.get(place, end) <= end:
                reading.missed.note(place, reading.next.get(place), end)
                reading.next[place] = end
        self._ends.clear()

    def _measure_lag(self) -> None:
        """Compare what was delivered with the ends that came along with the messages; asks nobody."""
        from confluent_kafka import TopicPartition as Position

        consumer, reading = self._consumer, self._reading
        if consumer is None:
            return
        places = [place for partition in reading.live for place in reading.places(partition) if place in reading.next]
        ends = {place: consumer.get_watermark_offsets(Position(*place), cached=True)[1] for place in places}
        reading.lag = {place: max(0, end - reading.next[place]) for place, end in ends.items() if end >= 0}

    # -- small things

    def _tell(self, verb: Literal["pause", "resume"], places: Iterable[TopicPartition]) -> None:
        """Pause or resume what is being fetched; what is not yet will be told all of it together."""
        from confluent_kafka import KafkaException
        from confluent_kafka import TopicPartition as Position

        told = [Position(*place) for place in places if place.partition in self._reading.live]
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
