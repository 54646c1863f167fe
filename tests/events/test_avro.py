"""Avro messages as plain values: what its types become, and what hostile schemas and bytes may not do."""

from __future__ import annotations

import io
import json
import time
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.events.batch import Reason
from sentinel.events.codecs.avro import avro_body, avro_of_file
from sentinel.events.codecs.avro_bounds import MAX_DEPTH, MAX_VALUES
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.schemas import Schema

EVENT = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "amount", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}]},
        {"name": "features", "type": {"type": "map", "values": ["null", "double", "string"]}},
        {"name": "items", "type": {"type": "array", "items": "Item"}, "default": []},
    ],
}
ITEM = {
    "type": "record",
    "name": "Item",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["A", "B"]}},
    ],
}


def schema(definition: Any, *references: Any) -> Schema:
    """An Avro schema as a registry holds it."""
    return Schema("AVRO", json.dumps(definition), tuple((str(i), schema(r)) for i, r in enumerate(references)))


def written(definition: Any, value: Any, *references: Any) -> bytes:
    """A value in Avro's binary form, by fastavro's own writer."""
    named: dict[str, Any] = {}
    for reference in references:
        fastavro.parse_schema(reference, named)
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(definition, named), value)
    return stream.getvalue()


def test_a_record_becomes_what_json_would_have_given() -> None:
    """Fields keep their names, a referenced type is found, and logical types are numbers that an event may hold."""
    value = {
        "id": "p-1",
        "at": datetime(2026, 11, 20, 12, tzinfo=UTC),
        "amount": Decimal("-12.34"),
        "features": {"a": 1.5, "b": "x", "c": None},
        "items": [{"id": "i", "kind": "B"}],
    }
    read = avro_body(schema(EVENT, ITEM))(written(EVENT, value, ITEM))
    assert read == {**value, "at": 1_795_176_000.0, "amount": -12.34}  # 2026-11-20T12:00:00Z


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ({"type": "long", "logicalType": "timestamp-micros"}, datetime(1970, 1, 2, tzinfo=UTC), 86_400.0),
        ({"type": "long", "logicalType": "local-timestamp-micros"}, datetime(1970, 1, 2), 86_400.0),  # noqa: DTZ001
        ({"type": "int", "logicalType": "date"}, date(2026, 11, 20), "2026-11-20"),
        ({"type": "string", "logicalType": "uuid"}, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 0}, Decimal(10**20), 10**20),
        (
            {"type": "fixed", "name": "F", "size": 4, "logicalType": "decimal", "precision": 9, "scale": 1},
            Decimal(7),
            7.0,
        ),
        ("bytes", b"\x00\xff", b"\x00\xff"),
        ({"type": "long", "logicalType": "of another program"}, 5, 5),
    ],
)
def test_logical_types_become_numbers_and_texts(kind: Any, value: object, expected: object) -> None:
    """Times are seconds since the epoch, dates texts, decimals numbers; a logical type not known is its plain value."""
    assert avro_body(schema(kind))(written(kind, value)) == expected


def test_a_long_that_is_no_moment_is_a_number_all_the_same() -> None:
    """The event's own codec says what is wrong with a time, in its own words."""
    kind = {"type": "long", "logicalType": "timestamp-micros"}
    assert avro_body(schema(kind))(written("long", 2**62)) == 2**62 / 1_000_000


def test_a_file_s_schema_reads_bare_and_framed_messages() -> None:
    """With a schema at hand no registry is needed, whether or not the producer frames."""
    body = written("string", "x")
    assert avro_of_file(schema("string"), framed=False).deserialize(body, {}) == "x"
    assert avro_of_file(schema("string"), framed=True).deserialize(b"\x00\x00\x00\x00\x07" + body, {}) == "x"


@pytest.mark.parametrize("body", [b"", b"\x02", b"\x02a\x00", b"\x01", b"\x02\xff", b"\xff" * 12])
def test_bytes_that_are_not_of_the_schema_are_refused(body: bytes) -> None:
    """Too few, too many, no UTF-8, impossible lengths: the message alone is refused, and not quoted."""
    with pytest.raises(RejectedEventError) as refused:
        avro_body(schema("string"))(body)
    assert refused.value.reason == Reason.NOT_DECODED


