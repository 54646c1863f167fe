"""The verdicts topic: written by one fenced transactional producer, read back to know what was said already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zlib import crc32

from sentinel.clock import Clock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.errors import FatalError, RecoverableError, SentinelError, SourceError
from sentinel.ingest.event_topic import TopicEvent
from sentinel.ingest.kafka_client import CLIENT_ERRORS, close_within, connect, translate
from sentinel.ingest.kafka_ledger_topic import NO_GROUP, read_partition
from sentinel.ingest.kafka_writer import TransactionalWriter

READ_SECONDS = 30.0
"""What reading the topic back may take; it holds a few events a day for each model."""
_CLOSE_SECONDS = 2.0


class KafkaEventTopic:
    """Implements :class:`~sentinel.ingest.event_topic.EventTopic`; connects when it is first claimed.

    The transactional id is ``{group_id}.{topic}``: two evaluators of one deployment fence each other, and no other.

    Parameters
    ----------
    settings : sentinel.config.kafka.KafkaSource
    topic : str
    clock : Clock
    """

    def __init__(self, settings: KafkaSettings, topic: str, clock: Clock) -> None:
        self._settings = settings
        self._topic = topic
        self._clock = clock
        self._writer: TransactionalWriter | None = None
        self._n_partitions = 0

    def claim(self) -> None:
        """Open a producer with the transactional id."""
        self.close(0.0)
        try:
            self._n_partitions = self._count_partitions()
            self._writer = TransactionalWriter(self._settings, f"{self._settings.group_id}.{self._topic}")
        except (*CLIENT_ERRORS, SentinelError) as error:
            raise self._wrong(error) from error

    def latest(self) -> Mapping[bytes, bytes | None]:
        """Read all partitions from their beginnings."""
        deadline = self._clock.monotonic() + READ_SECONDS
        found: dict[bytes, bytes | None] = {}
        for number in range(self._n_partitions):
            try:
                contents = read_partition(self._settings, self._topic, number, self._clock, deadline)
            except (*CLIENT_ERRORS, SentinelError) as error:
                raise self._wrong(error) from error
            for key, record in contents.latest.items():
                # Elsewhere than where it belongs now it was written when the topic had another number of partitions.
                if key not in found or self._place(key) == number:
                    found[key] = record.value
        return found

    def write(self, events: Sequence[TopicEvent]) -> None:
        """Write in one transaction; events of one key stay in one partition."""
        if self._writer is None:
            raise SourceError(f"topic {self._topic} is not claimed")
        messages = [(self._place(e.key), e.key, e.value, e.headers) for e in events]
        try:
            self._writer.write_all(self._topic, messages)
        except RecoverableError:  # fenced
            self.close(0.0)
            raise
        except CLIENT_ERRORS as error:
            self.close(0.0)
            raise self._wrong(error) from error

    def close(self, timeout_seconds: float) -> None:
        """Close the producer."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close(timeout_seconds)

    def _place(self, key: bytes) -> int:
        return crc32(key) % self._n_partitions

    def _count_partitions(self) -> int:
        consumer = connect(self._settings, **NO_GROUP)
        try:
            n_partitions = len(consumer.partitions_for_topic(self._topic) or ())
        finally:
            close_within(consumer, _CLOSE_SECONDS)
        if not n_partitions:
            raise SourceError(
                f"topic {self._topic} is missing, or this user may not see it. Create it: kafka-topics.sh "
                f"--bootstrap-server {self._settings.bootstrap_servers[0]} --create --topic {self._topic} "
                "--partitions 1 --replication-factor 3 --config cleanup.policy=compact "
                "--config min.compaction.lag.ms=2592000000"
            )
        return n_partitions

    def _wrong(self, error: Exception) -> SentinelError:
        if isinstance(error, SentinelError):
            return error
        meaning = translate(error, self._settings)
        if isinstance(meaning, FatalError):
            return FatalError(
                f"source.kafka.topics.verdicts: {meaning} (READ, WRITE and DESCRIBE on the topic {self._topic}, WRITE "
                f"and DESCRIBE on the transactional id {self._settings.group_id}.{self._topic})"
            )
        return meaning
