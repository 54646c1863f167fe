"""Fetches made by hand, and how two readers of one fetch are compared."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa
from hypothesis import strategies as st
from kafka.consumer.fetcher import Fetcher
from kafka.protocol.consumer import IsolationLevel
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords
from kafka.record.util import calc_crc32c
from kafka.structs import TopicPartition

from sentinel.ingest.records.columns import join_columns
from sentinel.ingest.records.hook import columns_of
from sentinel.ingest.records.reader import FetchReader, Wanted

PLACE = TopicPartition("predictions", 3)
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_CRC_AT, _ATTRIBUTES_AT, _EPOCH_AT, _COUNT_AT = 17, 21, 12, 57
_APPEND_TIME, _CONTROL = 0x08, 0x20
Header = tuple[str, bytes | None]


class Record(NamedTuple):
    """One record, as a producer wrote it."""

    offset_delta: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[Header]


class Aborted(NamedTuple):
    """What a broker says of an aborted transaction."""

    producer_id: int
    first_offset: int


@dataclass(frozen=True, slots=True)
class Written:
    """One batch of a fetch; ``marker`` makes it the end of a transaction ('abort' or 'commit')."""

    records: Sequence[Record] = ()
    codec: int = 0
    producer_id: int = -1
    is_transactional: bool = False
    is_append_time: bool = False
    n_removed_behind: int = 0
    epoch: int = 0
    marker: str = ""

    @property
    def last_delta(self) -> int:
        """Distance of the last record that was written, removed or not, from the first."""
        last = self.records[-1].offset_delta if self.records else 0
        return last + self.n_removed_behind

    def to_bytes(self, base_offset: int) -> bytes:
        """The batch as a broker sends it, made by kafka-python's own builder."""
        builder = DefaultRecordBatchBuilder(2, self.codec, self.is_transactional, self.producer_id, 0, 0, 1 << 20)
        if self.marker:
            key = struct.pack(">hh", 0, int(self.marker == "commit"))
            builder.append(0, 0, key, struct.pack(">hi", 0, 0), [])
        for record in self.records:
            builder.append(record.offset_delta, record.timestamp, record.key, record.value, record.headers)
        batch = builder.build()
        if not self.marker and not self.records:
            struct.pack_into(">i", batch, _COUNT_AT, 0)
        (attributes,) = struct.unpack_from(">h", batch, _ATTRIBUTES_AT)
        attributes |= _APPEND_TIME * self.is_append_time | _CONTROL * bool(self.marker)
        struct.pack_into(">hi", batch, _ATTRIBUTES_AT, attributes, self.last_delta)
        struct.pack_into(">q", batch, 0, base_offset)
        struct.pack_into(">i", batch, _EPOCH_AT, self.epoch)
        struct.pack_into(">I", batch, _CRC_AT, calc_crc32c(memoryview(batch)[_ATTRIBUTES_AT:]))
        return bytes(batch)


@dataclass(frozen=True, slots=True)
class Fetch:
    """What a broker answered for one topic partition."""

    data: bytes
    fetch_offset: int = 0
    aborted: Sequence[Aborted] = ()


def fetch_of(batches: Sequence[Written], *, cut: int = 0, skip: int = 0, aborted: Sequence[Aborted] = ()) -> Fetch:
    """Batches one after the other, the last ``cut`` bytes missing, asked for from ``skip`` offsets on."""
    data, offset = b"", 100
    for batch in batches:
        data += batch.to_bytes(offset)
        offset += batch.last_delta + 1
    return Fetch(data[: len(data) - cut], 100 + skip, aborted)


@dataclass
class Seen:
    """All that a reader gave of a fetch: the steps, and the kind of the error that ended it."""

    steps: list[tuple[int, int]] = field(default_factory=list)
    rows: list[tuple[object, ...]] = field(default_factory=list)
    error: str = ""
    next_offset: int = 0
    epoch: int = 0
    drained: int = 0


