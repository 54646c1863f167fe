"""The join store on disk: rows appended in segments of one LMDB file, found through an index in memory."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Self

import numpy as np

from sentinel.clock import Clock, SystemClock
from sentinel.errors import CorruptArtifactError, StoreError
from sentinel.pipeline.store.key_index import KeyIndex
from sentinel.pipeline.store.lmdb_file import LmdbFile, LmdbWrite, StoreFormat
from sentinel.pipeline.store.protocol import StoreStatistics, check_batch, check_row_bytes
from sentinel.pipeline.store.segment import Segment, SegmentRecord, rows_per_segment
from sentinel.pipeline.store.segment_table import NO_EXPIRY, SegmentTable
from sentinel.pipeline.store.state_overlay import StateOverlay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sentinel.pipeline.store.protocol import BoolArray, I64Array, U8Matrix, U64Array

DEFAULT_MAX_BYTES = 64 << 30
_WRITE_AHEAD_BYTES = 32 << 20  # full segments held in memory before they go to disk, committed or not
_WASTE_ALLOWANCE_SEGMENTS = 8  # dead rows that are never worth moving living ones for


class LmdbJoinStore:
    """See `JoinStore` for the contract; `open` makes one.

    A row is appended to the newest segment, whoever its key is; replacing or updating it appends the
    new version and marks the old one dead. An index in memory leads from keys to rows. So a batch costs
    sequential bytes, where a tree by key would touch one page of 4 KiB for nearly every row. Segments
    whose rows are all dead are deleted at the commit; when dead rows outweigh living ones the emptiest
    segment's rows are moved. Bytes of committed rows never change on disk, therefore full segments may
    be written ahead of the commit: only the records that the commit writes make them exist.

    Memory between commits: 12 bytes an index slot, one byte a row for liveness, the newest segment
    (2 MiB) and up to 32 MiB of full ones, whatever the length of the transaction. Disk: 16 bytes a row
    beyond its width, up to twice that where every row is updated, plus what two commits replace.
    """

    def __init__(self, file: LmdbFile, stored: StoreFormat, clock: Clock) -> None:
        self._file = file
        self._row_bytes = stored.row_bytes
        self._segment_rows = stored.segment_rows
        self._clock = clock
        self._state = StateOverlay(file)
        self._last_commit_seconds = 0.0
        self._closed = False
        self._load()

    @classmethod
    def open(
        cls,
        directory: Path,
        row_bytes: int,
        max_bytes: int = DEFAULT_MAX_BYTES,
        fsync: bool = True,
        clock: Clock | None = None,
    ) -> Self:
        """Open the store of a directory, or make one.

        Parameters
        ----------
        directory : Path
            Made if it is missing. It belongs to one store of one process.
        row_bytes : int, 1 to 4096
            A store that was made with narrower rows is widened: old rows read with zeros at their end. One with
            wider rows stays as it is: ask for :attr:`row_bytes`.
        max_bytes : int
            The file never grows beyond. Address space, not memory or disk, is taken up front.
        fsync : bool
            True: a commit survives the loss of power. False: it survives the end of the process, even
            by SIGKILL; losing power may cost the whole store, which then has to be rebuilt from the log.
        clock : Clock, optional
            Times the commits.

        Raises
        ------
        StoreError
            If another owner has it open, or if the disk refuses.
        CorruptArtifactError
            If the file is not what was written.
        """
        check_row_bytes(row_bytes)
        file = LmdbFile(directory, max_bytes, fsync)
        try:
            stored = file.read_format() or StoreFormat(0, rows_per_segment(row_bytes))
            if stored.row_bytes < row_bytes:
                stored = StoreFormat(row_bytes, stored.segment_rows)
                file.write_format(stored)
            file.mark_created()
            return cls(file, stored, clock or SystemClock())
        except BaseException:
            file.close()
            raise

    @property
    def row_bytes(self) -> int:
        """Width of every row in bytes."""
        return self._row_bytes

    def __len__(self) -> int:
        """Rows held, uncommitted ones included."""
        return len(self._index)

    def get(self, keys: U64Array) -> tuple[BoolArray, U8Matrix]:
        """Look keys up; uncommitted writes are seen."""
        self._require_open()
        places, _ = self._index.find(keys)
        found = places >= 0
        rows = np.zeros((len(keys), self._row_bytes), np.uint8)
        at = np.flatnonzero(found)
        order, ordered = _in_place_order(places[at])
        taken = np.zeros((len(at), self._row_bytes), np.uint8)
        for number, offsets, part in self._by_segment(ordered):
            _take(self._segment(number).rows, offsets, taken[part])
        _records_of(rows)[at[order]] = _records_of(taken)
        return found, rows

    def put(self, keys: U64Array, expires_at: I64Array, rows: U8Matrix) -> None:
        """Insert rows, or replace them together with their expiry."""
        self._require_open()
        check_batch(keys, rows, self._row_bytes, expires_at)
        old_places, slots = self._index.find(keys)
        held = old_places >= 0
        places = self._append(keys, expires_at, rows)
        if held.any():
            self._table.kill(old_places[held])
            self._index.move(slots[held], places[held])
        self._index.insert(keys[~held], places[~held])
        self._reclaim()

    def update(self, keys: U64Array, rows: U8Matrix) -> None:
        """Overwrite the rows of keys that are held; their expiry stays. Other keys are ignored."""
        self._require_open()
        check_batch(keys, rows, self._row_bytes)
        places, slots = self._index.find(keys)
        at = np.flatnonzero(places >= 0)
        order, ordered = _in_place_order(places[at])
        at = at[order]
        in_memory = self._table.writable(ordered)
        for number, offsets, part in self._by_segment(ordered[in_memory]):
            self._memory[number].rows[offsets] = rows[at[in_memory][part]]
        self._replace(ordered[~in_memory], slots[at[~in_memory]], keys, rows, at[~in_memory])
        self._reclaim()

    def expire(self, before: int, limit: int | None = None) -> U8Matrix:
        """Remove rows whose `expires_at` is below `before`, at most `limit`, and return them."""
        self._require_open()
        room = len(self) if limit is None else limit
        removed: list[Segment] = []
        for number in np.flatnonzero(self._table.earliest_at < before).tolist():
            if room <= 0:
                break
            removed.append(self._expire_segment(number, before, room))
            room -= len(removed[-1].keys)
        if not removed:
            return np.empty((0, self._row_bytes), np.uint8)
        _, slots = self._index.find(np.concatenate([part.keys for part in removed]))
        self._index.remove(slots)
        self._reclaim()
        return np.concatenate([part.rows for part in removed])

    def get_state(self, name: str) -> bytes | None:
        """Return the value last put under the name, committed or not; None if there is none."""
        self._require_open()
        return self._state.get(name)

    def put_state(self, name: str, value: bytes | None) -> None:
        """Keep a value under a name of 1 to 500 UTF-8 bytes; None deletes it."""
        self._require_open()
        self._state.put(name, value)

    def state_names(self, prefix: str = "") -> list[str]:
        """Names that hold a value, committed or not, sorted."""
        self._require_open()
        return self._state.names(prefix)

    def commit(self) -> None:
        """Make everything since the last commit durable together, or nothing of it."""
        self._require_open()
        if self._torn:
            raise StoreError(f"{self._file.directory}: an earlier write failed half way; roll back first")
        started = self._clock.monotonic()
        changed = np.flatnonzero(self._table.dirty).tolist()
        emptied = [number for number in changed if number != self._tail and self._table.n_live[number] == 0]
        if changed or self._state.pending:
            with self._file.write() as batch:
                self._write(batch, changed, emptied)
            self._settle(emptied)
        self._last_commit_seconds = self._clock.monotonic() - started

    def rollback(self) -> None:
        """Return to the last commit, in the time that opening the store takes."""
        self._require_open()
        self._state.clear()
        self._load()

    def statistics(self) -> StoreStatistics:
        """Sizes and timings for the metrics."""
        self._require_open()
        in_memory = sum(segment.memory_bytes for segment in self._memory.values())
        return StoreStatistics(
            rows=len(self),
            disk_bytes=self._file.disk_bytes,
            map_bytes=self._file.map_bytes,
            memory_bytes=self._index.memory_bytes + self._table.memory_bytes + in_memory,
            last_commit_seconds=self._last_commit_seconds,
        )

    def close(self) -> None:
        """Release the store; uncommitted writes are dropped. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._views.clear()
        self._file.close()

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self._file.directory}: the store is closed")

    def segments(self) -> Iterator[Segment]:
        """Every living row, uncommitted ones included, a few thousand at a time; write nothing meanwhile."""
        self._require_open()
        for number in np.flatnonzero(self._table.n_live > 0).tolist():
            segment, offsets = self._segment(number), np.flatnonzero(self._table.live(number))
            rows = np.zeros((len(offsets), self._row_bytes), np.uint8)
            _take(segment.rows, offsets, rows)
            yield Segment(segment.keys[offsets], segment.expires_at[offsets], rows)

    # What is in memory, from what is on disk

    def _load(self) -> None:
        """Read the committed state: every segment's keys, and none of its rows but the newest segment's."""
        self._table = SegmentTable(self._segment_rows)
        self._memory: dict[int, Segment] = {}  # segments that take appends or are not on disk yet
        self._views: dict[int, Segment] = {}  # mapped segments; dropped before their pages are free
        self._widths: dict[int, int] = {}
        self._checksums: dict[int, int] = {}
        records = [(number, self._decoded(number, stored)) for number, stored in self._file.records()]
        self._delete_unrecorded({number for number, _ in records})
        self._index = KeyIndex(sum(int(np.count_nonzero(record.live)) for _, record in records))
        tail = None
        for number, record in records:
            self._restore(number, record)
            if len(record.live) < self._segment_rows and record.row_bytes == self._row_bytes:
                tail = number
        self._committed_tail, self._committed_tail_rows = -1, 0
        self._torn = False
        if tail is None:
            self._start_tail()
        else:
            self._resume_tail(tail)

    def _decoded(self, number: int, stored: bytes) -> SegmentRecord:
        where = f"{self._file.directory}: segment {number}"
        record = SegmentRecord.from_bytes(stored, where)
        if len(record.live) > self._segment_rows or not 1 <= record.row_bytes <= self._row_bytes:
            raise CorruptArtifactError(f"{where}: {len(record.live)} rows of {record.row_bytes} bytes do not fit")
        return record

    def _delete_unrecorded(self, recorded: set[int]) -> None:
        """Delete segments that were written ahead of a commit that never came."""
        unrecorded = [number for number in self._file.segment_numbers() if number not in recorded]
        # A full store may have no room to delete them; their numbers are free and will be overwritten.
        with suppress(StoreError):
            if not unrecorded:
                return
            with self._file.write() as batch:
                for number in unrecorded:
                    batch.delete(number)

    def _restore(self, number: int, record: SegmentRecord) -> None:
        self._table.restore(number, record)
        self._widths[number] = record.row_bytes
        self._checksums[number] = record.checksum
        segment = self._segment(number)
        if segment.checksum(len(record.live)) != record.checksum:
            raise CorruptArtifactError(
                f"{self._file.directory}: keys of segment {number} do not match their checksum; "
                "remove the directory to rebuild the store from the log"
            )
        offsets = np.flatnonzero(record.live)
        self._index.insert(segment.keys[offsets], offsets + number * self._segment_rows)

    def _start_tail(self) -> None:
        self._tail = self._table.allocate()
        self._memory[self._tail] = Segment.empty(self._segment_rows, self._row_bytes)
        self._widths[self._tail] = self._row_bytes

    def _resume_tail(self, number: int) -> None:
        """Read the newest segment back into memory, so that it goes on growing."""
        stored, n_rows = self._segment(number), int(self._table.n_rows[number])
        grown = Segment.empty(self._segment_rows, self._row_bytes)
        grown.keys[:n_rows] = stored.keys[:n_rows]
        grown.expires_at[:n_rows] = stored.expires_at[:n_rows]
        grown.rows[:n_rows] = stored.rows[:n_rows]
        self._tail, self._memory[number] = number, grown
        del self._views[number]
        self._protect_tail()

    def _protect_tail(self) -> None:
        """From here on committed rows of the newest segment are replaced, no longer overwritten."""
        self._committed_tail, self._committed_tail_rows = self._tail, int(self._table.n_rows[self._tail])
        self._table.writable_from[self._tail] = self._committed_tail_rows

    # Reading rows

    def _segment(self, number: int) -> Segment:
        segment = self._memory.get(number)
        if segment is None:
            segment = self._views.get(number)
        if segment is None:
            segment = Segment.from_bytes(
                self._file.segment(number),
                self._widths[number],
                int(self._table.n_rows[number]),
                f"{self._file.directory}: segment {number}",
            )
            self._views[number] = segment
        return segment

    def _by_segment(self, ordered: I64Array) -> Iterator[tuple[int, I64Array, slice]]:
        """Cut ascending places into runs of one segment: its number, offsets in it, where in the input."""
        if not len(ordered):
            return
        numbers = ordered // self._segment_rows
        offsets = ordered - numbers * self._segment_rows
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        ends = np.append(starts[1:], len(ordered))
        for number, start, end in zip(numbers[starts].tolist(), starts.tolist(), ends.tolist(), strict=True):
            yield number, offsets[start:end], slice(start, end)

    # Writing rows

    def _append(self, keys: U64Array, expires_at: I64Array, rows: U8Matrix) -> I64Array:
        """Write rows behind the newest and return their places; rows may be narrower than the store's."""
        places = np.empty(len(keys), np.int64)
        done = 0
        while done < len(keys):
            first = int(self._table.n_rows[self._tail])
            if first == self._segment_rows:
                self._write_ahead()
                self._start_tail()
                first = 0
            n_rows = min(len(keys) - done, self._segment_rows - first)
            part, into = slice(done, done + n_rows), slice(first, first + n_rows)
            tail = self._memory[self._tail]
            tail.keys[into] = keys[part]
            tail.expires_at[into] = expires_at[part]
            tail.rows[into, : rows.shape[1]] = rows[part]
            tail.rows[into, rows.shape[1] :] = 0
            places[part] = self._table.append(self._tail, expires_at[part])
            done += n_rows
        return places

    def _replace(self, places: I64Array, slots: I64Array, keys: U64Array, rows: U8Matrix, at: I64Array) -> None:
        """Append new versions of committed rows under their old expiry, and mark the old versions dead."""
        if not len(places):
            return
        expires_at = np.empty(len(places), np.int64)
        for number, offsets, part in self._by_segment(places):
            expires_at[part] = self._segment(number).expires_at[offsets]
        self._index.move(slots, self._append(keys[at], expires_at, rows[at]))
        self._table.kill(places)

    def _expire_segment(self, number: int, before: int, room: int) -> Segment:
        """Kill and copy out what is due in one segment; its keys are still in the index."""
        segment, live = self._segment(number), self._table.live(number)
        expires_at = segment.expires_at[: len(live)]
        due = np.flatnonzero(live & (expires_at < before))
        taken = due[:room]
        rows = np.zeros((len(taken), self._row_bytes), np.uint8)
        _take(segment.rows, taken, rows)
        keys, gone = segment.keys[taken], expires_at[taken]
        self._table.kill(taken + number * self._segment_rows)
        if len(taken) == len(due):
            self._table.earliest_at[number] = expires_at[live].min(initial=NO_EXPIRY)
        return Segment(keys, gone, rows)

    def _reclaim(self) -> None:
        """Move living rows out of segments that are mostly dead, so that the commit can delete those."""
        allowance = _WASTE_ALLOWANCE_SEGMENTS * self._segment_rows
        while (number := self._table.wasteful(self._tail, allowance)) is not None:
            segment, offsets = self._segment(number), np.flatnonzero(self._table.live(number))
            keys = segment.keys[offsets]
            _, slots = self._index.find(keys)
            places = self._append(keys, segment.expires_at[offsets], segment.rows[offsets])
            self._index.move(slots, places)
            self._table.kill(offsets + number * self._segment_rows)

    # Writing to disk

    def _write(self, batch: LmdbWrite, changed: list[int], emptied: list[int]) -> None:
        """Put all that changed into one transaction: segments with new rows, the records of all, named values."""
        for number in emptied:
            batch.delete(number)
        for number in sorted(set(changed) - set(emptied)):
            if number in self._memory:
                self._checksums[number] = self._checksum(number)
                if self._table.n_rows[number] > self._committed_rows(number):
                    batch.put_segment(number, self._encoded(number))
            batch.put_record(number, self._record(number).to_bytes())
        for name, value in self._state.pending.items():
            batch.put_state(name, value)

    def _write_ahead(self) -> None:
        """Bound memory: put full segments on disk before the commit, where no record makes them exist yet."""
        if sum(segment.memory_bytes for segment in self._memory.values()) < _WRITE_AHEAD_BYTES:
            return
        self._torn = True
        with self._file.write() as batch:
            for number in self._memory:
                self._checksums[number] = self._checksum(number)
                batch.put_segment(number, self._encoded(number))
        for number in self._memory:
            self._table.writable_from[number] = self._segment_rows
        self._memory.clear()
        self._torn = False

    def _settle(self, emptied: list[int]) -> None:
        """Take note that the commit has succeeded."""
        for number in emptied:
            self._table.release(number)
            self._views.pop(number, None)
            self._memory.pop(number, None)
        for number in [number for number in self._memory if number != self._tail]:
            self._table.writable_from[number] = self._segment_rows
            del self._memory[number]
        self._table.dirty[:] = False
        self._state.clear()
        self._protect_tail()

    def _committed_rows(self, number: int) -> int:
        return self._committed_tail_rows if number == self._committed_tail else 0

    def _checksum(self, number: int) -> int:
        return self._memory[number].checksum(int(self._table.n_rows[number]))

    def _encoded(self, number: int) -> bytes:
        return self._memory[number].to_bytes(int(self._table.n_rows[number]))

    def _record(self, number: int) -> SegmentRecord:
        earliest_at = int(self._table.earliest_at[number])
        return SegmentRecord(self._widths[number], self._checksums[number], earliest_at, self._table.live(number))


def _in_place_order(places: I64Array) -> tuple[I64Array, I64Array]:
    order = np.argsort(places)
    return order, places[order]


def _take(rows: U8Matrix, offsets: I64Array, out: U8Matrix) -> None:
    """Gather rows that may be narrower than `out`, which is zero there."""
    if rows.shape[1] == out.shape[1]:
        np.take(rows, offsets, axis=0, out=out, mode="clip")  # "raise" would go through a second buffer
    else:
        out[:, : rows.shape[1]] = rows[offsets]


def _records_of(rows: U8Matrix) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """View each row as one item, so that numpy copies rows and not bytes."""
    return rows.view(np.dtype((np.void, rows.shape[1]))).reshape(len(rows))
