"""Named arrays as bytes: versioned, compressed, checksummed, and never a pickle.

Layout of the container::

    magic "SNTL" | u16 format version | u32 header length | header (msgpack) | body (zstd) | sha256 of all before

The header names the kind, free metadata, and each array's name, dtype and shape in body order.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import zstandard

from sentinel.errors import CorruptArtifactError

MAGIC = b"SNTL"
FORMAT_VERSION = 1
_PREFIX = struct.Struct("<4sHI")
_DIGEST_BYTES = hashlib.sha256().digest_size
_DTYPES = frozenset({"<i8", "<u8", "<f8", "|u1", "<u4", "<i4", "<u2"})
_MAX_DIMENSIONS = 64  # of a numpy array
_PIECE_BYTES = 1 << 20
_COMPRESSION_LEVEL = 1  # counts are mostly zeros: level 1 is as small as 9 within some per cent, and ten times faster


class _ArrayHeader(msgspec.Struct):
    name: str
    dtype: str
    shape: tuple[int, ...]


class _Header(msgspec.Struct):
    kind: str
    meta: dict[str, Any]
    arrays: list[_ArrayHeader]


def pack(kind: str, meta: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Encode metadata and arrays.

    Parameters
    ----------
    kind : str
        What the bytes are ("summary", "baseline"): :func:`unpack` asks for it.
    meta : mapping
        Anything msgpack can hold.
    arrays : mapping of name to array
        Little-endian integers, floats or bytes.
    """
    ordered = {name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())}
    headers = [_ArrayHeader(name, array.dtype.str, array.shape) for name, array in ordered.items()]
    for entry in headers:
        if entry.dtype not in _DTYPES:
            raise TypeError(f"array {entry.name!r} has dtype {entry.dtype}, which the format does not hold")
    header = msgspec.msgpack.encode(_Header(kind, dict(meta), headers))
    raw = b"".join(array.tobytes() for array in ordered.values())
    body = zstandard.ZstdCompressor(level=_COMPRESSION_LEVEL).compress(raw)
    content = _PREFIX.pack(MAGIC, FORMAT_VERSION, len(header)) + header + body
    return content + hashlib.sha256(content).digest()


def unpack(kind: str, data: bytes) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Decode what :func:`pack` wrote.

    Returns
    -------
    (meta, arrays)
        The arrays own their memory and can be written.

    Raises
    ------
    CorruptArtifactError
        If the bytes are cut, altered, of another kind, or of a later version.
    """
    content, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if len(data) < _PREFIX.size + _DIGEST_BYTES or data[:4] != MAGIC:
        raise CorruptArtifactError(
            f"these {len(data)} bytes are no sentinel {kind}: the file is cut or of another program"
        )
    _, version, header_length = _PREFIX.unpack_from(content)
    if version != FORMAT_VERSION:
        raise CorruptArtifactError(
            f"the {kind} has format version {version}; this sentinel reads {FORMAT_VERSION}: rebuild it or upgrade"
        )
    if hashlib.sha256(content).digest() != digest:
        raise CorruptArtifactError(f"the {kind}'s checksum does not match: the bytes were altered or cut")
    try:
        header = msgspec.msgpack.decode(content[_PREFIX.size : _PREFIX.size + header_length], type=_Header)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptArtifactError(f"the {kind} cannot be read: {error}") from error
    if header.kind != kind:
        raise CorruptArtifactError(f"this is a sentinel {header.kind}, not a {kind}")
    n_bytes = [_n_bytes(entry, kind) for entry in header.arrays]
    body = _decompress(content[_PREFIX.size + header_length :], sum(n_bytes), kind)
    return header.meta, _split(header.arrays, n_bytes, body)


def _n_bytes(entry: _ArrayHeader, kind: str) -> int:
    if entry.dtype not in _DTYPES:
        raise CorruptArtifactError(f"the {kind} holds an array of unknown dtype {entry.dtype!r}")
    if any(side < 0 for side in entry.shape) or len(entry.shape) > _MAX_DIMENSIONS:
        raise CorruptArtifactError(f"the {kind} holds an array of impossible shape {entry.shape}")
    return math.prod(entry.shape) * np.dtype(entry.dtype).itemsize


def _decompress(frame: bytes, n_bytes: int, kind: str) -> bytearray:
    """Decompress piece by piece, so that memory follows what the frame holds and not what its header claims."""
    body = bytearray()
    try:
        with zstandard.ZstdDecompressor().stream_reader(frame) as reader:
            while len(body) <= n_bytes and (piece := reader.read(_PIECE_BYTES)):
                body += piece
    except zstandard.ZstdError as error:
        raise CorruptArtifactError(f"the {kind} cannot be read: {error}") from error
    if len(body) != n_bytes:
        raise CorruptArtifactError(f"the {kind}'s arrays need {n_bytes} bytes, which its body does not hold")
    return body


def _split(headers: list[_ArrayHeader], n_bytes: list[int], body: bytearray) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {}
    start = 0
    for entry, size in zip(headers, n_bytes, strict=True):
        stop = start + size
        arrays[entry.name] = np.frombuffer(body[start:stop], np.dtype(entry.dtype)).reshape(entry.shape)
        start = stop
    return arrays
