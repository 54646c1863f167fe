"""What a join store promises to the loop that owns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

U64Array = npt.NDArray[np.uint64]
I64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
U8Matrix = npt.NDArray[np.uint8]

MAX_ROW_BYTES = 4096
MAX_NAME_BYTES = 500  # LMDB keys end at 511 bytes


@dataclass(frozen=True, slots=True)
class StoreStatistics:
    """One look at a store: cheap enough to take at every scrape.

    Attributes
    ----------
    rows : int
        Rows held, uncommitted ones included.
    disk_bytes : int
        Bytes that the store occupies on disk; 0 for a store in memory.
    map_bytes : int
        The largest size that the store may grow to on disk; 0 where there is no such limit.
    memory_bytes : int
        Anonymous memory of the store: the key index, liveness, and rows that are not yet on disk.
    last_commit_seconds : float
        How long the last commit took; 0 before the first.
    """

    rows: int
    disk_bytes: int
    map_bytes: int
    memory_bytes: int
    last_commit_seconds: float


class JoinStore(Protocol):
    """Fixed-width rows by 64-bit key with an expiry each, and named values, under one transaction.

    Who calls: the one thread that owns the partition; no method is safe to call from a second thread.

    What blocks: `commit` (it writes and, where the store was opened so, waits for the disk), `rollback`
    (it reads the committed state again), and any write that must first push earlier uncommitted rows
    to disk to keep memory flat. Nothing waits for another process.

    Order: writes take effect in call order and reads see them at once, committed or not. Within one
    call rows are independent of each other.

    Failure: a call that raises `ValueError` has changed nothing. After a `StoreError` from a write or a
    commit nothing of the open transaction is durable; the owner calls `rollback` or `close`. Arrays
    that are returned belong to the caller.
    """

    @property
    def row_bytes(self) -> int:
        """Width of every row in bytes, 1 to 4096."""
        ...

    def get(self, keys: U64Array) -> tuple[BoolArray, U8Matrix]:
        """Look keys up; uncommitted writes are seen.

        Parameters
        ----------
        keys : uint64 array, shape (n,)
            May repeat and need no order.

        Returns
        -------
        found : bool array, shape (n,)
        rows : uint8 array, shape (n, row_bytes)
            Zero where not found.
        """
        ...

    def put(self, keys: U64Array, expires_at: I64Array, rows: U8Matrix) -> None:
        """Insert rows, or replace them together with their expiry.

        Parameters
        ----------
        keys : uint64 array, shape (n,)
            Unique within the call.
        expires_at : int64 array, shape (n,)
            Microseconds since the epoch, UTC.
        rows : uint8 array, shape (n, row_bytes)

        Raises
        ------
        ValueError
            If keys repeat or shapes differ.
        StoreError
            If there is no room on disk.
        """
        ...

    def update(self, keys: U64Array, rows: U8Matrix) -> None:
        """Overwrite the rows of keys that are held; their expiry stays. Keys that are not held are ignored.

        Parameters
        ----------
        keys : uint64 array, shape (n,)
            Unique within the call.
        rows : uint8 array, shape (n, row_bytes)

        Raises
        ------
        ValueError
            If keys repeat or shapes differ.
        StoreError
            If there is no room on disk.
        """
        ...

    def expire(self, before: int, limit: int | None = None) -> U8Matrix:
        """Remove rows whose `expires_at` is below `before`, and return them.

        Parameters
        ----------
        before : int
            Microseconds since the epoch, UTC.
        limit : int, optional
            Remove at most this many and keep the rest for the next call, so that memory stays flat;
            which of them go first is not promised. A result shorter than the limit means none is left.

        Returns
        -------
        uint8 array, shape (n_removed, row_bytes)
        """
        ...

    def __len__(self) -> int:
        """Rows held, uncommitted ones included."""
        ...

    def get_state(self, name: str) -> bytes | None:
        """Return the value last put under the name, committed or not; None if there is none."""
        ...

    def put_state(self, name: str, value: bytes | None) -> None:
        """Keep a value under a name of 1 to 500 UTF-8 bytes; None deletes it."""
        ...

    def state_names(self, prefix: str = "") -> list[str]:
        """Names that hold a value, committed or not, sorted."""
        ...

    def commit(self) -> None:
        """Make everything since the last commit durable together, or nothing of it.

        Raises
        ------
        StoreError
            If the disk or the store is full. The transaction is still open then.
        """
        ...

    def rollback(self) -> None:
        """Return to the last commit."""
        ...

    def statistics(self) -> StoreStatistics:
        """Sizes and timings for the metrics."""
        ...

    def close(self) -> None:
        """Release the store; uncommitted writes are dropped. A second call does nothing."""
        ...


def check_batch(keys: U64Array, rows: U8Matrix, row_bytes: int, expires_at: I64Array | None = None) -> None:
    """Refuse a write whose arrays do not fit each other, before it changes anything.

    Raises
    ------
    ValueError
        If shapes or types differ from the contract, or keys repeat.
    """
    if keys.dtype != np.uint64 or keys.ndim != 1:
        raise ValueError(f"keys must be a 1-d uint64 array, not {keys.dtype} of shape {keys.shape}")
    if rows.dtype != np.uint8 or rows.shape != (len(keys), row_bytes):
        raise ValueError(f"rows must be uint8 of shape {(len(keys), row_bytes)}, not {rows.dtype} {rows.shape}")
    if expires_at is not None and (expires_at.dtype != np.int64 or expires_at.shape != keys.shape):
        raise ValueError(f"expires_at must be int64 of shape {keys.shape}, not {expires_at.dtype} {expires_at.shape}")
    ordered = np.sort(keys)
    if np.any(ordered[1:] == ordered[:-1]):
        raise ValueError("keys repeat within one call; keep the last of each before writing")


def check_row_bytes(row_bytes: int) -> int:
    """Return the row width if a store can have it.

    Raises
    ------
    ValueError
        Outside 1 to 4096.
    """
    if not 1 <= row_bytes <= MAX_ROW_BYTES:
        raise ValueError(f"row_bytes must be 1 to {MAX_ROW_BYTES}, not {row_bytes}")
    return row_bytes
