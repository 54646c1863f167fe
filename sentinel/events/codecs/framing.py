"""The few bytes that Confluent's serialisers put before a payload, or into a header, to name its schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

from sentinel.events.batch import Reason
from sentinel.events.codecs.repair import RejectedEventError

SCHEMA_HEADER: Final = "__value_schema_id"
"""The header that names the schema in place of the payload; of a key it would be ``__key_schema_id``."""

SchemaKey = int | UUID
"""What a registry finds a schema by: the id of one registry, or an identity that holds in all of them."""

_ID_MAGIC, _GUID_MAGIC = 0, 1
_ID_END, _GUID_END = 5, 17
_LARGEST_ID = 2**31 - 1  # registries count in signed 32 bits: a larger one is no id, and asking for it is an error
_MAX_DEPTH = 32  # messages nested in messages; protoc itself refuses some more
_MAX_INDEX = 100_000
_MAX_VARINT_BYTES = 5  # enough for both bounds
_FIRST_MESSAGE = (0,)


class Framed(NamedTuple):
    """A payload without its framing.

    ``message`` is the way to a message of a Protobuf file: its position, then the position among those nested in it.
    """

    key: SchemaKey
    body: bytes
    message: tuple[int, ...] = ()


def read_framing(payload: bytes, headers: Mapping[str, bytes], *, with_message: bool = False) -> Framed:
    r"""Part a payload from what names its schema; a header that names one wins, as it does for Confluent's own readers.

    Parameters
    ----------
    payload : bytes
        Magic byte 0 and an id of four bytes, or magic byte 1 and a GUID of sixteen; bare where the header is there.
    headers : mapping of lower-case name to value
    with_message : bool
        Whether a message index follows, as Protobuf's serialisers write it.

    Raises
    ------
    RejectedEventError
        If there is no such framing.

    Examples
    --------
    >>> read_framing(b"\x00\x00\x00\x00\x07rest", {})
    Framed(key=7, body=b'rest', message=())
    >>> read_framing(b"\x00\x00\x00\x00\x07\x04\x02\x00rest", {}, with_message=True)
    Framed(key=7, body=b'rest', message=(1, 0))
    """
    header = headers.get(SCHEMA_HEADER)
    framing, place = (payload, "the message") if header is None else (header, f"the header {SCHEMA_HEADER}")
    key, end = _read_key(framing, place)
    message: tuple[int, ...] = ()
    if with_message:
        message, end = _read_message(framing, end, place)
    if header is None:
        return Framed(key, payload[end:], message)
    if end != len(header):
        raise _unframed(f"{place} goes on after the schema")
    return Framed(key, payload, message)


def json_text(payload: bytes) -> bytes:
    r"""Take the framing off a JSON text, if there is one: no JSON text begins with either magic byte.

    What the schema is called is of no use to a reader of JSON, so a header is passed over, and so are GUIDs and ids
    that are none. A payload that ends within the framing is returned as it is, which is no JSON.

    Parameters
    ----------
    payload : bytes, not empty

    Examples
    --------
    >>> json_text(b'\x00\x00\x00\x00\x07{}'), json_text(b'{}')
    (b'{}', b'{}')
    """
    first = payload[0]
    if first > _GUID_MAGIC:
        return payload
    return payload[_ID_END if first == _ID_MAGIC else _GUID_END :] or payload


def _read_key(data: bytes, place: str) -> tuple[SchemaKey, int]:
    if not data:
        raise _unframed(f"{place} is empty")
    if data[0] == _ID_MAGIC and len(data) >= _ID_END:
        number = int.from_bytes(data[1:_ID_END], "big")
        if number > _LARGEST_ID:
            raise _unframed(f"{place} begins with 0x00, but no schema id follows")
        return number, _ID_END
    if data[0] == _GUID_MAGIC and len(data) >= _GUID_END:
        return UUID(bytes=bytes(data[1:_GUID_END])), _GUID_END
    if data[0] in (_ID_MAGIC, _GUID_MAGIC):
        raise _unframed(f"{place} ends within the schema id")
    raise _unframed(f"{place} begins with 0x{data[0]:02x}; a schema id is announced by 0x00 or 0x01")


def _read_message(data: bytes, position: int, place: str) -> tuple[tuple[int, ...], int]:
    """Read the array of indexes; its short form, a single 0, means the first message of the file."""
    depth, position = _read_varint(data, position, place)
    if depth == 0:
        return _FIRST_MESSAGE, position
    if not 0 < depth <= _MAX_DEPTH:
        raise _unframed(f"{place} has a message index of an impossible length")
    indexes = []
    for _ in range(depth):
        index, position = _read_varint(data, position, place)
        if not 0 <= index <= _MAX_INDEX:
            raise _unframed(f"{place} has an impossible message index")
        indexes.append(index)
    return tuple(indexes), position


def _read_varint(data: bytes, position: int, place: str) -> tuple[int, int]:
    value = 0
    for i, byte in enumerate(data[position : position + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * i)
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), position + i + 1
    raise _unframed(f"{place} ends within the message index")


def _unframed(detail: str) -> RejectedEventError:
    return RejectedEventError(Reason.BAD_FRAMING, f"no Confluent framing: {detail}")
