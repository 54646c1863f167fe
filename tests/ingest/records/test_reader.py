"""The reader of columns against kafka-python's own, on fetches of every shape."""

from __future__ import annotations

import pickle
import struct

import kafka.codec
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kafka.consumer.fetcher import Fetcher
from kafka.record.memory_records import MemoryRecords

from sentinel.ingest.records import reader as reader_module
from sentinel.ingest.records.batches import Batch, is_readable
from sentinel.ingest.records.damage import DamagedBatchError, stop_after
from sentinel.ingest.records.hook import open_fetch
from sentinel.ingest.records.reader import FetchReader, Wanted
from tests.ingest.records.fetches import (
    CODECS,
    PLACE,
    Aborted,
    Fetch,
    Record,
    Snappy,
    Written,
    both,
    fetch_of,
    fetches,
    read_with,
)


@pytest.fixture(autouse=True)
def _snappy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka.codec, "snappy", Snappy)


def _plain(n: int, size: int = 20) -> list[Record]:
    return [Record(i, 1_700_000_000_000 + i, b"k%03d" % i, b"v" * size, []) for i in range(n)]


@given(
    fetch=fetches(), sizes=st.lists(st.integers(1, 120), min_size=1, max_size=3), few=st.sampled_from((0, 50, 10**9))
)
@settings(max_examples=120, deadline=None)
def test_every_fetch_reads_as_the_client_reads_it(fetch: Fetch, sizes: list[int], few: int) -> None:
    """Rows, positions, leader epochs and the end are those of the client's own reader, in whatever portions taken."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kafka.codec, "snappy", Snappy)
        patched.setattr(reader_module, "FEW_RECORDS", few)
        ours, theirs = both(fetch, sizes)
    assert ours.rows == theirs.rows
    assert (ours.error, ours.drained) == (theirs.error, theirs.drained)
    assert ours.next_offset == theirs.next_offset
    assert ours.epoch == theirs.epoch or not fetch.data
    ends = [int(row[0]) for row in ours.rows[1:]] + [ours.next_offset]  # type: ignore[call-overload]
    for (n, position), (n_theirs, position_of_theirs) in zip(ours.steps, theirs.steps, strict=False):
        assert n == n_theirs
        assert position_of_theirs <= position <= ends[n - 1]


@given(fetch=fetches(), at=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), few=st.sampled_from((0, 10**9)))
@settings(max_examples=120, deadline=None)
def test_a_changed_byte_is_never_delivered(fetch: Fetch, at: float, flip: int, few: int) -> None:
    """Whatever byte of a fetch is damaged, what is delivered before the error is what the client's own delivers."""
    if not fetch.data:
        return
    place = int(at * len(fetch.data))
    broken = bytearray(fetch.data)
    broken[place] ^= flip
    assume(is_readable(bytes(broken)))  # a head that names another format is left to the client's own reader
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kafka.codec, "snappy", Snappy)
        patched.setattr(reader_module, "FEW_RECORDS", few)
        ours, theirs = both(Fetch(bytes(broken), fetch.fetch_offset, fetch.aborted), [40])
    assert ours.rows == theirs.rows
    assert bool(ours.error) == bool(theirs.error)


