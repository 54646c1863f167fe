"""Protobuf messages as plain values: by an index or a name, with imports, and what hostile bytes may not do."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from sentinel.events.batch import Reason
from sentinel.events.codecs.framing import SchemaKey
from sentinel.events.codecs.protobuf import framed_protobuf, protobuf_of_files
from sentinel.events.codecs.protobuf_files import files_of_set, message_named
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.schemas import Schema

F = FieldDescriptorProto
Field = tuple[str, int, Any]


def add_fields(message: Any, *fields: Field, label: int = F.LABEL_OPTIONAL) -> None:
    """Give a message fields, numbered from 1 on after those it has; a kind that is a text names a message or enum."""
    for name, number, kind in fields:
        field = message.field.add(name=name, number=number, label=label)
        if isinstance(kind, str):
            field.type_name = kind
        else:
            field.type = kind


def event_file() -> FileDescriptorProto:
    """A file with two messages and one nested, that imports well-known types and a file of its own."""
    file = FileDescriptorProto(name="example/event.proto", package="example.v1", syntax="proto3")
    file.dependency.extend(
        [
            "example/plan.proto",
            *(f"google/protobuf/{name}.proto" for name in ("timestamp", "duration", "struct", "wrappers")),
        ]
    )
    file.message_type.add(name="Unused")
    event = file.message_type.add(name="Event")
    add_fields(
        event,
        ("id", 1, F.TYPE_STRING),
        ("score", 2, F.TYPE_DOUBLE),
        ("count", 3, F.TYPE_INT64),
        ("trial", 4, F.TYPE_BOOL),
        ("plan", 5, ".example.v1.Plan"),
        ("at", 6, ".google.protobuf.Timestamp"),
        ("took", 7, ".google.protobuf.Duration"),
        ("more", 8, ".google.protobuf.Struct"),
        ("maybe", 9, ".google.protobuf.DoubleValue"),
        ("raw", 10, F.TYPE_BYTES),
        ("inner", 11, ".example.v1.Event.Inner"),
    )
    add_fields(event, ("tags", 12, F.TYPE_STRING), ("parts", 13, ".example.v1.Event.Inner"), label=F.LABEL_REPEATED)
    inner = event.nested_type.add(name="Inner")
    add_fields(inner, ("value", 1, F.TYPE_FLOAT), ("inner", 2, ".example.v1.Event.Inner"))
    entry = event.nested_type.add(name="ByNumberEntry")
    entry.options.map_entry = True
    add_fields(entry, ("key", 1, F.TYPE_INT32), ("value", 2, ".example.v1.Event.Inner"))
    add_fields(event, ("by_number", 14, ".example.v1.Event.ByNumberEntry"), label=F.LABEL_REPEATED)
    optional = event.field.add(name="version", number=15, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)
    optional.proto3_optional = True
    optional.oneof_index = 0
    event.oneof_decl.add(name="_version")
    return file


def plan_file() -> FileDescriptorProto:
    """A file with an enumeration."""
    file = FileDescriptorProto(name="example/plan.proto", package="example.v1", syntax="proto3")
    plan = file.enum_type.add(name="Plan")
    for number, name in enumerate(("PLAN_UNSPECIFIED", "BASIC", "PRO")):
        plan.value.add(name=name, number=number)
    return file


FILES = [plan_file(), event_file()]
EVENT: Any = GetMessageClass(message_named(FILES, "example.v1.Event"))
DESCRIPTOR = event_file().SerializeToString()
NOTHING = {"score": 0.0, "count": 0, "trial": False, "plan": "PLAN_UNSPECIFIED"}


def text_of(file: FileDescriptorProto) -> str:
    """A file in the form that a registry serialises it to."""
    return base64.b64encode(file.SerializeToString()).decode()


def lookup(_key: SchemaKey) -> Schema:
    """A registry that holds the event and what it imports."""
    return Schema(
        "PROTOBUF", text_of(event_file()), (("example/plan.proto", Schema("PROTOBUF", text_of(plan_file()))),)
    )


def read(message: Any, files: Sequence[FileDescriptorProto] = FILES) -> object:
    """What the reader of a descriptor set makes of a message."""
    reader = protobuf_of_files(files, message.DESCRIPTOR.full_name, framed=False)
    return reader.deserialize(message.SerializeToString(), {})


def test_a_message_becomes_what_its_fields_say() -> None:
    """Names as in the schema, enumerations by name, times in seconds, wrapped values unwrapped, map keys as texts."""
    event = EVENT(
        id="p-1",
        score=0.25,
        count=-5,
        trial=True,
        plan=2,
        raw=b"\xff",
        tags=["a", "b"],
        version="7",
    )
    event.at.seconds, event.at.nanos = 10, 500_000_000
    event.took.seconds, event.took.nanos = 1, 250_000_000
    event.maybe.value = 0.0
    event.more.update({"a": [1.0, None, {"b": True}]})
    event.inner.value = 0.5
    event.parts.add(value=1.5)
    event.by_number[3].value = 2.5
    assert read(event) == {
        "id": "p-1",
        "score": 0.25,
        "count": -5,
        "trial": True,
        "plan": "PRO",
        "at": 10.5,
        "took": 1.25,
        "more": {"a": [1.0, None, {"b": True}]},
        "maybe": 0.0,
        "raw": b"\xff",
        "inner": {"value": 0.5},
        "tags": ["a", "b"],
        "parts": [{"value": 1.5}],
        "by_number": {"3": {"value": 2.5}},
        "version": "7",
    }


def test_what_a_proto3_message_leaves_out_is_zero_or_absent() -> None:
    """A score of 0 is not written by any producer and is still a score; texts and what has presence are absent."""
    assert read(EVENT()) == NOTHING
    assert read(EVENT(version="", inner=EVENT.Inner())) == {**NOTHING, "version": "", "inner": {"value": 0.0}}


def test_an_enumeration_s_number_without_a_name_stays_a_number() -> None:
    """A producer may be a version ahead of its schema."""
    assert read(EVENT(plan=9)) == {**NOTHING, "plan": 9}


def test_a_framed_message_says_which_message_it_is() -> None:
    """By the index in the file: the second message, or one nested in it."""
    reader = framed_protobuf(lookup)
    event, inner = EVENT(id="p-1").SerializeToString(), EVENT.Inner(value=2.0).SerializeToString()
    assert reader.deserialize(b"\x00\x00\x00\x00\x07\x02\x02" + event, {}) == {**NOTHING, "id": "p-1"}
    assert reader.deserialize(b"\x00\x00\x00\x00\x07\x04\x02\x00" + inner, {}) == {"value": 2.0}
    with pytest.raises(RejectedEventError, match="leads to no message"):
        reader.deserialize(b"\x00\x00\x00\x00\x07\x02\x06" + event, {})


def test_a_configured_name_refuses_other_messages() -> None:
    """A topic that holds several types of message counts the one that is meant."""
    reader = framed_protobuf(lookup, "example.v1.Event")
    assert reader.deserialize(b"\x00\x00\x00\x00\x07\x02\x02", {}) == NOTHING
    with pytest.raises(RejectedEventError, match=r"its message is example\.v1\.Unused"):
        reader.deserialize(b"\x00\x00\x00\x00\x07\x00", {})


def test_a_descriptor_set_reads_bare_and_framed_messages() -> None:
    """As protoc writes it, with or without the well-known files."""
    content = descriptor_pb2.FileDescriptorSet(file=[event_file(), plan_file()]).SerializeToString()
    for framed, head in ((False, b""), (True, b"\x00\x00\x00\x00\x07\x02\x02")):
        reader = protobuf_of_files(files_of_set(content), "example.v1.Event", framed=framed)
        assert reader.deserialize(head + EVENT(id="x").SerializeToString(), {}) == {**NOTHING, "id": "x"}


def test_a_schema_is_looked_up_and_built_once() -> None:
    """The registry is asked for the first message of a schema, not for each."""
    asked: list[SchemaKey] = []

    def counting(key: SchemaKey) -> Schema:
        asked.append(key)
        return lookup(key)

    reader = framed_protobuf(counting)
    for _ in range(3):
        reader.deserialize(b"\x00\x00\x00\x00\x07\x02\x02", {})
    assert asked == [7]


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        (Schema("PROTOBUF", 'syntax = "proto3"; message A {}'), "serialised form"),
        (Schema("PROTOBUF", "AAAA"), "serialised form"),
        (Schema("PROTOBUF", text_of(event_file())), "imports example/plan.proto"),
        (Schema("AVRO", '"string"'), "it is AVRO, where the configuration says PROTOBUF"),
        (Schema("PROTOBUF", text_of(FileDescriptorProto(name="a", dependency=["schema.proto"]))), ""),
    ],
)
def test_a_schema_that_cannot_be_used_refuses_its_messages(schema: Schema, says: str) -> None:
    """The text of a .proto file, bytes of something else, a missing import, another kind, a circle of imports."""
    reader = framed_protobuf(lambda _: schema)
    with pytest.raises(RejectedEventError) as refused:
        reader.deserialize(b"\x00\x00\x00\x00\x07\x00", {})
    assert refused.value.reason == Reason.UNUSABLE_SCHEMA
    assert says in refused.value.detail


def test_a_message_nested_without_end_is_refused() -> None:
    """A type may hold itself; bytes that do so thousands of times over exhaust no stack."""
    body = b""
    for _ in range(3_000):
        length = len(body)
        varint = bytes([length & 0x7F | 0x80, length >> 7]) if length > 0x7F else bytes([length])
        body = b"\x12" + varint + body  # field 2, the inner one
        if len(body) > 16_000:
            break
    reader = protobuf_of_files(FILES, "example.v1.Event.Inner", framed=False)
    with pytest.raises(RejectedEventError, match="DecodeError"):
        reader.deserialize(body, {})


@pytest.mark.parametrize(("n_fields", "n_messages", "says"), [(1_000, 500_000, "safely"), (1_000, 12_000, "TooLarge")])
def test_a_message_of_many_empty_messages_with_many_fields_is_refused(
    n_fields: int, n_messages: int, says: str
) -> None:
    """Two bytes must not become room for a thousand fields half a million times, nor as many zeros."""
    file = FileDescriptorProto(name="bomb.proto", syntax="proto3")
    add_fields(file.message_type.add(name="Wide"), *((f"f{i}", i + 1, F.TYPE_DOUBLE) for i in range(n_fields)))
    add_fields(file.message_type.add(name="Many"), ("all", 1, ".Wide"), label=F.LABEL_REPEATED)
    reader = protobuf_of_files([file], "Many", framed=False)
    began = time.process_time()
    with pytest.raises(RejectedEventError, match=says):
        reader.deserialize(b"\x0a\x00" * n_messages, {})
    assert time.process_time() - began < 10.0


def test_an_event_of_thousands_of_fields_is_read() -> None:
    """What stands in a payload once may be as wide as it likes."""
    file = FileDescriptorProto(name="wide.proto", syntax="proto3")
    wide = file.message_type.add(name="Wide")
    add_fields(wide, *((f"f{i}", i + 1, F.TYPE_DOUBLE) for i in range(5_000)))
    add_fields(file.message_type.add(name="Event"), ("features", 1, ".Wide"))
    message: Any = GetMessageClass(message_named([file], "Event"))()
    for i in range(5_000):
        setattr(message.features, f"f{i}", i + 0.5)
    assert read(message, [file]) == {"features": {f"f{i}": i + 0.5 for i in range(5_000)}}


@given(body=st.binary(max_size=120))
def test_any_bytes_are_a_value_or_refused(body: bytes) -> None:
    """No bytes raise anything but a refusal."""
    with suppress(RejectedEventError):
        assert isinstance(READER.deserialize(body, {}), dict)


@given(at=st.integers(0, len(DESCRIPTOR) - 1), noise=st.binary(min_size=1, max_size=4), cut=st.integers(0, 6))
def test_any_descriptor_reads_messages_or_refuses_them(at: int, noise: bytes, cut: int) -> None:
    """A registry may hand out anything: no altered file raises anything but a refusal."""
    altered = DESCRIPTOR[:at] + noise + DESCRIPTOR[at + cut :]
    imported = ("example/plan.proto", Schema("PROTOBUF", text_of(plan_file())))
    schema = Schema("PROTOBUF", base64.b64encode(altered).decode(), (imported,))
    with suppress(RejectedEventError):
        framed_protobuf(lambda _: schema).deserialize(b"\x00\x00\x00\x00\x07\x02\x02\x0a\x01x", {})


READER = protobuf_of_files(FILES, "example.v1.Event", framed=False)
