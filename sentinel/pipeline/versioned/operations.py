"""What one batch did to a join store, as a file that does it again: compressed, checked, read in one pass."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

import msgspec
import numpy as np
import zstandard

from sentinel.errors import CorruptArtifactError
from sentinel.pipeline.store.protocol import I64Array, JoinStore, U8Matrix, U64Array

FORMAT = 1
EXPIRY_ROWS = 50_000
_LEVEL = 1  # rows are mostly small numbers in wide columns: the fastest level leaves a fifth of them
_LENGTH = struct.Struct("<I")
_READ_BYTES = 1 << 20


class Head(msgspec.Struct, frozen=True, tag="head", array_like=True):
    """What a file says of itself, first.

    Attributes
    ----------
    format : int
    batch : int
        The version that the store has afterwards.
    base : int
        The version that it must have before; -1 stands for an empty store.
    row_bytes : int
    """

    format: int
    batch: int
    base: int
    row_bytes: int


class Put(msgspec.Struct, frozen=True, tag="put", array_like=True):
    """Rows inserted or replaced, as the bytes of the columns."""

    keys: bytes
    expires_at: bytes
    rows: bytes


class Update(msgspec.Struct, frozen=True, tag="update", array_like=True):
    """Rows overwritten."""

    keys: bytes
    rows: bytes


class Expire(msgspec.Struct, frozen=True, tag="expire", array_like=True):
    """Rows removed, by their expiry."""

    before: int


class State(msgspec.Struct, frozen=True, tag="state", array_like=True):
    """A named value; None deleted it."""

    name: str
    value: bytes | None


class End(msgspec.Struct, frozen=True, tag="end", array_like=True):
    """Says that nothing was cut off."""


Operation = Head | Put | Update | Expire | State | End


class OperationWriter:
    """Writes operations to a file that the caller opens and closes.

    Parameters
    ----------
    file : binary file
    head : Head
    """

    def __init__(self, file: BinaryIO, head: Head) -> None:
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self._stream = compressor.stream_writer(file, closefd=False)
        self._encode = msgspec.msgpack.Encoder().encode
        self.write(head)

    def write(self, operation: Operation) -> None:
        """Append one."""
        data = self._encode(operation)
        self._stream.write(_LENGTH.pack(len(data)))
        self._stream.write(data)

    def put(self, keys: U64Array, expires_at: I64Array, rows: U8Matrix) -> None:
        """Append rows that were put."""
        self.write(Put(keys.tobytes(), expires_at.tobytes(), rows.tobytes()))

    def finish(self) -> None:
        """Write the end; the file is whole after it."""
        self.write(End())
        self._stream.close()  # type: ignore[no-untyped-call]


def read_operations(file: BinaryIO, where: str) -> Iterator[Operation]:
    """The operations of a file, the head first and without the end.

    Raises
    ------
    CorruptArtifactError
        If the file is cut off, altered, or of another format.
    """
    decode = msgspec.msgpack.Decoder(Operation).decode
    try:
        with zstandard.ZstdDecompressor().stream_reader(file, read_size=_READ_BYTES, closefd=False) as stream:
            head = decode(_framed(stream.read))
            if not isinstance(head, Head) or head.format != FORMAT:
                raise CorruptArtifactError(f"{where}: not a version of a join store that this release reads")
            yield head
            while not isinstance(operation := decode(_framed(stream.read)), End):
                yield operation
            stream.read(1)  # verifies the checksum, which follows the last byte
    except (msgspec.MsgspecError, zstandard.ZstdError, EOFError) as error:
        raise CorruptArtifactError(f"{where}: cannot be read: {error}") from error


def read_head(operations: Iterator[Operation]) -> Head:
    """Take the head off what :func:`read_operations` gives."""
    head = next(operations)
    if not isinstance(head, Head):
        raise CorruptArtifactError("a version of a join store does not begin with its head")
    return head


def _framed(read: Callable[[int], bytes]) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(read, _LENGTH.size))
    return _exactly(read, length)


def _exactly(read: Callable[[int], bytes], n_bytes: int) -> bytes:
    parts = []
    while n_bytes:
        part = read(n_bytes)
        if not part:
            raise EOFError("it ends too early")
        parts.append(part)
        n_bytes -= len(part)
    return b"".join(parts)


def replay(operations: Iterator[Operation], store: JoinStore) -> None:
    """Do operations again; the caller commits.

    Rows that were narrower than the store's get zeros at their end. Of what expires, which rows go first may differ
    from the first time, and nothing depends on it: all that are due are gone before the next write.
    """
    for operation in operations:
        if isinstance(operation, Put):
            keys = np.frombuffer(operation.keys, np.uint64)
            store.put(keys, np.frombuffer(operation.expires_at, np.int64), _rows(operation.rows, len(keys), store))
        elif isinstance(operation, Update):
            keys = np.frombuffer(operation.keys, np.uint64)
            store.update(keys, _rows(operation.rows, len(keys), store))
        elif isinstance(operation, Expire):
            while len(store.expire(operation.before, EXPIRY_ROWS)) == EXPIRY_ROWS:
                pass
        elif isinstance(operation, State):
            store.put_state(operation.name, operation.value)


def _rows(data: bytes, n_rows: int, store: JoinStore) -> U8Matrix:
    rows = np.frombuffer(data, np.uint8).reshape(n_rows, -1) if n_rows else np.zeros((0, store.row_bytes), np.uint8)
    if rows.shape[1] == store.row_bytes:
        return rows
    wide = np.zeros((n_rows, store.row_bytes), np.uint8)
    wide[:, : rows.shape[1]] = rows
    return wide
