"""Gzip in two pieces, so that the large one is compressed once and the small one at each scrape."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

_LEVEL = 1  # a tenth of the CPU of level 9 for less than twice the bytes
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"  # deflate, no name, no time, fastest, unknown system


@dataclass(frozen=True, slots=True)
class GzipHead:
    """The first piece of a gzip member, compressed, to be completed any number of times."""

    deflated: bytes
    crc: int
    n_bytes: int

    @classmethod
    def of(cls, data: bytes) -> GzipHead:
        """Compress the first piece."""
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        # A full flush ends on a byte and forgets the window, so any deflate stream may follow.
        return cls(packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH), zlib.crc32(data), len(data))

    def complete(self, tail: bytes) -> bytes:
        r"""One whole gzip member: the first piece, then this one.

        Examples
        --------
        >>> import gzip
        >>> gzip.decompress(GzipHead.of(b"one ").complete(b"two"))
        b'one two'
        """
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        rest = packer.compress(tail) + packer.flush(zlib.Z_FINISH)
        trailer = struct.pack("<II", zlib.crc32(tail, self.crc), (self.n_bytes + len(tail)) & 0xFFFFFFFF)
        return b"".join((_HEADER, self.deflated, rest, trailer))