def nested(depth: int) -> Any:
    """Lists in lists."""
    kind: Any = "int"
    for _ in range(depth):
        kind = {"type": "array", "items": kind}
    return kind


def doubling(depth: int) -> Any:
    """Records of two of the next: 2**depth values of no bytes, in a schema of a few lines."""
    kind: Any = {"type": "record", "name": "R0", "fields": []}
    for i in range(1, depth):
        fields = [{"name": "a", "type": kind}, {"name": "b", "type": f"R{i - 1}"}]
        kind = {"type": "record", "name": f"R{i}", "fields": fields}
    return kind


def chained(depth: int) -> list[Any]:
    """Types that each hold the one before by its name: nested deep, and written flat."""
    first: Any = {"type": "record", "name": "R0", "fields": [{"name": "a", "type": "int"}]}
    links = [
        {"type": "record", "name": f"R{i}", "fields": [{"name": "a", "type": f"R{i - 1}"}]} for i in range(1, depth)
    ]
    return [first, *links]


BOMBS: dict[str, tuple[Any, str]] = {
    "a type in itself": (
        {"type": "record", "name": "N", "fields": [{"name": "next", "type": ["null", "N"]}]},
        "contains itself",
    ),
    "a list of nothing": ({"type": "array", "items": "null"}, "hardly a byte"),
    "a list of empty records": ({"type": "array", "items": {"type": "record", "name": "E", "fields": []}}, "hardly"),
    "a list of fixed nothing": ({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}, "hardly"),
    "a list of much for a byte": ({"type": "array", "items": [doubling(12), "null"]}, "hardly a byte"),
    "a map of much for a byte": ({"type": "map", "values": doubling(12)}, "hardly a byte"),
    "ever more records": (doubling(60), str(MAX_VALUES)),
    "lists in lists": (nested(MAX_DEPTH + 1), "deep"),
    "lists in lists in lists": (nested(300), "deep"),
    "a chain of names": (chained(MAX_DEPTH + 2), "deep"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_schema_that_makes_much_of_little_is_refused(name: str) -> None:
    """No message of such a schema is read: the first would crash the process, the others fill its memory."""
    definition, says = BOMBS[name]
    began = time.process_time()
    with pytest.raises(RejectedEventError) as refused:
        avro_body(schema(definition))
    assert refused.value.reason == Reason.UNUSABLE_SCHEMA
    assert says in refused.value.detail
    assert time.process_time() - began < 5.0


@pytest.mark.parametrize("items", ["int", "string", "boolean", "double", ["null", "long"], ITEM, nested(3)])
def test_a_list_that_claims_to_be_huge_ends_where_its_bytes_end(items: Any) -> None:
    """A declared length of 2**48 costs nothing: every item takes a byte that is not there."""
    kind = {"type": "array", "items": items}
    huge = written("long", 2**48)
    with pytest.raises(RejectedEventError) as refused:
        avro_body(schema(kind))(huge)
    assert refused.value.reason == Reason.NOT_DECODED


@pytest.mark.parametrize("text", ["", "{", "3", '"Nobody"', '{"type": "record"}', '{"name": 1}', "[" * 5_000])
def test_what_is_no_schema_is_refused(text: str) -> None:
    """Whatever the registry hands out, the message becomes a dead letter that says so."""
    with pytest.raises(RejectedEventError) as refused:
        avro_body(Schema("AVRO", text))
    assert refused.value.reason == Reason.UNUSABLE_SCHEMA


def test_a_schema_of_another_kind_is_refused() -> None:
    """A JSON Schema's id in a topic of Avro is the producer's mistake."""
    with pytest.raises(RejectedEventError, match="it is JSON, where the configuration says AVRO"):
        avro_body(Schema("JSON", "{}"))


@given(body=st.binary(max_size=80))
def test_any_bytes_are_a_value_or_refused(body: bytes) -> None:
    """No bytes raise anything but a refusal."""
    with suppress(RejectedEventError):
        assert isinstance(READ(body), dict)


READ = avro_body(schema(EVENT, ITEM))
