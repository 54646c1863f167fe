"""Predictions and outcomes from Kafka, as one member of a consumer group."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from sentinel.clock import Clock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.errors import SentinelError, SourceError
from sentinel.events.batch import EventBatch
from sentinel.events.codecs.protocol import Codec
from sentinel.ingest.copartition import check_counts
from sentinel.ingest.kafka_access import NotAllowedError
from sentinel.ingest.kafka_assignment import Assignment
from sentinel.ingest.kafka_client import CLIENT_ERRORS, close_within, connect, translate
from sentinel.ingest.kafka_mends import mend
from sentinel.ingest.kafka_reading import Reading
from sentinel.ingest.protocol import Changes, LogStart
from sentinel.ingest.records.columns import Columns
from sentinel.ingest.records.damage import DamagedBatchError
from sentinel.ingest.records.hook import columns_of, read_columns
from sentinel.ingest.registry import RegistryUnavailableError
from sentinel.logs import get_logger

log = get_logger(__name__)

T = TypeVar("T")

_STEP_SECONDS = 0.2  # a poll of the client is cut into these, so that a new assignment is acted upon at once
_RETRY_SECONDS = 1.0  # between attempts to connect, to find the topics, and after an error
CONTACT_SECONDS = 10.0
"""Without a message for so long, the broker is asked whether it is there."""
_CLOSE_LOOK_SECONDS = 1.0  # between questions that cost the client some work
_ASK_MS = 5_000  # what a question about offsets may take
_ASK_ON_MS = 1_000  # and one that is asked while reading goes on
_COMMIT_WAIT_SECONDS = 1.0  # what a last commit may take of the time to close


class KafkaSource:
    """Reads both topics with one client; implements :class:`~sentinel.ingest.protocol.LogSource`.

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
        self._clock = clock
        self._consumer: KafkaConsumer | None = None
        self._reading = Reading(settings.topics, codec, clock)
        self._wants_headers = codec.reads_headers
        self._reads_columns = False
        self._n_rebalances = 0
        self._next_close_look = self._next_contact = 0.0
        self._next_attempt = -1.0
        self._committed: Any = None
        self._closed = threading.Event()

    def assigned(self) -> frozenset[int]:
        """Partitions of which both topics are ours."""
        return self._reading.owned

    def take_changes(self) -> Changes:
        """What the rebalances since the last call changed."""
        return self._reading.take_changes()

    def start_at(self, partition: int, positions: Mapping[str, int], until: Mapping[str, int] | None = None) -> None:
        """Seek both topics; one without a position begins where ``auto_offset_reset`` says."""
        if self._consumer is None or partition not in self.assigned():
            return
        self._reading.start(partition, positions, until)
        is_latest = self._settings.auto_offset_reset == "latest"
        seek_anew = self._consumer.seek_to_end if is_latest else self._consumer.seek_to_beginning
        places = self._reading.places(partition)
        for place in places:
            position = self._reading.next.get(place)
            if position is None:
                seek_anew(place)
            else:
                self._consumer.seek(place, position)
        self._consumer.pause(*places)
        if partition not in self._reading.paused:
            self._consumer.resume(*self._reading.wanted(partition))

    def reached(self, partition: int) -> bool:
        """Compares positions, past what is never delivered."""
        if partition not in self._reading.live:
            return False
        for place in self._reading.unfinished(partition):
            self._pass_undelivered(place)
        return not self._reading.unfinished(partition)

    def offsets_at(self, partition: int, time_us: int) -> LogStart:
        """Asks the brokers."""
        consumer = self._consumer
        if consumer is None:
            raise SourceError("not connected yet")
        places = self._reading.places(partition)
        wanted = {place: max(0, time_us // 1_000) for place in places}
        found = self._asked(partial(consumer.offsets_for_times, wanted, _ASK_MS))
        first = self._asked(partial(consumer.beginning_offsets, places, _ASK_MS))
        last = self._asked(partial(consumer.end_offsets, places, _ASK_MS))
        positions, missing_us = {}, 0
        for place in places:
            met = found.get(place)
            positions[place.topic] = start = last[place] if met is None else met.offset
            if 0 < first[place] == start:  # whatever was before is gone
                earliest_us = self._clock.now_us() if met is None else met.timestamp * 1_000
                missing_us = max(missing_us, earliest_us - time_us)
        return LogStart(positions, missing_us)

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
                self._tell(error)
        self._wait_until(min(deadline, self._next_attempt))
        return []

    def commit(self, positions: Mapping[int, Mapping[str, int]]) -> None:
        """Send the offsets to the group's coordinator and do not wait for the answer."""
        if self._consumer is None or self._closed.is_set():
            return
        found = self._reading.committable(positions)
        if not found:
            return
        offsets = {place: OffsetAndMetadata(offset, "", -1) for place, offset in found.items()}
        try:
            self._committed = self._consumer.commit_async(offsets, self._on_committed)
        except CLIENT_ERRORS as error:
            self._on_committed(offsets, error)

    def pause(self, partitions: Iterable[int]) -> None:
        """Fetch nothing more of these; what was fetched already is kept for later."""
        for partition in self.assigned().intersection(partitions):
            self._reading.paused.add(partition)
            if self._consumer is not None:
                self._consumer.pause(*self._reading.places(partition))

    def resume(self, partitions: Iterable[int]) -> None:
        """Fetch these again."""
        for partition in self._reading.paused.intersection(partitions):
            self._reading.paused.discard(partition)
            if self._consumer is not None and partition in self._reading.live:
                self._consumer.resume(*self._reading.wanted(partition))

    def lag(self) -> Mapping[tuple[str, int], int]:
        """As of the last poll; a partition that was not fetched yet is left out."""
        return self._reading.lag

    def exhausted(self) -> bool:
        """Never: a topic has no end."""
        return False

    def statistics(self) -> Mapping[str, int]:
        """``messages``, ``errors``, ``commit_failures``, ``rebalances``, ``missed`` messages since the start.

        ``columnar_reader`` is 1 while messages are read as columns, 0 where the client's own reader has to do it.
        """
        return self._reading.statistics() | {"columnar_reader": int(self._reads_columns)}

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
        if self._reading.assignment is not None:
            return True
        if self._clock.monotonic() < self._next_attempt:
            return False
        self._next_attempt = self._clock.monotonic() + _RETRY_SECONDS
        if self._consumer is None:
            self._consumer = connect(self._settings)
            self._reads_columns = read_columns(self._consumer, keys=self._wants_headers, headers=self._wants_headers)
            log.info("source_connected", servers=",".join(self._settings.bootstrap_servers))
        if not self._topics_exist(self._consumer):
            return False
        self._reading.assignment = Assignment(self._consumer, self._settings.topics)
        self._consumer.subscribe(list(self._reading.topics), listener=self._reading.assignment)
        return True

    def _topics_exist(self, consumer: KafkaConsumer) -> bool:
        """Look for both topics, each with the same number of partitions.

        Raises
        ------
        FatalError
            If the numbers differ: a prediction and its outcome would then be read by different members.
        """
        counts = {
            topic: len(self._asked(partial(consumer.partitions_for_topic, topic)) or ())
            for topic in self._reading.topics
        }
        return check_counts(counts)

    # -- fetching

    def _fetch(self, deadline: float) -> Mapping[TopicPartition, Columns]:
        consumer, assignment = self._consumer, self._reading.assignment
        if consumer is None or assignment is None:
            return {}
        if assignment.n_rebalances != self._n_rebalances:  # before the poll: what it fetched must not be dropped
            self._topics_exist(consumer)
            self._n_rebalances = assignment.n_rebalances
        self._reading.missed.settle(
            self._clock.monotonic(),
            lambda places: self._asked(partial(consumer.beginning_offsets, places, _ASK_ON_MS)),
        )
        while True:
            left = max(0.0, deadline - self._clock.monotonic())
            mend(consumer)
            fetched = self._polled(consumer, round(min(left, _STEP_SECONDS) * 1_000))
            self._see_that_it_answers(consumer, came=bool(fetched))
            is_over = left <= 0.0 or self._closed.is_set() or assignment.has_changes()
            if fetched or is_over or self._reading.has_passed_over:
                wanted = self._wants_headers
                return {place: columns_of(taken, keys=wanted, headers=wanted) for place, taken in fetched.items()}

    def _see_that_it_answers(self, consumer: KafkaConsumer, *, came: bool) -> None:
        """Ask something while nothing comes for long: a poll says the same of a quiet topic and of a lost broker."""
        now = self._clock.monotonic()
        if came or self._next_contact == 0.0 or not self._reading.started:
            self._next_contact = now + CONTACT_SECONDS
        elif now >= self._next_contact:
            self._next_contact = now + CONTACT_SECONDS
            place, _ = self._reading.places(min(self._reading.started))
            self._asked(partial(consumer.end_offsets, [place], _ASK_ON_MS))

    def _polled(self, consumer: KafkaConsumer, wait_ms: int) -> Mapping[TopicPartition, Sequence[Any]]:
        try:
            fetched: Mapping[TopicPartition, Sequence[Any]] = self._asked(partial(consumer.poll, wait_ms))
        except SourceError as error:
            damage = error.__cause__
            if not isinstance(damage, DamagedBatchError) or not self._reading.is_lasting(damage.place, damage.first):
                raise
            self._pass_over(consumer, damage)
            return {}
        return fetched

    def _pass_over(self, consumer: KafkaConsumer, damage: DamagedBatchError) -> None:
        """Go on behind what cannot be read, though not beyond the end of the log."""
        place = damage.place
        if place.partition not in self._reading.started:
            return
        stop = max(damage.first + 1, min(damage.stop, consumer.highwater(place) or damage.stop))
        consumer.seek(place, stop)
        self._reading.pass_over(damage, stop)

    def _asked(self, question: Callable[[], T]) -> T:
        """Ask something of the client; whatever it raises is a SourceError or, if a person has to act, a FatalError."""
        try:
            return question()
        except SentinelError:
            raise
        except Exception as error:
            # The client lets more out than its own errors, and none of it may end the loop.
            raise translate(error, self._settings) from error

    # -- delivering

    def _decoded(self, fetched: Mapping[TopicPartition, Columns]) -> list[EventBatch]:
        """Decode all, or, while something that decoding needs is away, nothing: then all of it is fetched again."""
        taken = self._reading.take(fetched)
        self._read_no_further(fetched)
        self._measure_lag(fetched)
        try:
            return self._reading.decode(taken)
        except SourceError:
            self._go_back(fetched)
            raise

    def _read_no_further(self, fetched: Iterable[TopicPartition]) -> None:
        """Stand at the end that a place was told, once it is reached."""
        for place in fetched:
            if self._consumer is not None and self._reading.is_at_end(place):
                self._consumer.pause(place)
                self._consumer.seek(place, self._reading.next[place])

    def _go_back(self, fetched: Mapping[TopicPartition, Columns]) -> None:
        for place in self._reading.go_back(fetched):
            if self._consumer is None:
                continue
            self._consumer.seek(place, self._reading.next[place])
            if place.partition not in self._reading.paused:  # it may have been stopped at its end
                self._consumer.resume(place)
        self._measure_lag({})

    def _measure_lag(self, fetched: Mapping[TopicPartition, Columns]) -> None:
        """Compare what was delivered with the ends that came along with the messages; asks nobody."""
        consumer, reading = self._consumer, self._reading
        if consumer is None:
            return
        now = self._clock.monotonic()
        look_closely = not fetched or now >= self._next_close_look
        if look_closely:
            self._next_close_look = now + _CLOSE_LOOK_SECONDS
        places = [place for partition in reading.live for place in reading.places(partition)]
        ends = {place: end for place in places if (end := consumer.highwater(place)) is not None}
        for place in ends.keys() - fetched.keys() if look_closely else ():
            if reading.next.get(place, -1) < ends[place]:
                self._pass_undelivered(place)
        reading.lag = {place: max(0, end - reading.next[place]) for place, end in ends.items() if place in reading.next}

    def _pass_undelivered(self, place: TopicPartition) -> None:
        """Go on to where the client stands: past markers of transactions and others that are never delivered."""
        if self._consumer is None or place.partition in self._reading.paused:
            return
        try:
            stands: int | None = self._consumer.position(place, timeout_ms=0)
        except KafkaError:
            return
        if stands is not None:
            self._reading.missed.note(place, self._reading.next.get(place), stands)
            self._reading.next[place] = stands

    # -- small things

    def _tell(self, error: SourceError) -> None:
        if isinstance(error, NotAllowedError):
            log.error("source_not_allowed", error=error)
        else:
            log.warning("source_error", error=error)

    def _on_committed(self, _offsets: object, answer: object) -> None:
        if isinstance(answer, Exception):
            self._reading.counts["commit_failures"] += 1
            log.warning("commit_failed", error=answer)

    def _wait_until(self, moment: float) -> None:
        self._closed.wait(max(0.0, moment - self._clock.monotonic()))
