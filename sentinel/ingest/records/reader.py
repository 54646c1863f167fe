"""One fetch of one topic partition, read in pieces: takes the place of ``Fetcher.PartitionRecords`` in kafka-python."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import zstandard
from kafka.errors import CorruptRecordError, KafkaError
from kafka.protocol.consumer import IsolationLevel
from kafka.structs import TopicPartition

from sentinel.ingest.records.at_once import UnevenError, read_at_once
from sentinel.ingest.records.batches import Batch, check_crc, split_batches, unpack
from sentinel.ingest.records.columns import Columns, join_columns
from sentinel.ingest.records.damage import DamagedBatchError, stop_after
from sentinel.ingest.records.one_by_one import read_one_by_one

FEW_RECORDS = 50
"""Below this many the loop a record is faster than numpy; measured, and it hardly matters between 40 and 70."""
_NO_PRODUCER = -1
_MARKER_TYPE, _ABORT = slice(2, 4), bytes(2)  # of the key of a transaction's marker: two bytes version, two type


@dataclass(frozen=True, slots=True)
class Chunk:
    """What ``take`` returns: counted as so many records, and collected by the Fetcher as one thing."""

    columns: Columns

    def __len__(self) -> int:
        return len(self.columns)

    def __iter__(self) -> Iterator[Columns]:
        yield self.columns


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to read of the records beside their values, and with what; shared by the fetches of one client."""

    keys: bool = False
    headers: bool = False
    zstd: zstandard.ZstdDecompressor = field(default_factory=zstandard.ZstdDecompressor)


