"""Avro messages as plain values, by a schema of a registry or of a file."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

from fastavro import parse_schema, schemaless_reader

from sentinel.events.batch import Reason
from sentinel.events.codecs.avro_bounds import check_bounds
from sentinel.events.codecs.avro_values import with_own_types
from sentinel.events.codecs.framing import SchemaKey, read_framing
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.schemas import (
    CACHED_SCHEMAS,
    Body,
    Schema,
    SchemaLookup,
    SchemaReader,
    checked,
    expect_kind,
    undecodable,
    unusable,
)

AVRO = "AVRO"


def framed_avro(lookup: SchemaLookup, n_cached: int = CACHED_SCHEMAS) -> SchemaReader[SchemaKey]:
    """Read messages that name their schema, each by the schema it was written with.

    Parameters
    ----------
    lookup : callable
        Finds the schema that a message names.
    n_cached : int, >= 1
    """

    def find(key: SchemaKey) -> Body:
        schema = lookup(key)
        return checked(lambda: avro_body(schema))

    def split(payload: bytes, headers: Mapping[str, bytes]) -> tuple[SchemaKey, bytes]:
        framed = read_framing(payload, headers)
        return framed.key, framed.body

    return SchemaReader(split, find, n_cached)


def avro_of_file(schema: Schema, *, framed: bool) -> SchemaReader[None]:
    """Read messages that are all of one schema, known beforehand; framing, if there is any, is passed over.

    Raises
    ------
    RejectedEventError
        If the schema cannot be used.
    """
    body = avro_body(schema)

    def split(payload: bytes, headers: Mapping[str, bytes]) -> tuple[None, bytes]:
        return None, read_framing(payload, headers).body if framed else payload

    return SchemaReader(split, lambda _: body)


def avro_body(schema: Schema) -> Body:
    """A reader of what was written by this schema.

    Raises
    ------
    RejectedEventError
        If the schema cannot be used.
    """
    expect_kind(schema, AVRO)
    named: dict[str, Any] = {}
    for dependency in schema.dependencies().values():
        _parse(dependency.text, named)
    parsed = _parse(schema.text, named)
    check_bounds(parsed, named)

    def read(body: bytes) -> object:
        stream = io.BytesIO(body)
        try:
            value: object = schemaless_reader(stream, parsed, None)
        except Exception as error:
            # Whatever a foreign reader makes of foreign bytes, it concerns this message alone.
            raise undecodable("what their Avro schema says", error) from error
        if stream.tell() != len(body):
            left = len(body) - stream.tell()
            raise RejectedEventError(Reason.NOT_DECODED, f"{left} bytes are left when the Avro schema has been read")
        return value

    return read


def _parse(text: str, named: dict[str, Any]) -> Any:
    try:
        return parse_schema(with_own_types(json.loads(text)), named)
    except RejectedEventError:
        raise
    except Exception as error:
        # Fastavro has many ways to refuse a schema, and not all of them errors of its own.
        raise unusable(f"it is no Avro schema ({type(error).__name__})") from error
