"""Follows all partitions of the summaries topic, for evaluators."""

from __future__ import annotations

from collections.abc import Mapping

from kafka import KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors

from sentinel.clock import Clock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.ingest.kafka_client import CLIENT_ERRORS, close_within
from sentinel.ingest.kafka_ledger_topic import check_compacted, count_partitions, ledger_consumer, named_topic, wrong
from sentinel.ingest.ledger import LedgerError
from sentinel.logs import get_logger

log = get_logger(__name__)

_RETRY_SECONDS = 1.0
_DISCOVERY_SECONDS = 30.0
_ASK_MS = 5_000


class KafkaLedgerReader:
    """Implements :class:`~sentinel.ingest.ledger.LedgerReader`; connects at the first poll.

    Parameters
    ----------
    settings : sentinel.config.kafka.KafkaSource
        With ``topics.summaries``.
    clock : Clock

    Raises
    ------
    FatalError
        If the settings name no topic.
    """

    def __init__(self, settings: KafkaSettings, clock: Clock) -> None:
        self._settings = settings
        self._topic = named_topic(settings)
        self._clock = clock
        self._consumer: KafkaConsumer | None = None
        self._goals: dict[TopicPartition, int] | None = None
        self._assigned: set[TopicPartition] = set()
        self._checked = False
        self._closed = False
        self._next_attempt = self._next_discovery = -1.0
        self.failures = 0

    def poll(self, timeout_seconds: float) -> list[tuple[bytes, bytes | None]]:
        """Wait for records of any partition."""
        now = self._clock.monotonic()
        if self._closed or now < self._next_attempt:
            return []
        try:
            consumer = self._ready(now)
            fetched = consumer.poll(round(timeout_seconds * 1_000))
        except LedgerError as error:
            self._fail(error)
            return []
        except CLIENT_ERRORS as error:
            meaning = wrong(error, self._settings, self._topic)
            if not isinstance(meaning, LedgerError):
                raise meaning from error
            self._fail(meaning)
            return []
        return [(m.key, m.value) for messages in fetched.values() for m in messages if m.key is not None]

    def caught_up(self) -> bool:
        """Whether every partition has passed where it ended at the first poll."""
        return self._goals is not None and all(self._position(place) >= goal for place, goal in self._goals.items())

    def lag(self) -> Mapping[int, int]:
        """By partition of the ledger; unknown before its first fetch."""
        consumer = self._consumer
        if consumer is None:
            return {}
        ends = {place: consumer.highwater(place) for place in self._assigned}
        known = {place: end for place, end in sorted(ends.items()) if end is not None}
        return {place.partition: max(0, end - self._position(place)) for place, end in known.items()}

    def close(self, timeout_seconds: float) -> None:
        """Disconnect."""
        self._closed = True
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            close_within(consumer, timeout_seconds)

    def _ready(self, now: float) -> KafkaConsumer:
        """The consumer, with all partitions that there are assigned to it."""
        if self._consumer is None:
            self._consumer = ledger_consumer(self._settings)
        consumer = self._consumer
        if self._assigned and now < self._next_discovery:
            return consumer
        places = {
            TopicPartition(self._topic, number)
            for number in range(count_partitions(self._settings, consumer, self._topic))
        }
        self._next_discovery = now + _DISCOVERY_SECONDS
        if not self._checked:
            check_compacted(self._settings, self._topic)
            self._checked = True
        fresh = places - self._assigned
        if fresh:
            consumer.assign(sorted(places))  # those that were assigned keep their positions
            consumer.seek_to_beginning(*fresh)
            self._assigned = places
        if self._goals is None:
            self._goals = dict(consumer.end_offsets(sorted(places), timeout_ms=_ASK_MS))
        return consumer

    def _position(self, place: TopicPartition) -> int:
        if self._consumer is None:
            return 0
        try:
            return self._consumer.position(place, timeout_ms=0) or 0
        except kafka_errors.KafkaError:
            return 0

    def _fail(self, error: LedgerError) -> None:
        self.failures += 1
        self._next_attempt = self._clock.monotonic() + _RETRY_SECONDS
        log.warning("ledger_not_read", error=str(error))
