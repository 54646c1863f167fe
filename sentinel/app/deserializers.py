"""Which reader of bytes each topic's format asks for, with the schemas that it needs."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from sentinel.clock import Clock
from sentinel.config.bounded import read_bounded
from sentinel.config.encodings import is_framed, needs_registry
from sentinel.config.errors import ConfigError, Location
from sentinel.config.formats import Format
from sentinel.config.kafka import KafkaSource
from sentinel.events.codecs.json_schema import JsonSchemaReader
from sentinel.events.codecs.messages import Role
from sentinel.events.codecs.plain import JsonDeserializer
from sentinel.events.codecs.protocol import Deserializer
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.schemas import Schema, usable
from sentinel.ingest.registry import SchemaRegistry

MAX_SCHEMA_BYTES = 16 * 1024 * 1024  # a descriptor set with all its imports has some hundred kilobytes
_MODULES = {"avro": "fastavro", "protobuf": "google.protobuf.descriptor_pool"}


class Deserializers(NamedTuple):
    """A reader of bytes for each role; ``reads_headers`` where one of them looks for its schema there."""

    by_role: Mapping[Role, Deserializer]
    reads_headers: bool


def make_deserializers(settings: KafkaSource, clock: Clock) -> Deserializers:
    """Prepare what reads the bytes of both topics. Nothing is connected yet.

    Raises
    ------
    ConfigError
        If a package is missing, or a schema, certificate or key cannot be read or used.
    """
    formats: dict[Role, Format] = {"prediction": settings.formats.predictions, "outcome": settings.formats.outcomes}
    for topic in settings.formats.__struct_fields__:
        _check_package(topic, getattr(settings.formats, topic).encoding)
    is_asked = any(map(needs_registry, formats.values()))
    registry = SchemaRegistry(settings.schema_registry, clock) if is_asked and settings.schema_registry else None
    n_cached = 1 if settings.schema_registry is None else settings.schema_registry.cache_size
    by_role = {role: _deserializer(format_, registry, n_cached) for role, format_ in formats.items()}
    return Deserializers(by_role, any(map(is_framed, formats.values())))


def _deserializer(format_: Format, registry: SchemaRegistry | None, n_cached: int) -> Deserializer:
    if format_.encoding == "avro":
        return _avro(format_, registry, n_cached)
    if format_.encoding == "protobuf":
        return _protobuf(format_, registry, n_cached)
    return JsonSchemaReader() if format_.encoding == "json-schema" else JsonDeserializer()


def _avro(format_: Format, registry: SchemaRegistry | None, n_cached: int) -> Deserializer:
    from sentinel.events.codecs.avro import AVRO, avro_of_file, framed_avro  # fastavro is an extra

    if format_.schema_file is None and registry is not None:
        return framed_avro(registry.find, n_cached)
    text = _content(format_).decode(errors="replace")
    return _of_file(format_, lambda: avro_of_file(Schema(AVRO, text), framed=is_framed(format_)))


def _protobuf(format_: Format, registry: SchemaRegistry | None, n_cached: int) -> Deserializer:
    from sentinel.events.codecs.open_inference import open_inference_file  # protobuf is an extra
    from sentinel.events.codecs.protobuf import framed_protobuf, protobuf_of_files
    from sentinel.events.codecs.protobuf_files import files_of_set

    if needs_registry(format_) and registry is not None:
        return framed_protobuf(registry.find_serialized, format_.message, n_cached)
    message, framed = format_.message or "", is_framed(format_)
    if format_.schema_file is None:
        return protobuf_of_files([open_inference_file()], message, framed=framed)
    content = _content(format_)
    return _of_file(format_, lambda: protobuf_of_files(files_of_set(content), message, framed=framed))


def _content(format_: Format) -> bytes:
    hint = "schema_file names it; it has to be readable for this user"
    return read_bounded(Path(format_.schema_file or ""), MAX_SCHEMA_BYTES, "the schema", hint)


def _of_file(format_: Format, make: Callable[[], Deserializer]) -> Deserializer:
    """Make a reader of a schema that a person wrote down: what is wrong with it is a fault of the configuration."""
    try:
        return usable(make)
    except RejectedEventError as error:
        raise ConfigError(error.detail, location=Location(format_.schema_file or "")) from error


def _check_package(topic: str, encoding: str) -> None:
    module = _MODULES.get(encoding)
    if module is None:
        return
    try:
        is_there = importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a parent of it
        is_there = False
    if not is_there:
        keys = ("source", "kafka", "formats", topic, "encoding")
        hint = f'pip install "sentinel-leakage[{encoding}]"'
        raise ConfigError(f"{encoding} needs a package that is not installed", keys=keys, hint=hint)