@pytest.mark.parametrize("few", [0, 10**9], ids=["at once", "one by one"])
@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS.keys())
def test_every_codec_is_read(codec: int, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of each codec, one after the other and mixed with uncompressed ones, give what was written."""
    monkeypatch.setattr(reader_module, "FEW_RECORDS", few)
    fetch = fetch_of([Written(_plain(70), codec), Written(_plain(5)), Written(_plain(70, 300), codec)])
    ours, theirs = both(fetch, [1_000])
    assert ours.rows == theirs.rows
    assert [row[0] for row in ours.rows] == list(range(100, 245))
    assert not ours.error


@pytest.mark.parametrize("few", [0, 10**9], ids=["at once", "one by one"])
def test_damage_with_a_right_checksum_stops_at_its_record(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that a broken producer wrote is an error after the records before it; what follows is not guessed."""
    monkeypatch.setattr(reader_module, "FEW_RECORDS", few)
    whole = [Written(_plain(60)), Written(_plain(60))]
    data = bytearray(fetch_of(whole).data)
    first = len(whole[0].to_bytes(0))
    record_bytes = (len(data) - first - 61) // 60
    data[first + 61 + 30 * record_bytes] += 2  # record 30 of the second batch now says that it is one byte longer
    fetch = Fetch(bytes(data), 100)
    ours = read_with(FetchReader, fetch, [1_000], wanted=Wanted(keys=True, headers=True), check_crcs=False)
    theirs = read_with(kafka.consumer.fetcher.Fetcher.PartitionRecords, fetch, [1_000], check_crcs=False)
    assert (ours.error, theirs.error) == ("DamagedBatchError", "CorruptRecordError")
    assert len(ours.rows) == len(theirs.rows) == 60 + 30


def test_after_an_error_the_fetch_is_over() -> None:
    """An error is raised once and the reader is then empty, at the offset to fetch again: the client can go on."""
    data = bytearray(fetch_of([Written(_plain(3)), Written(_plain(3))]).data)
    data[-1] ^= 1
    drained: list[object] = []
    reader = FetchReader(100, PLACE, MemoryRecords(bytes(data)), wanted=Wanted(), on_drain=drained.append)
    assert len(reader.take(10)) == 3
    assert reader
    with pytest.raises(DamagedBatchError, match="predictions-3 at offset 103 does not have its checksum") as raised:
        reader.take(10)
    assert (raised.value.place, raised.value.first, raised.value.stop) == (PLACE, 103, 106)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    assert not reader
    assert reader.next_fetch_offset == 103
    assert len(drained) == 1


@pytest.mark.parametrize(
    ("delta", "n_records", "following", "asked", "stop"),
    [
        (9, 10, None, 100, 110),
        (9, 10, 110, 103, 110),
        (99, 10, None, 100, 110),  # compacted, or damaged: the broker gives it once more
        (99, 10, None, 110, 200),  # and then what it says holds
        (99, 10, 200, 100, 200),
        (70_000, 10, 110, 100, 110),
        (-7, 10, None, 100, 101),
        (9, -1, None, 100, 110),
        (9, 10, 3, 100, 110),  # the next head is damaged, too
    ],
)
def test_a_damaged_head_leads_neither_back_nor_too_far(
    delta: int, n_records: int, following: int | None, asked: int, stop: int
) -> None:
    """Reading goes on at least one offset further, and not beyond anything that the heads say comes next."""
    batch = Batch(100, 0, 0, 0, delta, 0, 0, -1, n_records, 61, 500)
    after = None if following is None else batch._replace(base_offset=following)
    assert stop_after(batch, after, asked) == stop


def test_a_batch_of_another_format_that_cannot_be_read_ends_where_the_next_begins() -> None:
    """What the client's own class cannot read is told in the same way, whatever it raises."""
    data = bytearray(fetch_of([Written(_plain(3)), Written(_plain(3))]).data)
    data[16] = 1  # the first batch claims to be of a format before 2
    reader = open_fetch(Fetcher.PartitionRecords, Wanted(), 100, PLACE, MemoryRecords(bytes(data)))
    with pytest.raises(DamagedBatchError) as raised:
        reader.take(10)
    assert (raised.value.place, raised.value.first, raised.value.stop) == (PLACE, 100, 103)
    assert not reader


def test_an_unknown_codec_is_named() -> None:
    """A codec of a later Kafka is an error that says so."""
    data = bytearray(Written(_plain(2)).to_bytes(100))
    data[22] |= 6
    reader = FetchReader(100, PLACE, MemoryRecords(bytes(data)), wanted=Wanted(), check_crcs=False)
    with pytest.raises(DamagedBatchError, match="unknown codec 6"):
        reader.take(10)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_a_batch_that_cannot_be_decompressed_is_corrupt(codec: str) -> None:
    """Whatever a decompressor raises is told as damage, with the offset of the batch."""
    data = bytearray(Written(_plain(50), CODECS[codec]).to_bytes(100))
    data[61:] = bytes(len(data) - 61)
    reader = FetchReader(100, PLACE, MemoryRecords(bytes(data)), wanted=Wanted(), check_crcs=False)
    with pytest.raises(DamagedBatchError, match="batch at offset 100"):
        reader.take(10)


def test_the_position_passes_over_what_is_not_delivered() -> None:
    """After the last record the next fetch begins behind markers, aborted records and what compaction removed."""
    batches = [
        Written(_plain(2), producer_id=1, is_transactional=True),
        Written(producer_id=1, is_transactional=True, marker="abort"),
        Written(_plain(2), n_removed_behind=5, epoch=2),
    ]
    reader = FetchReader(
        100,
        PLACE,
        MemoryRecords(fetch_of(batches).data),
        wanted=Wanted(),
        isolation_level=1,
        aborted_transactions=[Aborted(1, 100)],
    )
    (columns,) = reader.take(10)
    assert columns.offsets.tolist() == [103, 104]
    assert (reader.next_fetch_offset, reader.leader_epoch) == (110, 2)
    assert not reader


def test_keys_and_headers_come_only_when_asked_for() -> None:
    """Without a wish for them no key and no header is made; values, offsets and times are the same."""
    batches = [Written([Record(i, i, b"k", b"v", [("h", b"1"), ("h", None)]) for i in range(100)])]
    asked = FetchReader(100, PLACE, MemoryRecords(fetch_of(batches).data), wanted=Wanted(keys=True, headers=True))
    plain = FetchReader(100, PLACE, MemoryRecords(fetch_of(batches).data), wanted=Wanted())
    (full,), (bare,) = asked.take(), plain.take()
    assert full.keys == [b"k"] * 100
    assert list(map(list, full.headers)) == [[("h", b"1"), ("h", None)]] * 100
    assert (len(bare.keys), len(bare.headers)) == (0, 0)
    assert bare.values == full.values
    assert np.array_equal(bare.offsets, full.offsets)
    assert np.array_equal(bare.timestamps, full.timestamps)


def test_a_batch_without_records_is_passed() -> None:
    """What compaction leaves of a batch, its header alone, delivers nothing, and so does an emptied marker."""
    emptied = bytearray(Written(producer_id=1, is_transactional=True, marker="abort").to_bytes(102))
    emptied = emptied[:61]
    struct.pack_into(">i", emptied, 8, 61 - 12)
    struct.pack_into(">i", emptied, 57, 0)
    data = Written(n_removed_behind=1).to_bytes(100) + bytes(emptied) + Written(_plain(1)).to_bytes(103)
    reader = FetchReader(100, PLACE, MemoryRecords(data), wanted=Wanted(), isolation_level=1, check_crcs=False)
    (columns,) = reader.take(10)
    assert columns.offsets.tolist() == [103]
