"""The records of one topic partition as columns: what the readers of batches make, and what the codec is fed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sentinel.events.batch import I64

Headers = Sequence[tuple[str, bytes | None]]
NO_TIMESTAMP = -1


@dataclass(frozen=True, slots=True)
class Columns:
    """Records of one topic partition, in offset order.

    Parameters
    ----------
    offsets : int64, shape (n,)
    timestamps : int64, shape (n,), milliseconds since the epoch, UTC
        ``NO_TIMESTAMP`` where the topic carries none.
    values : list of bytes or None, length n
        None is a tombstone.
    keys, headers : list of length n, or empty where nobody asked for them
    """

    offsets: I64
    timestamps: I64
    values: list[bytes | None]
    keys: list[bytes | None]
    headers: list[Headers]

    def __len__(self) -> int:
        return len(self.values)

    def slice(self, start: int, stop: int) -> Columns:
        """Some of them, in a row."""
        part = slice(start, stop)
        return Columns(
            self.offsets[part], self.timestamps[part], self.values[part], self.keys[part], self.headers[part]
        )


def join_columns(parts: Sequence[Columns]) -> Columns:
    """Put what came of one topic partition, one after the other, into one; of nothing, nothing."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Columns(np.empty(0, np.int64), np.empty(0, np.int64), [], [], [])
    return Columns(
        np.concatenate([part.offsets for part in parts]),
        np.concatenate([part.timestamps for part in parts]),
        [value for part in parts for value in part.values],
        [key for part in parts for key in part.keys],
        [headers for part in parts for headers in part.headers],
    )


def from_records(records: Sequence[Any], *, keys: bool, headers: bool) -> Columns:
    """Columns of the record objects that kafka-python makes.

    Parameters
    ----------
    records : sequence of kafka.consumer.fetcher.ConsumerRecord
    keys, headers : bool
        Whether these are wanted.
    """
    n = len(records)
    stamps = [NO_TIMESTAMP if record.timestamp is None else record.timestamp for record in records]
    return Columns(
        np.fromiter([record.offset for record in records], np.int64, n),
        np.fromiter(stamps, np.int64, n),
        [record.value for record in records],
        [record.key for record in records] if keys else [],
        [record.headers for record in records] if headers else [],
    )
