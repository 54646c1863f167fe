"""Reading the records of one batch one after the other: best for few of them, and exact about damage."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from kafka.errors import CorruptRecordError

from sentinel.ingest.records.batches import Batch
from sentinel.ingest.records.columns import Columns, Headers

_LONGEST_SHIFT = 63  # of a number of 64 bits, seven bits a byte


@dataclass(slots=True)
class Rows:
    """Fields of the records read so far, offsets and times as distances from those of their batch."""

    offsets: list[int] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    headers: list[Headers] = field(default_factory=list)

    def columns(self, batch: Batch) -> Columns:
        """As columns, with the offsets and times that they stand for."""
        n = len(self.values)
        stamps = np.full(n, batch.max_timestamp)
        if not batch.is_append_time:
            stamps = np.fromiter(self.stamps, np.int64, n) + batch.first_timestamp
        offsets = np.fromiter(self.offsets, np.int64, n) + batch.base_offset
        return Columns(offsets, stamps, self.values, self.keys, self.headers)


def read_one_by_one(
    data: bytes, batch: Batch, *, keys: bool, headers: bool
) -> tuple[Columns, CorruptRecordError | None]:
    """Read the records of a batch.

    Parameters
    ----------
    data : bytes
        Its records, decompressed.
    batch : Batch
    keys, headers : bool
        Whether these are wanted. Headers that are not wanted are passed over, and not checked.

    Returns
    -------
    columns : Columns
        All records; those before the damage, if there is any.
    error : CorruptRecordError or None
        What the damage is.
    """
    rows = Rows()
    try:
        end = _read(data, batch.n_records, rows, keys, headers)
        if end != len(data):
            raise ValueError(f"{len(data) - end} bytes are left after the last record")
    except (ValueError, IndexError) as error:
        place = f"record {len(rows.values)} of the batch at offset {batch.base_offset}"
        return rows.columns(batch), CorruptRecordError(f"{place} cannot be read: {error}")
    return rows.columns(batch), None


def _read(data: bytes, n_records: int, rows: Rows, keys: bool, headers: bool) -> int:
    """Append the fields of all records; returns where they end. The common single byte is read in place."""
    at = 0
    for _ in range(n_records):
        length, at = read_varint(data, at)
        end = at + length
        if length < 0 or end > len(data):
            raise ValueError(f"its length is {length}")
        at += 1  # attributes: none are defined
        stamp, at = (data[at] >> 1, at + 1) if not data[at] & 0x81 else read_varint(data, at)
        offset, at = (data[at] >> 1, at + 1) if not data[at] & 0x81 else read_varint(data, at)
        size, at = (data[at] >> 1, at + 1) if not data[at] & 0x81 else read_varint(data, at)
        begin = at
        at += max(size, 0)
        key = data[begin:at] if keys and size >= 0 else None
        size, at = read_varint(data, at)
        begin = at
        at += max(size, 0)
        value = data[begin:at] if size >= 0 else None
        n_headers, at = (data[at] >> 1, at + 1) if not data[at] & 0x81 else read_varint(data, at)
        named, at = read_headers(data, at, n_headers) if headers else ((), end if n_headers > 0 else at)
        if at != end or n_headers < 0:
            raise ValueError(f"it ends at byte {at} instead of {end}")
        rows.offsets.append(offset)
        rows.stamps.append(stamp)
        rows.values.append(value)
        if keys:
            rows.keys.append(key)
        if headers:
            rows.headers.append(named)
    return at


def read_headers(data: bytes, at: int, n_headers: int) -> tuple[Headers, int]:
    """Read the headers of one record, and tell where they end.

    Raises
    ------
    ValueError, IndexError
        If that is not what is there.
    """
    found: list[tuple[str, bytes | None]] = []
    for _ in range(n_headers):
        size, at = read_varint(data, at)
        if size < 0:
            raise ValueError(f"the name of a header has length {size}")
        name = data[at : at + size].decode()
        at += size
        size, at = read_varint(data, at)
        found.append((name, data[at : at + size] if size >= 0 else None))
        at += max(size, 0)
    return found, at


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Read one number, and tell where it ends: seven bits a byte, the lowest first, the sign in the lowest bit.

    Raises
    ------
    ValueError
        If it has more than 64 bits.
    IndexError
        If the data end before it does.

    Examples
    --------
    >>> read_varint(bytes([4]), 0), read_varint(bytes([3]), 0), read_varint(bytes([0x80, 0x02]), 0)
    ((2, 1), (-2, 1), (128, 2))
    """
    byte = data[at]
    value, shift = byte & 0x7F, 7
    at += 1
    while byte & 0x80:
        if shift > _LONGEST_SHIFT:
            raise ValueError("a number has more than 64 bits")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    if value >> 64:
        raise ValueError("a number has more than 64 bits")
    return (value >> 1) ^ -(value & 1), at
