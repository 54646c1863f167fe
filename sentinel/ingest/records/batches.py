"""Record batches of format 2 as Kafka's brokers send them: headers, checksums and compression.

The format is described at https://kafka.apache.org/documentation/#recordbatch.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import Final, NamedTuple

import lz4.frame  # type: ignore[import-untyped]
import zstandard
from kafka.errors import CorruptRecordError, UnsupportedCodecError
from kafka.record.util import calc_crc32c

MAGIC: Final = 2
_HEADER: Final = struct.Struct(">qiibIhiqqqhii")
_LENGTH_AND_MAGIC: Final = struct.Struct(">8xi4xb")
_BEFORE_LENGTH_ENDS: Final = 12  # base offset and length: what the length does not count
_CHECKED_FROM: Final = 21  # the checksum covers everything from the attributes on
_CODEC_BITS, _APPEND_TIME_BIT, _TRANSACTIONAL_BIT, _CONTROL_BIT = 0x07, 0x08, 0x10, 0x20
_NONE, _GZIP, _SNAPPY, _LZ4, _ZSTD = range(5)
_XERIAL_MAGIC: Final = b"\x82SNAPPY\x00"  # how Java's snappy begins a stream of blocks; then two versions
_XERIAL_HEADER_BYTES: Final = 16


class Batch(NamedTuple):
    """Header of one batch, and where in the fetch its records lie."""

    base_offset: int
    leader_epoch: int
    crc: int
    attributes: int
    last_offset_delta: int
    first_timestamp: int
    max_timestamp: int
    producer_id: int
    n_records: int
    start: int
    stop: int

    @property
    def last_offset(self) -> int:
        """Offset of the last record that the batch was written with; compaction may have taken it out."""
        return self.base_offset + self.last_offset_delta

    @property
    def is_append_time(self) -> bool:
        """Whether all records carry the time at which the broker appended them."""
        return bool(self.attributes & _APPEND_TIME_BIT)

    @property
    def is_transactional(self) -> bool:
        """Whether the batch belongs to a transaction."""
        return bool(self.attributes & _TRANSACTIONAL_BIT)

    @property
    def is_control(self) -> bool:
        """Whether the batch holds the marker that ends a transaction, and no event."""
        return bool(self.attributes & _CONTROL_BIT)


def is_readable(fetched: bytes | memoryview) -> bool:
    """Whether every whole batch of a fetch has the format that this package reads."""
    at, size = 0, len(fetched)
    while at + _HEADER.size <= size:
        length, magic = _LENGTH_AND_MAGIC.unpack_from(fetched, at)
        if magic != MAGIC:
            return False
        if length <= 0:
            return True  # damage, for split_batches to name
        at += _BEFORE_LENGTH_ENDS + length
    return True


def split_batches(fetched: bytes | memoryview) -> tuple[list[Batch], CorruptRecordError | None]:
    """Find the whole batches of a fetch; the last one is cut off as a rule, and left out.

    Returns
    -------
    batches : list of Batch, in order
    error : CorruptRecordError or None
        What is wrong with the batch after these.
    """
    found: list[Batch] = []
    at, size = 0, len(fetched)
    while at + _BEFORE_LENGTH_ENDS <= size:
        stop = at + _BEFORE_LENGTH_ENDS + int.from_bytes(fetched[at + 8 : at + 12], "big", signed=True)
        if stop > size:
            break
        if stop < at + _HEADER.size:
            return found, CorruptRecordError(f"a record batch of {stop - at} bytes is smaller than its header")
        base, _, epoch, _, crc, attributes, last, first_at, max_at, producer, _, _, n = _HEADER.unpack_from(fetched, at)
        start = at + _HEADER.size
        found.append(Batch(base, epoch, crc, attributes, last, first_at, max_at, producer, n, start, stop))
        at = stop
    return found, None


def check_crc(fetched: memoryview, batch: Batch) -> bool:
    """Whether a batch arrived as it was written."""
    begin = batch.start - _HEADER.size + _CHECKED_FROM
    crc: int = calc_crc32c(fetched[begin : batch.stop])
    return crc == batch.crc


def unpack(fetched: memoryview, batch: Batch, zstd: zstandard.ZstdDecompressor) -> bytes | memoryview:
    """Take the records of a batch out of a fetch, decompressed.

    Parameters
    ----------
    fetched : memoryview
    batch : Batch
    zstd : zstandard.ZstdDecompressor
        Used by one thread at a time; making one costs more than a small batch.

    Raises
    ------
    UnsupportedCodecError
        If they are compressed in a way that Kafka did not know when this was written.
    CorruptRecordError
        If they cannot be decompressed.
    """
    packed = fetched[batch.start : batch.stop]
    codec = batch.attributes & _CODEC_BITS
    if codec == _NONE:
        return packed
    if codec > _ZSTD:
        raise UnsupportedCodecError(f"a record batch is compressed with the unknown codec {codec}")
    try:
        if codec == _LZ4:
            plain: bytes = lz4.frame.decompress(packed)
            return plain
        if codec == _ZSTD:
            return _zstd(packed, zstd)
        return gzip.decompress(packed) if codec == _GZIP else _snappy(packed)
    except (RuntimeError, ValueError, OSError, EOFError, zlib.error, zstandard.ZstdError, struct.error) as error:
        message = f"the record batch at offset {batch.base_offset} cannot be decompressed: {error}"
        raise CorruptRecordError(message) from error


def _zstd(packed: memoryview | bytes, zstd: zstandard.ZstdDecompressor) -> bytes:
    """All frames; some producers write several, and none has to tell its size."""
    frames: list[bytes] = []
    while packed:
        frame = zstd.decompressobj()
        frames.append(frame.decompress(packed))
        if not frame.eof:
            raise ValueError("a zstd frame does not end in its batch")
        packed = frame.unused_data
    return frames[0] if len(frames) == 1 else b"".join(frames)


def _snappy(packed: memoryview) -> bytes:
    """One raw block, as librdkafka and most clients write it, or blocks framed as Java's library does."""
    if bytes(packed[: len(_XERIAL_MAGIC)]) != _XERIAL_MAGIC:
        return _snappy_block(packed)
    blocks, at = [], _XERIAL_HEADER_BYTES
    while at < len(packed):
        (size,) = struct.unpack_from(">i", packed, at)
        at += 4
        if size < 0 or at + size > len(packed):
            raise ValueError("a snappy block does not end in its batch")
        blocks.append(_snappy_block(packed[at : at + size]))
        at += size
    return b"".join(blocks)


def _snappy_block(packed: memoryview) -> bytes:
    import pyarrow as pa  # slow to import, and few topics need it

    size, shift = 0, 0
    for byte in packed[:5]:  # a raw block begins with its size, in at most 32 bits
        size |= (byte & 0x7F) << shift
        if byte < 0x80:
            plain: bytes = pa.decompress(packed, size, codec="snappy", asbytes=True)
            return plain
        shift += 7
    raise ValueError("a snappy block does not tell its size")
