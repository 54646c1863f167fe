"""Reading the records of many batches at once with numpy: a few passes over all of them instead of a loop a record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sentinel.events.batch import I64
from sentinel.ingest.records.batches import Batch
from sentinel.ingest.records.columns import Columns, Headers
from sentinel.ingest.records.one_by_one import read_headers

_U8 = npt.NDArray[np.uint8]
_LONGEST_SHIFT = 63


class UnevenError(ValueError):
    """The bytes are not what the quick way takes for granted; the other way tells what is wrong with them."""


def read_at_once(
    parts: Sequence[bytes | memoryview], batches: Sequence[Batch], *, keys: bool, headers: bool
) -> Columns:
    """Read the records of whole batches, one after the other.

    A Python loop follows the lengths from record to record; everything else is decoded for all records together.

    Parameters
    ----------
    parts : sequence of bytes-like
        Of each batch the records, decompressed.
    batches : sequence of Batch
    keys, headers : bool
        Whether these are wanted. Headers that are not wanted are passed over, and not checked.

    Raises
    ------
    UnevenError
        If anything is not as it should be.
    """
    first = parts[0]
    data = first if len(parts) == 1 and isinstance(first, bytes) else b"".join(parts)
    try:
        return _read(data, [len(part) for part in parts], batches, keys, headers)
    except (IndexError, ValueError) as error:
        raise UnevenError(str(error)) from error


def _read(data: bytes, sizes: Sequence[int], batches: Sequence[Batch], keys: bool, headers: bool) -> Columns:
    starts = np.array(_record_starts(data, sizes, [batch.n_records for batch in batches]), np.int64)
    if not len(starts):
        return Columns(np.empty(0, np.int64), np.empty(0, np.int64), [], [], [])
    ends = np.append(starts[1:], len(data))
    octets = np.frombuffer(data, np.uint8)
    lengths, at = _varints(octets, starts)
    stamps, at = _varints(octets, at + 1)  # a byte of attributes, of which none are defined
    offsets, at = _varints(octets, at)
    sizes_of_keys, keys_at = _varints(octets, at)
    sizes_of_values, values_at = _varints(octets, keys_at + np.maximum(sizes_of_keys, 0))
    n_headers, at = _varints(octets, values_at + np.maximum(sizes_of_values, 0))
    exact = np.where(n_headers > 0, at <= ends, at == ends) & (n_headers >= 0) & (lengths >= 0)
    if not exact.all():
        raise UnevenError("a record does not end where it should")
    counts = [batch.n_records for batch in batches]
    return Columns(
        offsets + np.repeat(np.array([batch.base_offset for batch in batches], np.int64), counts),
        _timestamps(stamps, batches, counts),
        _slices(data, values_at, sizes_of_values),
        _slices(data, keys_at, sizes_of_keys) if keys else [],
        _headers(data, at.tolist(), n_headers.tolist(), ends.tolist()) if headers else [],
    )


def _record_starts(data: bytes, sizes: Sequence[int], counts: Sequence[int]) -> list[int]:
    """Follow the lengths from record to record. Signs are looked at later: a length is not negative."""
    starts: list[int] = []
    append = starts.append
    at = end = 0
    for size, count in zip(sizes, counts, strict=True):
        end += size
        for _ in range(count):
            append(at)
            byte = data[at]
            if byte < 0x80:
                at += 1 + (byte >> 1)
                continue
            second = data[at + 1]
            if second < 0x80:  # up to 8 KiB
                at += 2 + ((byte & 0x7F | second << 7) >> 1)
                continue
            length, shift = byte & 0x7F | (second & 0x7F) << 7, 14
            at += 2
            while second >= 0x80:
                second = data[at]
                length |= (second & 0x7F) << shift
                shift += 7
                at += 1
            at += length >> 1
        if at != end:
            raise UnevenError("the records of a batch do not end with it")
    return starts


def _varints(octets: _U8, at: I64) -> tuple[I64, I64]:
    """Decode a number at each place, and tell where each ends: seven bits a byte, the sign in the lowest bit."""
    byte = octets[at]
    values = (byte & 0x7F).astype(np.uint64)
    ends = at + 1
    more, shift = np.flatnonzero(byte >= 0x80), 7
    while len(more):
        if shift > _LONGEST_SHIFT:
            raise UnevenError("a number has more than 64 bits")
        byte = octets[ends[more]]
        values[more] |= (byte & 0x7F).astype(np.uint64) << np.uint64(shift)
        ends[more] += 1
        more, shift = more[byte >= 0x80], shift + 7
    signed: I64 = ((values >> np.uint64(1)) ^ (~(values & np.uint64(1)) + np.uint64(1))).view(np.int64)
    return signed, ends


def _timestamps(stamps: I64, batches: Sequence[Batch], counts: Sequence[int]) -> I64:
    is_append_time = [batch.is_append_time for batch in batches]
    base = [batch.max_timestamp if batch.is_append_time else batch.first_timestamp for batch in batches]
    if any(is_append_time):
        stamps = np.where(np.repeat(is_append_time, counts), 0, stamps)
    times: I64 = stamps + np.repeat(np.array(base, np.int64), counts)
    return times


def _slices(data: bytes, starts: I64, sizes: I64) -> list[bytes | None]:
    """The bytes at each place; None where the size is negative."""
    ends = (starts + np.maximum(sizes, 0)).tolist()
    found: list[bytes | None] = [data[start:end] for start, end in zip(starts.tolist(), ends, strict=True)]
    for row in np.flatnonzero(sizes < 0).tolist():
        found[row] = None
    return found


def _headers(data: bytes, starts: Sequence[int], counts: Sequence[int], ends: Sequence[int]) -> list[Headers]:
    found: list[Headers] = []
    for start, count, end in zip(starts, counts, ends, strict=True):
        named, at = read_headers(data, start, count) if count else ((), end)
        if at != end:
            raise UnevenError("the headers of a record do not end with it")
        found.append(named)
    return found
