"""The ledger as a compacted topic, written with one fenced transactional producer for each claimed partition."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass

from sentinel.clock import Clock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.errors import FatalError, SentinelError
from sentinel.ingest.kafka_client import CLIENT_ERRORS, close_within
from sentinel.ingest.kafka_ledger_topic import (
    GROUP,
    MARK,
    check_compacted,
    count_partitions,
    ledger_consumer,
    named_topic,
    read_partition,
    wrong,
)
from sentinel.ingest.kafka_producer import CALL_SECONDS
from sentinel.ingest.kafka_writer import TransactionalWriter
from sentinel.ingest.ledger import FencedError, LedgerError, Records, partition_of
from sentinel.logs import get_logger

log = get_logger(__name__)

READ_SECONDS = 20.0
"""What reading a partition may take: a dead writer's open transaction hides what lies behind it for up to 30 s."""
_CLOSE_SECONDS = 2.0


@dataclass(slots=True)
class _Claim:
    """A partition that is ours: its writer, None once it broke, and up to where nobody else has written it."""

    writer: TransactionalWriter | None
    read_to: int = 0


class KafkaLedger:
    """Implements :class:`~sentinel.ingest.ledger.Ledger`; connects when it is first used.

    Records of input partition p go to partition ``p % n`` of the topic, so each has all records of its key. The
    transactional id is ``{group_id}.{topic}.{p}``: whoever claims p fences the writer before, whatever process it was.

    After a write that failed, the next one has a new producer. That fences whoever may have claimed the partition
    meanwhile, so the records since are looked through first: if one is not ours, it is we who are fenced.

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
        self._n_partitions = 0
        self._places_checked = False
        self._mark = secrets.token_hex(8).encode()
        self._headers = [(MARK, self._mark), (GROUP, settings.group_id.encode())]
        self._claims: dict[int, _Claim] = {}

    def claim(self, partition: int) -> None:
        """Open a producer with the partition's transactional id."""
        self.release(partition)
        self._check_topic()
        self._claims[partition] = _Claim(self._new_writer(partition))

    def read(self, partition: int) -> dict[bytes, bytes]:
        """Read the partition of the ledger from its beginning to its end."""
        self._check_topic()
        contents = read_partition(
            self._settings, self._topic, self._place(partition), self._clock, self._clock.monotonic() + READ_SECONDS
        )
        if partition in self._claims:
            self._claims[partition].read_to = contents.end
        ours = {key: record for key, record in contents.latest.items() if partition_of(key) == partition}
        self._check_group(partition, {record.group for record in ours.values()})
        found = {key: record.value for key, record in ours.items() if record.value is not None}
        if not found:
            self._check_places()
        return found

    def write(self, partition: int, records: Records) -> None:
        """Write in one transaction."""
        claim = self._claims.get(partition)
        if claim is None:
            raise LedgerError(f"partition {partition} is not claimed")
        if claim.writer is None:
            claim.writer = self._renewed(partition, claim)
        try:
            end = claim.writer.write(self._topic, self._place(partition), records, self._headers)
            claim.read_to = max(claim.read_to, end)
        except FencedError:
            self.release(partition)
            raise
        except CLIENT_ERRORS as error:
            claim.writer.close(0.0)
            claim.writer = None
            raise self._not_written(error) from error

    def release(self, partition: int) -> None:
        """Close its producer."""
        claim = self._claims.pop(partition, None)
        if claim is not None and claim.writer is not None:
            claim.writer.close(_CLOSE_SECONDS)

    def close(self, timeout_seconds: float) -> None:
        """Close all producers; each leaves nothing unsent."""
        deadline = self._clock.monotonic() + timeout_seconds
        while self._claims:
            _, claim = self._claims.popitem()
            if claim.writer is not None:
                claim.writer.close(min(_CLOSE_SECONDS, max(0.0, deadline - self._clock.monotonic())))

    def _place(self, partition: int) -> int:
        return partition % self._n_partitions

    def _check_topic(self) -> None:
        if self._n_partitions:
            return
        consumer = ledger_consumer(self._settings)
        try:
            n_partitions = count_partitions(self._settings, consumer, self._topic)
        finally:
            close_within(consumer, _CLOSE_SECONDS)
        check_compacted(self._settings, self._topic)
        self._n_partitions = n_partitions
        log.info("ledger_found", topic=self._topic, partitions=n_partitions)

    def _check_places(self) -> None:
        """See, once, that nothing lies elsewhere than where it would be looked for.

        Raises
        ------
        FatalError
            If it does: counts would begin anew, and stand twice in the topic.
        LedgerError
            If the ledger cannot be read to its end in time.
        """
        deadline = self._clock.monotonic() + READ_SECONDS
        for place in range(0 if self._places_checked else self._n_partitions):
            contents = read_partition(self._settings, self._topic, place, self._clock, deadline)
            held = {partition_of(key) for key, record in contents.latest.items() if record.value is not None}
            astray = sorted(number for number in held if number is not None and self._place(number) != place)
            if astray:
                raise FatalError(
                    f"topic {self._topic} has {self._n_partitions} partitions now, and had another number when the "
                    f"counts of input partition {astray[0]} were written to its partition {place}: they would begin "
                    "anew. Name a new topic in source.kafka.topics.summaries: collectors with their state directories "
                    "publish all that they hold again"
                )
        self._places_checked = True

    def _check_group(self, partition: int, groups: set[bytes]) -> None:
        """See that no other deployment writes here: its writers and ours do not fence each other."""
        others = sorted(group.decode(errors="replace") for group in groups - {b"", self._settings.group_id.encode()})
        if others:
            raise FatalError(
                f"source.kafka.topics.summaries: the counts of partition {partition} in the topic {self._topic} are "
                f"those of the group {others[0]}, and this is the group {self._settings.group_id}. A topic belongs to "
                f"one group: name another topic, or set source.kafka.group_id to {others[0]} to go on from its counts"
            )

    def _new_writer(self, partition: int) -> TransactionalWriter:
        try:
            return TransactionalWriter(self._settings, f"{self._settings.group_id}.{self._topic}.{partition}")
        except (*CLIENT_ERRORS, SentinelError) as error:
            raise wrong(error, self._settings, self._topic) from error

    def _renewed(self, partition: int, claim: _Claim) -> TransactionalWriter:
        """A new producer for a claim whose last write failed.

        Raises
        ------
        FencedError
            If another process has written the partition's records since we read them.
        LedgerError
            If the ledger does not answer.
        """
        try:
            writer = self._new_writer(partition)
        except FatalError as error:  # rights that were lost: the stream goes on, and the next write asks again
            raise LedgerError(str(error)) from error
        with contextlib.ExitStack() as stack:
            stack.callback(writer.close, 0.0)
            deadline = self._clock.monotonic() + CALL_SECONDS
            contents = read_partition(
                self._settings, self._topic, self._place(partition), self._clock, deadline, claim.read_to
            )
            if any(each.mark != self._mark and partition_of(key) == partition for key, each in contents.latest.items()):
                del self._claims[partition]
                raise FencedError(f"another member has written the counts of partition {partition} meanwhile")
            claim.read_to = contents.end
            stack.pop_all()
        return writer

    def _not_written(self, error: Exception) -> LedgerError:
        meaning = wrong(error, self._settings, self._topic)
        return meaning if isinstance(meaning, LedgerError) else LedgerError(str(meaning))
