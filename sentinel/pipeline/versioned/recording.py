"""A join store that keeps a record of what is done to it."""

from __future__ import annotations

from collections.abc import Callable

from sentinel.pipeline.store.protocol import BoolArray, I64Array, JoinStore, StoreStatistics, U8Matrix, U64Array
from sentinel.pipeline.versioned.operations import Expire, OperationWriter, State, Update


class RecordingStore:
    """Passes everything on to a store and writes down what changed it.

    Implements :class:`~sentinel.pipeline.store.protocol.JoinStore`.

    Parameters
    ----------
    inner : JoinStore
        Closed by whoever opened it.
    writer : OperationWriter
    before_commit : callable
        Called by :meth:`commit` before the inner store commits: puts the record where it counts.
    """

    def __init__(self, inner: JoinStore, writer: OperationWriter, before_commit: Callable[[], None]) -> None:
        self._inner = inner
        self._writer = writer
        self._before_commit = before_commit

    @property
    def row_bytes(self) -> int:
        """Width of every row in bytes."""
        return self._inner.row_bytes

    def __len__(self) -> int:
        """Rows held."""
        return len(self._inner)

    def get(self, keys: U64Array) -> tuple[BoolArray, U8Matrix]:
        """Look keys up."""
        return self._inner.get(keys)

    def put(self, keys: U64Array, expires_at: I64Array, rows: U8Matrix) -> None:
        """Insert rows, or replace them together with their expiry."""
        self._inner.put(keys, expires_at, rows)
        if len(keys):
            self._writer.put(keys, expires_at, rows)

    def update(self, keys: U64Array, rows: U8Matrix) -> None:
        """Overwrite the rows of keys that are held."""
        self._inner.update(keys, rows)
        if len(keys):
            self._writer.write(Update(keys.tobytes(), rows.tobytes()))

    def expire(self, before: int, limit: int | None = None) -> U8Matrix:
        """Remove rows whose time is over."""
        gone = self._inner.expire(before, limit)
        if len(gone):
            self._writer.write(Expire(before))
        return gone

    def get_state(self, name: str) -> bytes | None:
        """Return a named value."""
        return self._inner.get_state(name)

    def put_state(self, name: str, value: bytes | None) -> None:
        """Keep a value under a name."""
        self._inner.put_state(name, value)
        self._writer.write(State(name, value))

    def state_names(self, prefix: str = "") -> list[str]:
        """Names that hold a value."""
        return self._inner.state_names(prefix)

    def commit(self) -> None:
        """Put the record where it counts, then commit the inner store."""
        self._before_commit()
        self._inner.commit()

    def rollback(self) -> None:
        """Never called: a batch is counted whole or not at all."""
        raise NotImplementedError("a recorded batch is dropped, not rolled back")

    def statistics(self) -> StoreStatistics:
        """Sizes and timings of the inner store."""
        return self._inner.statistics()

    def close(self) -> None:
        """Nothing: the inner store belongs to whoever opened it."""