class FetchReader:
    """Reads what a broker answered for one topic partition, as many records at a time as are asked for.

    Behaves as the client's own class, whose signature and attributes it has: the records of aborted transactions and
    the markers that end transactions are passed over, ``next_fetch_offset`` goes beyond what compaction removed, what
    is damaged is an error after everything before it was taken. It differs in one thing: after an error the fetch is
    dropped and asked for again, where the client's own would never return from the next poll.

    Parameters
    ----------
    fetch_offset : int
        Records before it are in the same batch as it and were read before.
    tp : TopicPartition
    records : kafka.record.MemoryRecords
    aborted_transactions : sequence, optional
        ``producer_id`` and ``first_offset`` of each.
    wanted : Wanted
    """

    def __init__(
        self,
        fetch_offset: int,
        tp: TopicPartition,
        records: Any,
        *,
        wanted: Wanted,
        check_crcs: bool = True,
        isolation_level: int = IsolationLevel.READ_UNCOMMITTED,
        aborted_transactions: Sequence[Any] | None = None,
        metric_aggregator: Any = None,
        on_drain: Callable[[Any], None] = lambda _: None,
    ) -> None:
        self.fetch_offset = self.next_fetch_offset = fetch_offset
        self.topic_partition = tp
        self.leader_epoch = -1
        self.bytes_read = 0
        self.records_read = 0
        self._fetched = memoryview(records._buffer)
        self._batches, self._error = split_batches(self._fetched)
        self._goes_on_at = 0  # after what cannot be read
        self._n_passed = 0
        self._hand = join_columns([])
        self._hand_ends_at = fetch_offset
        self._wanted = wanted
        self._check_crcs = check_crcs
        self._committed_only = isolation_level == IsolationLevel.READ_COMMITTED
        self._aborted_from = deque(sorted((one.first_offset, one.producer_id) for one in aborted_transactions or ()))
        self._aborting: set[int] = set()
        self._metric_aggregator = metric_aggregator
        self._on_drain = on_drain
        self._drained = False

    def __bool__(self) -> bool:
        return not self._drained

    def drain(self) -> None:
        """Forget what was not taken."""
        if self._drained:
            return
        self._drained = True
        self._batches, self._error, self._hand = [], None, join_columns([])
        self._fetched = memoryview(b"")
        if self._metric_aggregator:
            self._metric_aggregator.record(self.topic_partition, self.bytes_read, self.records_read)
        self._on_drain(self)

    def take(self, n: int | None = None) -> Chunk:
        """Read on.

        Parameters
        ----------
        n : int, optional
            At most so many records; all by default.

        Raises
        ------
        DamagedBatchError
            If a record that cannot be read is next; its cause is what is wrong with it.
        """
        wanted = sys.maxsize if n is None else n
        while len(self._hand) < wanted and self._n_passed < len(self._batches):
            self._read_on(wanted - len(self._hand))
        taken, self._hand = self._hand.slice(0, wanted), self._hand.slice(wanted, len(self._hand))
        if not len(taken) and self._error is not None:
            error, first = self._error, max(self._hand_ends_at, self.fetch_offset)
            self.drain()
            raise DamagedBatchError(
                self.topic_partition, first, max(first + 1, self._goes_on_at), str(error)
            ) from error
        self._go_on_after(taken)
        if not len(self._hand) and self._n_passed == len(self._batches) and self._error is None:
            self.drain()
        return Chunk(taken)

    def _go_on_after(self, taken: Columns) -> None:
        """Say where the next fetch begins, and by which leader's log."""
        self.records_read += len(taken)
        if len(self._hand):
            self.next_fetch_offset = int(taken.offsets[-1]) + 1
            n_begun = sum(batch.base_offset < self.next_fetch_offset for batch in self._batches[: self._n_passed])
        else:
            self.next_fetch_offset = max(self.next_fetch_offset, self._hand_ends_at)
            n_begun = self._n_passed
        if n_begun:
            self.leader_epoch = self._batches[n_begun - 1].leader_epoch

    def _read_on(self, wanted: int) -> None:
        """Take the next batches into the hand, as many as hold so many records."""
        parts: list[bytes | memoryview] = []
        batches: list[Batch] = []
        n_records = 0
        while n_records < wanted and self._n_passed < len(self._batches):
            batch = self._batches[self._n_passed]
            try:
                part = self._open(batch)
            except KafkaError as error:
                self._stop(self._n_passed, self._n_passed, error)
                break
            self._n_passed += 1
            self._hand_ends_at = batch.last_offset + 1
            if part is not None:
                parts.append(part)
                batches.append(batch)
                n_records += batch.n_records
        if batches:
            self._hand = join_columns([some for some in (self._hand, *self._decoded(parts, batches)) if len(some)])

    def _open(self, batch: Batch) -> bytes | memoryview | None:
        """The records of a batch; None if there are none to deliver."""
        if self._check_crcs and not check_crc(self._fetched, batch):
            place = f"{self.topic_partition.topic}-{self.topic_partition.partition} at offset {batch.base_offset}"
            raise CorruptRecordError(f"the record batch of {place} does not have its checksum")
        self.bytes_read += batch.stop - batch.start
        if self._committed_only and batch.producer_id > _NO_PRODUCER:
            while self._aborted_from and self._aborted_from[0][0] <= batch.last_offset:
                self._aborting.add(self._aborted_from.popleft()[1])
            if batch.is_control and self._is_abort(batch):
                self._aborting.discard(batch.producer_id)
            elif batch.is_transactional and batch.producer_id in self._aborting:
                return None
        if batch.is_control or not batch.n_records:
            return None
        return unpack(self._fetched, batch, self._wanted.zstd)

    def _is_abort(self, batch: Batch) -> bool:
        """Whether a marker ends a transaction that is to be forgotten; compaction may have taken the marker out."""
        data = bytes(unpack(self._fetched, batch, self._wanted.zstd))
        marker, error = read_one_by_one(data, batch, keys=True, headers=False)
        if error is not None:
            raise error
        return any(key is not None and key[_MARKER_TYPE] == _ABORT for key in marker.keys)

    def _decoded(self, parts: Sequence[bytes | memoryview], batches: Sequence[Batch]) -> Iterator[Columns]:
        """The records of these batches, less those read before; stops where one cannot be read."""
        if sum(batch.n_records for batch in batches) >= FEW_RECORDS:
            try:
                yield self._fresh(read_at_once(parts, batches, keys=self._wanted.keys, headers=self._wanted.headers))
            except UnevenError:
                pass  # which record is damaged, and how, is found below
            else:
                return
        for part, batch in zip(parts, batches, strict=True):
            columns, error = read_one_by_one(bytes(part), batch, keys=self._wanted.keys, headers=self._wanted.headers)
            yield self._fresh(columns)
            if error is not None:
                self._hand_ends_at = int(columns.offsets[-1]) + 1 if len(columns) else batch.base_offset
                at = self._batches.index(batch)
                self._stop(at, at + 1, error)
                return

    def _fresh(self, columns: Columns) -> Columns:
        if not len(columns) or columns.offsets[0] >= self.fetch_offset:
            return columns
        return columns.slice(int(np.searchsorted(columns.offsets, self.fetch_offset)), len(columns))

    def _stop(self, at: int, n_batches: int, error: KafkaError) -> None:
        """Read no batch beyond so many, as that at ``at`` is damaged; the error comes when all before it is taken."""
        following = self._batches[at + 1] if at + 1 < len(self._batches) else None
        self._goes_on_at = stop_after(self._batches[at], following, self.fetch_offset)
        self._batches, self._n_passed, self._error = self._batches[:n_batches], n_batches, error
