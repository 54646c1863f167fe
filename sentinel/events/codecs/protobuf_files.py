"""Protobuf's descriptors: which message a payload is, found in the files that a registry or a folder holds."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from sentinel.events.codecs.schemas import Schema, expect_kind, unusable

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

PROTOBUF = "PROTOBUF"

_FIELD = descriptor_pb2.FieldDescriptorProto
_GOOGLE_S = ("any", "descriptor", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers")


def _confluent_files() -> list[FileDescriptorProto]:
    """Files that Confluent's serialisers take for given: options, which carry no data, and a decimal number."""
    options = descriptor_pb2.FileDescriptorProto(name="confluent/meta.proto", package="confluent", syntax="proto3")
    fields = (("value", _FIELD.TYPE_BYTES), ("precision", _FIELD.TYPE_UINT32), ("scale", _FIELD.TYPE_INT32))
    decimals = []
    for package in ("confluent.type", "confluent.types"):
        file = descriptor_pb2.FileDescriptorProto(
            name=f"{package.replace('.', '/')}/decimal.proto", package=package, syntax="proto3"
        )
        decimal = file.message_type.add(name="Decimal")
        for number, (name, kind) in enumerate(fields, start=1):
            decimal.field.add(name=name, number=number, type=kind, label=_FIELD.LABEL_OPTIONAL)
        decimals.append(file)
    return [options, *decimals]


def _given_files() -> dict[str, FileDescriptorProto]:
    """Files that every schema may import: Protobuf's own, and Confluent's."""
    files = {}
    for name in _GOOGLE_S:
        file = descriptor_pb2.FileDescriptorProto()
        import_module(f"google.protobuf.{name}_pb2").DESCRIPTOR.CopyToProto(file)
        files[file.name] = file
    return files | {file.name: file for file in _confluent_files()}


_GIVEN = _given_files()


def files_of_schema(schema: Schema) -> list[FileDescriptorProto]:
    """The file of a schema, last, and those that it imports.

    Raises
    ------
    RejectedEventError
        If the schema is not a Protobuf file in its serialised form.
    """
    expect_kind(schema, PROTOBUF)
    imported = {name: _parse(dependency, name) for name, dependency in schema.dependencies().items()}
    return [*imported.values(), _parse(schema, "")]


def files_of_set(content: bytes) -> list[FileDescriptorProto]:
    """The files of a descriptor set, as ``protoc --include_imports --descriptor_set_out`` writes it.

    Raises
    ------
    RejectedEventError
        If it is none.
    """
    found = descriptor_pb2.FileDescriptorSet()
    try:
        found.ParseFromString(content)
    except DecodeError as error:
        raise unusable("the file is no descriptor set") from error
    if not found.file:
        raise unusable("the descriptor set is empty")
    return list(found.file)


def message_at(files: Sequence[FileDescriptorProto], indexes: Sequence[int]) -> Descriptor:
    """The message of the last file that a message index leads to.

    Raises
    ------
    RejectedEventError
        If it leads nowhere, or the files do not fit together.
    """
    names = [files[-1].package] if files[-1].package else []
    messages: Sequence[DescriptorProto] = files[-1].message_type
    for index in indexes:
        if index >= len(messages):
            raise unusable("the message index leads to no message of it")
        names.append(messages[index].name)
        messages = messages[index].nested_type
    return message_named(files, ".".join(names))


def message_named(files: Sequence[FileDescriptorProto], name: str) -> Descriptor:
    """The message of this full name.

    Raises
    ------
    RejectedEventError
        If there is none, or the files do not fit together.
    """
    pool = DescriptorPool()
    known = {**_GIVEN, **{file.name: file for file in files}}
    added: set[str] = set()
    for file in files:
        _add(pool, file, known, added)
    try:
        return pool.FindMessageTypeByName(name)
    except KeyError as error:
        raise unusable(f"it has no message {name:.200}") from error


def _add(
    pool: DescriptorPool, file: FileDescriptorProto, known: Mapping[str, FileDescriptorProto], added: set[str]
) -> None:
    """Add a file after those that it imports, as a pool wants it."""
    if file.name in added:
        return
    added.add(file.name)
    for name in file.dependency:
        if name not in known:
            raise unusable(f"it imports {name:.200}, which the registry does not name among its references")
        _add(pool, known[name], known, added)
    try:
        pool.AddSerializedFile(file.SerializeToString())
    except TypeError as error:
        raise unusable("its files do not fit together") from error


def _parse(schema: Schema, name: str) -> FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto()
    try:
        file.ParseFromString(base64.b64decode(schema.text, validate=True))
    except (binascii.Error, ValueError, DecodeError) as error:
        raise unusable("it is no Protobuf file in its serialised form") from error
    file.name = name or file.name or "schema.proto"
    return file