def read_with(kind: Callable[..., Any], fetch: Fetch, sizes: Sequence[int], **options: Any) -> Seen:
    """Take as the Fetcher does, the numbers in ``sizes`` in turn, until the reader is empty or raises."""
    seen, drained = Seen(), list[object]()
    reader = kind(
        fetch.fetch_offset,
        PLACE,
        MemoryRecords(fetch.data),
        isolation_level=IsolationLevel.READ_COMMITTED,
        aborted_transactions=fetch.aborted,
        on_drain=drained.append,
        **options,
    )
    turn = 0
    while reader:
        try:
            taken = reader.take(sizes[turn % len(sizes)])
        except Exception as error:  # noqa: BLE001 - kafka-python lets out what its decoders raise
            seen.error = type(error).__name__
            break
        turn += 1
        columns = join_columns([])
        if len(taken):
            columns = columns_of(list(taken), keys=True, headers=True)
        rows = list(
            zip(
                columns.offsets.tolist(),
                columns.timestamps.tolist(),
                columns.values,
                columns.keys,
                map(list, columns.headers),
                strict=True,
            )
        )
        seen.rows += rows
        if rows and reader:
            seen.steps.append((len(seen.rows), reader.next_fetch_offset))
    seen.next_offset, seen.epoch, seen.drained = reader.next_fetch_offset, reader.leader_epoch, len(drained)
    return seen


def both(fetch: Fetch, sizes: Sequence[int]) -> tuple[Seen, Seen]:
    """What our reader gives, and what the client's own gives."""
    ours = read_with(FetchReader, fetch, sizes, wanted=Wanted(keys=True, headers=True))
    return ours, read_with(Fetcher.PartitionRecords, fetch, sizes)


class Snappy:
    """Stands in for python-snappy, which is not installed, so that the client's own reader can be compared with."""

    @staticmethod
    def compress(data: bytes) -> bytes:
        """One raw block."""
        packed: bytes = pa.compress(data, codec="snappy", asbytes=True)
        return packed

    @staticmethod
    def decompress(data: bytes) -> bytes:
        """One raw block, given that it is smaller than what these tests write."""
        size, shift = 0, 0
        for byte in data:
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        plain: bytes = pa.decompress(data, size, codec="snappy", asbytes=True)
        return plain


_texts = st.one_of(st.none(), st.binary(max_size=12), st.integers(60, 400).map(lambda n: b"x" * n))
_headers = st.lists(st.tuples(st.text(max_size=4), st.one_of(st.none(), st.binary(max_size=6))), max_size=3)


@st.composite
def records(draw: st.DrawFn, least: int = 0, most: int = 90) -> list[Record]:
    """Records of one batch: gaps between them as compaction leaves, times forth and back."""
    n = draw(st.integers(least, most))
    gap = draw(st.integers(1, 3))
    first = draw(st.integers(0, 2))
    made = draw(st.lists(st.tuples(st.integers(0, 2**41), _texts, _texts, _headers), min_size=1, max_size=5))
    return [Record(first + gap * i, *made[i % len(made)]) for i in range(n)]


@st.composite
def written(draw: st.DrawFn) -> Written:
    """A batch of any kind."""
    epoch, producer = draw(st.integers(0, 3)), draw(st.integers(-1, 2))
    marker = draw(st.sampled_from(("", "", "", "abort", "commit")))
    if marker:
        return Written(producer_id=max(producer, 0), is_transactional=True, epoch=epoch, marker=marker)
    return Written(
        records=draw(records()),
        codec=draw(st.sampled_from(sorted(CODECS.values()))),
        producer_id=producer,
        is_transactional=producer >= 0 and draw(st.booleans()),
        is_append_time=draw(st.booleans()),
        n_removed_behind=draw(st.integers(0, 4)),
        epoch=epoch,
    )


@st.composite
def fetches(draw: st.DrawFn) -> Fetch:
    """A fetch of some batches, perhaps cut off, perhaps from the middle of the first, with transactions aborted."""
    batches = draw(st.lists(written(), max_size=6))
    aborted = draw(st.lists(st.builds(Aborted, st.integers(0, 2), st.integers(90, 400)), max_size=3))
    behind = min(12, batches[0].last_delta) if batches else 0
    size = len(batches[-1].to_bytes(0)) if batches else 0
    cut = draw(st.integers(0, size)) if draw(st.booleans()) else 0
    return fetch_of(batches, cut=cut, skip=draw(st.integers(0, behind)), aborted=aborted)
