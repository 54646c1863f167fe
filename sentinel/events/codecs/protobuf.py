"""Protobuf messages as plain values, by a schema of a registry, of a file, or one that is known here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from google.protobuf.message_factory import GetMessageClass

from sentinel.events.batch import Reason
from sentinel.events.codecs.framing import SchemaKey, read_framing
from sentinel.events.codecs.open_inference import MESSAGES, tensors
from sentinel.events.codecs.protobuf_bounds import most_bytes
from sentinel.events.codecs.protobuf_files import files_of_schema, message_at, message_named
from sentinel.events.codecs.protobuf_values import Plain
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.schemas import (
    CACHED_SCHEMAS,
    Body,
    SchemaLookup,
    SchemaReader,
    checked,
    undecodable,
    unusable,
)

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

_Written = tuple[SchemaKey, tuple[int, ...]]


def framed_protobuf(
    lookup: SchemaLookup, message: str | None = None, n_cached: int = CACHED_SCHEMAS
) -> SchemaReader[_Written]:
    """Read messages that name their schema.

    Parameters
    ----------
    lookup : callable
        Finds the schema that a message names, its text the serialised form in base64.
    message : str or None
        The full name of the only message to read; None reads any, as each message says.
    n_cached : int, >= 1
    """

    def find(written: _Written) -> Body:
        schema = lookup(written[0])
        return checked(lambda: message_body(_expected(message_at(files_of_schema(schema), written[1]), message)))

    def split(payload: bytes, headers: Mapping[str, bytes]) -> tuple[_Written, bytes]:
        framed = read_framing(payload, headers, with_message=True)
        return (framed.key, framed.message), framed.body

    return SchemaReader(split, find, n_cached)


def protobuf_of_files(files: Sequence[FileDescriptorProto], message: str, *, framed: bool) -> SchemaReader[None]:
    """Read messages that are all of one type, known beforehand; framing, if there is any, is passed over.

    Raises
    ------
    RejectedEventError
        If the files do not hold the message.
    """
    body = message_body(message_named(files, message))

    def split(payload: bytes, headers: Mapping[str, bytes]) -> tuple[None, bytes]:
        return None, read_framing(payload, headers, with_message=True).body if framed else payload

    return SchemaReader(split, lambda _: body)


def message_body(descriptor: Descriptor) -> Body:
    """A reader of one type of message; of the Open Inference Protocol's the tensors are gathered as in its JSON."""
    kind = GetMessageClass(descriptor)
    plain = Plain(descriptor)
    most = most_bytes(descriptor)
    finish: Callable[[dict[str, object]], object] = tensors if descriptor.full_name in MESSAGES else _as_it_is

    def read(body: bytes) -> object:
        if len(body) > most:
            detail = f"{len(body)} bytes of Protobuf are more than the {most} that its schema lets be read safely"
            raise RejectedEventError(Reason.OVERSIZED, detail)
        message = kind()
        try:
            message.ParseFromString(body)
            return finish(plain.read(message, len(body)))
        except Exception as error:
            # Whatever a library makes of foreign bytes, it concerns this message alone.
            raise undecodable(f"a Protobuf message {descriptor.full_name:.200}", error) from error

    return read


def _as_it_is(values: dict[str, object]) -> object:
    return values


def _expected(found: Descriptor, wanted: str | None) -> Descriptor:
    if wanted is not None and found.full_name != wanted:
        raise unusable(f"its message is {found.full_name:.200}, where the configuration says {wanted}")
    return found
