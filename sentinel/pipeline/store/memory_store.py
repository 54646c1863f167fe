"""The join store in memory: for replays, which start from the log and need nothing durable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sentinel.clock import Clock, SystemClock
from sentinel.errors import StoreError
from sentinel.pipeline.store.key_index import KeyIndex
from sentinel.pipeline.store.protocol import StoreStatistics, check_batch, check_row_bytes
from sentinel.pipeline.store.segment import Segment
from sentinel.pipeline.store.state_overlay import StateOverlay

if TYPE_CHECKING:
    from sentinel.pipeline.store.protocol import BoolArray, I64Array, U8Matrix, U64Array

_BLOCK_ROWS = 16_384  # rows that share one earliest expiry
_NO_EXPIRY = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class _Undo:
    """What one write has replaced: rows to bring back, or places that held nothing before."""

    places: I64Array
    replaced: Segment | None


class _CommittedNames:
    """Committed named values of a store in memory."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def get_state(self, name: str) -> bytes | None:
        return self.values.get(name)

    def state_names(self, prefix: str) -> list[str]:
        return [name for name in self.values if name.startswith(prefix)]


class MemoryJoinStore:
    """See `JoinStore` for the contract. Nothing outlives the process; commit and rollback still hold.

    Rows lie in one matrix and are overwritten in place; what a write replaces is kept until the commit,
    so commit now and then. Memory: row_bytes + 17 bytes a row, 12 bytes an index slot, and half as much
    room again for growth.
    """

    def __init__(self, row_bytes: int, clock: Clock | None = None) -> None:
        self._row_bytes = check_row_bytes(row_bytes)
        self._clock = clock or SystemClock()
        self._last_commit_seconds = 0.0
        self._closed = False
        self._clear()

    def _clear(self) -> None:
        self._index = KeyIndex()
        self._keys: U64Array = np.empty(0, np.uint64)
        self._expires_at: I64Array = np.empty(0, np.int64)
        self._rows: U8Matrix = np.empty((0, self._row_bytes), np.uint8)
        self._live: BoolArray = np.empty(0, np.bool_)
        self._earliest_at: I64Array = np.empty(0, np.int64)  # by block; no living row of it expires before
        self._free: I64Array = np.empty(0, np.int64)  # a stack of unused places; its height is _n_free
        self._n_free = 0
        self._undo: list[_Undo] = []
        self._committed = _CommittedNames()
        self._state = StateOverlay(self._committed)

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
        rows[found] = self._rows[places[found]]
        return found, rows

    def put(self, keys: U64Array, expires_at: I64Array, rows: U8Matrix) -> None:
        """Insert rows, or replace them together with their expiry."""
        self._require_open()
        check_batch(keys, rows, self._row_bytes, expires_at)
        places, _ = self._index.find(keys)
        absent = places < 0
        self._remember(places[~absent])
        fresh = self._take_places(int(np.count_nonzero(absent)))
        places[absent] = fresh
        self._undo.append(_Undo(fresh, None))
        self._fill(places, keys, expires_at, rows)
        self._index.insert(keys[absent], fresh)

    def update(self, keys: U64Array, rows: U8Matrix) -> None:
        """Overwrite the rows of keys that are held; their expiry stays. Other keys are ignored."""
        self._require_open()
        check_batch(keys, rows, self._row_bytes)
        places, _ = self._index.find(keys)
        held = places >= 0
        self._remember(places[held])
        self._rows[places[held]] = rows[held]

    def expire(self, before: int, limit: int | None = None) -> U8Matrix:
        """Remove rows whose `expires_at` is below `before`, at most `limit`, and return them."""
        self._require_open()
        room = len(self) if limit is None else limit
        taken = [np.empty(0, np.int64)]
        for block in np.flatnonzero(self._earliest_at < before).tolist():
            if room <= 0:
                break
            taken.append(self._due(block, before, room))
            room -= len(taken[-1])
        places = np.concatenate(taken)
        rows = self._rows[places]
        self._remember(places)
        self._drop(places)
        self._release(places)
        return rows

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
        """Forget how to undo what was written."""
        self._require_open()
        started = self._clock.monotonic()
        for name, value in self._state.pending.items():
            if value is None:
                self._committed.values.pop(name, None)
            else:
                self._committed.values[name] = value
        self._state.clear()
        self._undo.clear()
        self._last_commit_seconds = self._clock.monotonic() - started

    def rollback(self) -> None:
        """Return to the last commit, write by write, the latest first."""
        self._require_open()
        for undo in reversed(self._undo):
            if undo.replaced is None:
                self._drop(undo.places)
            else:
                self._restore(undo.places, undo.replaced)
        self._undo.clear()
        self._state.clear()
        self._n_free = 0
        self._release(np.flatnonzero(~self._live)[::-1])

    def statistics(self) -> StoreStatistics:
        """Sizes and timings for the metrics."""
        self._require_open()
        columns = (self._keys, self._expires_at, self._rows, self._live, self._free)
        return StoreStatistics(
            rows=len(self),
            disk_bytes=0,
            map_bytes=0,
            memory_bytes=self._index.memory_bytes + sum(column.nbytes for column in columns),
            last_commit_seconds=self._last_commit_seconds,
        )

    def close(self) -> None:
        """Release the memory. A second call does nothing."""
        if not self._closed:
            self._clear()
            self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError("the store in memory is closed")

    def _remember(self, places: I64Array) -> None:
        if len(places):
            replaced = Segment(self._keys[places], self._expires_at[places], self._rows[places])
            self._undo.append(_Undo(places, replaced))

    def _restore(self, places: I64Array, replaced: Segment) -> None:
        gone = ~self._live[places]
        self._index.insert(replaced.keys[gone], places[gone])
        self._fill(places, replaced.keys, replaced.expires_at, replaced.rows)

    def _fill(self, places: I64Array, keys: U64Array, expires_at: I64Array, rows: U8Matrix) -> None:
        self._keys[places] = keys
        self._expires_at[places] = expires_at
        self._rows[places] = rows
        self._live[places] = True
        np.minimum.at(self._earliest_at, places // _BLOCK_ROWS, expires_at)

    def _due(self, block: int, before: int, room: int) -> I64Array:
        """Places of at most `room` rows of a block that are due; the block's earliest expiry moves on."""
        part = slice(block * _BLOCK_ROWS, (block + 1) * _BLOCK_ROWS)
        live, expires_at = self._live[part], self._expires_at[part]
        due = live & (expires_at < before)
        taken = np.flatnonzero(due)
        if len(taken) <= room:
            self._earliest_at[block] = expires_at[live & ~due].min(initial=_NO_EXPIRY)
        return taken[:room] + part.start

    def _drop(self, places: I64Array) -> None:
        _, slots = self._index.find(self._keys[places])
        self._index.remove(slots)
        self._live[places] = False

    def _take_places(self, n_rows: int) -> I64Array:
        if n_rows > self._n_free:
            self._grow(n_rows - self._n_free)
        self._n_free -= n_rows
        return self._free[self._n_free : self._n_free + n_rows][::-1].copy()

    def _release(self, places: I64Array) -> None:
        self._free[self._n_free : self._n_free + len(places)] = places
        self._n_free += len(places)

    def _grow(self, n_needed: int) -> None:
        old = len(self._keys)
        n_more = -(-max(n_needed, old // 2) // _BLOCK_ROWS) * _BLOCK_ROWS
        self._keys = np.concatenate([self._keys, np.empty(n_more, np.uint64)])
        self._expires_at = np.concatenate([self._expires_at, np.empty(n_more, np.int64)])
        self._rows = np.concatenate([self._rows, np.empty((n_more, self._row_bytes), np.uint8)])
        self._live = np.concatenate([self._live, np.zeros(n_more, np.bool_)])
        blocks = np.full(n_more // _BLOCK_ROWS, _NO_EXPIRY, np.int64)
        self._earliest_at = np.concatenate([self._earliest_at, blocks])
        unused, self._free = self._free[: self._n_free], np.empty(old + n_more, np.int64)
        self._n_free = 0
        self._release(np.arange(old + n_more - 1, old - 1, -1))
        self._release(unused)
