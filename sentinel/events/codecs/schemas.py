"""Schemas that messages name, and the reader that finds the right one for each message."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Generic, NoReturn, TypeVar

from sentinel.events.batch import Reason
from sentinel.events.codecs.framing import SchemaKey
from sentinel.events.codecs.repair import RejectedEventError

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

CACHED_SCHEMAS = 1_000
"""Parsed schemas kept of one topic; a topic has a handful."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema as a registry holds it.

    Parameters
    ----------
    kind : str
        ``AVRO``, ``JSON`` or ``PROTOBUF``.
    text : str
        JSON for Avro; the file's descriptor in base64 for Protobuf.
    references : tuple of (name, Schema)
        What it refers to: Avro's named types, Protobuf's imports.
    """

    kind: str
    text: str
    references: tuple[tuple[str, Schema], ...] = ()

    def dependencies(self) -> Mapping[str, Schema]:
        """Everything that it refers to, directly or not, by name; what is referred to comes first."""
        found: dict[str, Schema] = {}
        self._collect(found)
        return found

    def _collect(self, found: dict[str, Schema]) -> None:
        for name, schema in self.references:
            if name not in found:
                schema._collect(found)
                found[name] = schema


SchemaLookup = Callable[[SchemaKey], Schema]
"""Finds a schema. Raises RejectedEventError where nobody knows it; any other error ends the attempt, and nothing is
refused: the source goes back and tries again."""

Body = Callable[[bytes], object]
"""Reads a payload without framing; raises RejectedEventError."""


class SchemaReader(Generic[K]):
    """Reads each message by the reader of its schema, which is built once.

    Implements `sentinel.events.codecs.protocol.Deserializer`.

    Parameters
    ----------
    split : callable
        (payload, headers) -> (what names the schema, body).
    find : callable
        What names the schema -> reader of bodies.
    n_cached : int, >= 1
        Readers kept; the least recently used goes first.
    """

    def __init__(
        self,
        split: Callable[[bytes, Mapping[str, bytes]], tuple[K, bytes]],
        find: Callable[[K], Body],
        n_cached: int = CACHED_SCHEMAS,
    ) -> None:
        self._split = split
        self._find = lru_cache(maxsize=n_cached)(find)

    def deserialize(self, payload: bytes, headers: Mapping[str, bytes]) -> object:
        """Read one payload.

        Raises
        ------
        RejectedEventError
            If it is not framed, its schema is not known or of no use, or its bytes are not of that schema.
        """
        key, body = self._split(payload, headers)
        return self._find(key)(body)


def checked(build: Callable[[], Body]) -> Body:
    """Build a reader; from a schema that is of no use one that refuses every message, so that it is not built again."""
    try:
        return usable(build)
    except RejectedEventError as error:
        return partial(_refuse, error.reason, error.detail)


def usable(build: Callable[[], T]) -> T:
    """Make something of a schema, and let nothing out but a refusal.

    Raises
    ------
    RejectedEventError
        If the schema is of no use.
    """
    try:
        return build()
    except RejectedEventError:
        raise
    except Exception as error:
        # Whatever a library makes of a foreign schema, it concerns the messages of this schema alone.
        raise unusable(f"it cannot be read ({type(error).__name__})") from error


def expect_kind(schema: Schema, kind: str) -> None:
    """Refuse a schema of another kind than the format says.

    Raises
    ------
    RejectedEventError
    """
    if schema.kind != kind:
        raise unusable(f"it is {schema.kind:.20}, where the configuration says {kind}")


def unusable(why: str) -> RejectedEventError:
    """The refusal of messages whose schema cannot be used."""
    return RejectedEventError(Reason.UNUSABLE_SCHEMA, f"the schema of the message cannot be used: {why}")


def undecodable(what: str, error: Exception) -> RejectedEventError:
    """The refusal of bytes that are not what their schema says; an error's own words might quote them."""
    return RejectedEventError(Reason.NOT_DECODED, f"the bytes are not {what} ({type(error).__name__})")


def _refuse(reason: Reason, detail: str, _body: bytes) -> NoReturn:
    raise RejectedEventError(reason, detail)
