"""Puts the reader of columns in the place of kafka-python's own, where the client is one that it is known to fit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import kafka
from kafka import KafkaConsumer
from kafka.consumer.fetcher import Fetcher
from kafka.errors import KafkaError
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka.structs import TopicPartition

from sentinel.ingest.records.batches import is_readable, split_batches
from sentinel.ingest.records.columns import Columns, from_records, join_columns
from sentinel.ingest.records.damage import DamagedBatchError
from sentinel.ingest.records.reader import Chunk, FetchReader, Wanted
from sentinel.logs import get_logger

log = get_logger(__name__)

_OLDEST, _BEFORE = (3, 0, 12), (3, 1)
_PARAMETERS = (
    "self",
    "fetch_offset",
    "tp",
    "records",
    "key_deserializer",
    "value_deserializer",
    "check_crcs",
    "isolation_level",
    "aborted_transactions",
    "metric_aggregator",
    "on_drain",
)
_TAKES = 4  # of a sample of two records: it has to be over by then
_USED = frozenset(("PartitionRecords", "_parse_fetched_data", "_append", "_next_partition_records"))


class StockReader:
    """A fetch in one of the formats before 2, read by the client's own class and handed on as columns."""

    def __init__(self, stock: Any, fetched: bytes | memoryview, wanted: Wanted) -> None:
        self._stock = stock
        self._fetched = fetched
        self._wanted = wanted

    def __bool__(self) -> bool:
        return bool(self._stock)

    def __getattr__(self, name: str) -> Any:
        """``topic_partition``, ``next_fetch_offset``, ``leader_epoch`` and the rest, as they are there."""
        return getattr(self._stock, name)

    def take(self, n: int | None = None) -> Chunk:
        """Read on, at most n records.

        Raises
        ------
        DamagedBatchError
            If the next one cannot be read; its cause is what is wrong with it.
        """
        try:
            records = self._stock.take(n)
        except Exception as error:
            # Its decoders let out more than the client's own errors, and after any of them it is at its end.
            first = self._stock.next_fetch_offset
            self._stock.drain()
            place, reason = self._stock.topic_partition, f"{type(error).__name__}: {error}"
            raise DamagedBatchError(place, first, self._goes_on_after(first), reason) from error
        return Chunk(from_records(records, keys=self._wanted.keys, headers=self._wanted.headers))

    def _goes_on_after(self, first: int) -> int:
        """Where the next batch begins, which all formats tell alike; else one further."""
        batches, _ = split_batches(self._fetched)
        return next((batch.base_offset for batch in batches if batch.base_offset > first), first + 1)


def open_fetch(
    stock: Callable[..., Any], wanted: Wanted, fetch_offset: int, tp: TopicPartition, records: Any, **options: Any
) -> FetchReader | StockReader:
    """What the client calls, in place of its own class, to read what a broker answered."""
    if not is_readable(records._buffer):
        return StockReader(stock(fetch_offset, tp, records, **options), records._buffer, wanted)
    del options["key_deserializer"], options["value_deserializer"]  # a source has none
    return FetchReader(fetch_offset, tp, records, wanted=wanted, **options)


def read_columns(consumer: KafkaConsumer, *, keys: bool, headers: bool) -> bool:
    """Make a client return columns from ``poll``; once, before its first poll.

    Parameters
    ----------
    consumer : KafkaConsumer
    keys, headers : bool
        Whether these are wanted.

    Returns
    -------
    bool
        Whether it does. If not, it goes on returning its own records: slower, and nothing else is different.
    """
    reason = _misfit(consumer)
    if reason is not None:
        log.warning(
            "record_reader_not_used",
            reason=reason,
            hint="kafka-python's own reader is used, at several times the CPU an event",
        )
        return False
    fetcher = consumer._fetcher
    fetcher.PartitionRecords = partial(open_fetch, fetcher.PartitionRecords, Wanted(keys, headers))
    return True


def columns_of(taken: Sequence[Any], *, keys: bool, headers: bool) -> Columns:
    """What ``poll`` returned of one topic partition, as columns, whichever reader made it."""
    if taken and isinstance(taken[0], Columns):
        return join_columns(taken)
    return from_records(taken, keys=keys, headers=headers)


def _misfit(consumer: KafkaConsumer) -> str | None:
    """Why the reader does not fit this client; None if it does."""
    version = tuple(int(part) for part in kafka.__version__.split(".")[:3] if part.isdecimal())
    if not _OLDEST <= version < _BEFORE:
        return f"it is known to fit kafka-python 3.0.12 and later 3.0, and this is {kafka.__version__}"
    fetcher = getattr(consumer, "_fetcher", None)
    if not isinstance(fetcher, Fetcher) or not all(hasattr(fetcher, name) for name in _USED):
        return "the client does not fetch as it used to"
    if tuple(inspect.signature(Fetcher.PartitionRecords.__init__).parameters) != _PARAMETERS:
        return "the client opens fetches in another way"
    try:
        agrees = _read_sample(FetchReader, wanted=Wanted()) == _read_sample(Fetcher.PartitionRecords)
    except (AttributeError, LookupError, TypeError, ValueError, KafkaError) as error:  # the client changed
        return f"reading a sample failed: {error!r}"
    return None if agrees else "the two readers do not agree on a sample"


def _read_sample(kind: Callable[..., Any], **options: Any) -> list[object]:
    """Read two records as the Fetcher does, and note what it would see."""
    builder = MemoryRecordsBuilder(2, 0, 1 << 16)
    for number in range(2):
        builder.append(timestamp=number, key=None, value=b"%d" % number)
    builder.close()
    drained: list[object] = []
    reader = kind(
        0, TopicPartition("sample", 0), MemoryRecords(bytes(builder.buffer())), on_drain=drained.append, **options
    )
    seen: list[object] = []
    for _ in range(_TAKES):
        taken = reader.take(1) if reader else []
        if len(taken):
            columns = columns_of(list(taken), keys=False, headers=False)
            seen += [columns.offsets.tolist(), columns.values, reader.next_fetch_offset, reader.leader_epoch]
    return [*seen, bool(reader), len(drained)]
