"""A run of rows that are stored as one value, and the record that says which of them are alive."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from sentinel.errors import CorruptArtifactError

if TYPE_CHECKING:
    from sentinel.pipeline.store.protocol import BoolArray, I64Array, U8Matrix, U64Array

COLUMN_BYTES = 16  # key and expiry, in front of the rows
_RECORD = struct.Struct("<IIIq")  # rows, row width, checksum, earliest expiry
_MIN_SEGMENT_ROWS, _MAX_SEGMENT_ROWS = 256, 16_384
_SEGMENT_BYTES = 2 << 20  # what one commit rewrites at most beyond new rows; 600 segments hold 10 M rows


@dataclass(frozen=True, slots=True)
class Segment:
    """Columns of equal length; row i of each belongs together.

    Attributes
    ----------
    keys : uint64 array, shape (n,)
    expires_at : int64 array, shape (n,), microseconds since the epoch, UTC
    rows : uint8 array, shape (n, row width)
    """

    keys: U64Array
    expires_at: I64Array
    rows: U8Matrix

    @classmethod
    def empty(cls, n_rows: int, row_bytes: int) -> Self:
        """Room for rows that are still to come."""
        return cls(np.empty(n_rows, np.uint64), np.empty(n_rows, np.int64), np.empty((n_rows, row_bytes), np.uint8))

    @classmethod
    def from_bytes(cls, stored: memoryview, row_bytes: int, n_needed: int, where: str) -> Self:
        """View stored bytes without copying them; they may hold more rows than are needed.

        Raises
        ------
        CorruptArtifactError
            If the length is not that of whole rows, or of too few.
        """
        n_rows, rest = divmod(len(stored), COLUMN_BYTES + row_bytes)
        if rest or n_rows < n_needed:
            raise CorruptArtifactError(f"{where}: {len(stored)} bytes cannot hold {n_needed} rows of {row_bytes} bytes")
        return cls(
            np.frombuffer(stored, np.uint64, n_rows),
            np.frombuffer(stored, np.int64, n_rows, offset=8 * n_rows),
            np.frombuffer(stored, np.uint8, offset=COLUMN_BYTES * n_rows).reshape(n_rows, row_bytes),
        )

    @property
    def row_bytes(self) -> int:
        """Width of its rows."""
        return int(self.rows.shape[1])

    @property
    def memory_bytes(self) -> int:
        """Bytes of all columns."""
        return self.keys.nbytes + self.expires_at.nbytes + self.rows.nbytes

    def to_bytes(self, n_rows: int) -> bytes:
        """The first rows, column after column."""
        columns = (self.keys[:n_rows], self.expires_at[:n_rows], self.rows[:n_rows])
        return b"".join(column.tobytes() for column in columns)

    def checksum(self, n_rows: int) -> int:
        """CRC-32 of the first keys and expiries; rows are left out, since opening does not read them."""
        return zlib.crc32(self.expires_at[:n_rows].tobytes(), zlib.crc32(self.keys[:n_rows].tobytes()))


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """What a commit says of a segment; without it the segment does not exist.

    Attributes
    ----------
    row_bytes : int
        Width of its rows, at most that of the store.
    checksum : int
        Of keys and expiries.
    earliest_at : int
        No living row expires before, microseconds since the epoch, UTC.
    live : bool array, shape (n_rows,)
        False where the row was replaced or has expired.
    """

    row_bytes: int
    checksum: int
    earliest_at: int
    live: BoolArray

    def to_bytes(self) -> bytes:
        """Header and one bit a row."""
        header = _RECORD.pack(len(self.live), self.row_bytes, self.checksum, self.earliest_at)
        return header + np.packbits(self.live).tobytes()

    @classmethod
    def from_bytes(cls, stored: bytes, where: str) -> Self:
        """Read what `to_bytes` wrote.

        Raises
        ------
        CorruptArtifactError
            If the length is wrong.
        """
        if len(stored) < _RECORD.size:
            raise CorruptArtifactError(f"{where}: the record has {len(stored)} bytes only")
        n_rows, row_bytes, checksum, earliest_at = _RECORD.unpack_from(stored)
        if len(stored) != _RECORD.size + (n_rows + 7) // 8:
            raise CorruptArtifactError(f"{where}: {len(stored)} bytes are no record of {n_rows} rows")
        bits = np.frombuffer(stored, np.uint8, offset=_RECORD.size)
        return cls(row_bytes, checksum, earliest_at, np.unpackbits(bits, count=n_rows).astype(np.bool_))


def rows_per_segment(row_bytes: int) -> int:
    """Return the power of two that keeps a segment at or below 2 MiB, between 256 and 16,384 rows."""
    n_rows = _MAX_SEGMENT_ROWS
    while n_rows > _MIN_SEGMENT_ROWS and n_rows * (COLUMN_BYTES + row_bytes) > _SEGMENT_BYTES:
        n_rows //= 2
    return n_rows
