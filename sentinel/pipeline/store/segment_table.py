"""Which segments exist, which of their rows are alive, and what the next commit has to write."""

from __future__ import annotations

import heapq

import numpy as np

from sentinel.errors import StoreError
from sentinel.pipeline.store.key_index import MAX_PLACES
from sentinel.pipeline.store.protocol import BoolArray, I64Array
from sentinel.pipeline.store.segment import SegmentRecord

NO_EXPIRY = int(np.iinfo(np.int64).max)
_FIRST_CAPACITY = 4


class SegmentTable:
    """Bookkeeping by segment number; place = number * segment_rows + offset.

    A number is free, or its segment holds `n_rows` rows of which `n_live` are alive. Rows are only ever
    appended to a segment or killed in it, so the bytes of a committed row never change on disk. The
    numbers of emptied segments return to use after the commit that deletes them.
    """

    def __init__(self, segment_rows: int) -> None:
        self.segment_rows = segment_rows
        self.n_rows: I64Array = np.zeros(_FIRST_CAPACITY, np.int64)
        self.n_live: I64Array = np.zeros(_FIRST_CAPACITY, np.int64)
        self.earliest_at: I64Array = np.full(_FIRST_CAPACITY, NO_EXPIRY, np.int64)
        self.writable_from: I64Array = np.full(_FIRST_CAPACITY, segment_rows, np.int64)
        self.dirty: BoolArray = np.zeros(_FIRST_CAPACITY, np.bool_)
        self._live: BoolArray = np.zeros((_FIRST_CAPACITY, segment_rows), np.bool_)
        self._free: list[int] = []
        self._next = 0

    @property
    def memory_bytes(self) -> int:
        """Bytes of the liveness flags, which dwarf the rest."""
        return self._live.nbytes

    def allocate(self) -> int:
        """Take the lowest free number for a new segment, whose rows may be overwritten until the commit.

        Raises
        ------
        StoreError
            If places no longer fit the index.
        """
        if self._free:
            number = heapq.heappop(self._free)
        else:
            number = self._next
            self._make_room(number)
            self._next += 1
        self.writable_from[number] = 0
        return number

    def restore(self, number: int, record: SegmentRecord) -> None:
        """Take over a committed segment; numbers come in ascending order."""
        self._make_room(number)
        for skipped in range(self._next, number):
            heapq.heappush(self._free, skipped)
        self._next = number + 1
        self.n_rows[number] = len(record.live)
        self.n_live[number] = np.count_nonzero(record.live)
        self.earliest_at[number] = record.earliest_at
        self._live[number, : len(record.live)] = record.live

    def append(self, number: int, expires_at: I64Array) -> I64Array:
        """Count rows in at the end of a segment and return their places."""
        first = int(self.n_rows[number])
        self._live[number, first : first + len(expires_at)] = True
        self.n_rows[number] += len(expires_at)
        self.n_live[number] += len(expires_at)
        self.earliest_at[number] = min(int(self.earliest_at[number]), int(expires_at.min()))
        self.dirty[number] = True
        first += number * self.segment_rows
        return np.arange(first, first + len(expires_at))

    def kill(self, places: I64Array) -> None:
        """Mark rows as replaced or expired."""
        self._live.reshape(-1)[places] = False
        killed = np.bincount(places // self.segment_rows, minlength=len(self.n_live))
        self.n_live -= killed
        self.dirty |= killed > 0

    def live(self, number: int) -> BoolArray:
        """Flags of the rows of a segment, as a view."""
        return self._live[number, : int(self.n_rows[number])]

    def writable(self, places: I64Array) -> BoolArray:
        """Tell which rows are in memory and not yet committed, so that they may be overwritten."""
        return np.asarray(places % self.segment_rows >= self.writable_from[places // self.segment_rows])

    def wasteful(self, tail: int, allowance: int) -> int | None:
        """Return the segment with the fewest living rows, if dead rows outweigh living ones by too much."""
        held = self.n_live > 0
        held[tail] = False
        n_live = int(self.n_live[held].sum())
        n_dead = int(self.n_rows[held].sum()) - n_live
        if n_dead <= n_live + allowance:
            return None
        return int(np.argmin(np.where(held, self.n_live, NO_EXPIRY)))

    def release(self, number: int) -> None:
        """Free the number of a segment that the commit has deleted."""
        self.n_rows[number] = 0
        self.n_live[number] = 0
        self.earliest_at[number] = NO_EXPIRY
        self.writable_from[number] = self.segment_rows
        heapq.heappush(self._free, number)

    def _make_room(self, number: int) -> None:
        if (number + 1) * self.segment_rows > MAX_PLACES:
            raise StoreError(f"a join store holds at most {MAX_PLACES} rows; spread the topic over more partitions")
        capacity = len(self.n_rows)
        if number < capacity:
            return
        n_more = max(number + 1 - capacity, capacity // 2)
        self.n_rows = _extended(self.n_rows, n_more, 0)
        self.n_live = _extended(self.n_live, n_more, 0)
        self.earliest_at = _extended(self.earliest_at, n_more, NO_EXPIRY)
        self.writable_from = _extended(self.writable_from, n_more, self.segment_rows)
        self.dirty = np.concatenate([self.dirty, np.zeros(n_more, np.bool_)])
        self._live = np.concatenate([self._live, np.zeros((n_more, self.segment_rows), np.bool_)])


def _extended(column: I64Array, n_more: int, fill: int) -> I64Array:
    return np.concatenate([column, np.full(n_more, fill, np.int64)])
