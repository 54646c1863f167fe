"""Which reader of bytes a configuration gets, and what is said where it cannot have one."""

from __future__ import annotations

import importlib.util
import io
from importlib.machinery import ModuleSpec
from pathlib import Path

import fastavro
import pytest
from google.protobuf import descriptor_pb2, timestamp_pb2
from google.protobuf.message_factory import GetMessageClass

from sentinel.app.deserializers import Deserializers, make_deserializers
from sentinel.clock import ManualClock
from sentinel.config.errors import ConfigError
from sentinel.config.formats import Format, Formats
from sentinel.config.kafka import KafkaSource, Topics
from sentinel.config.registry import SchemaRegistry
from sentinel.events.codecs.json_schema import JsonSchemaReader
from sentinel.events.codecs.open_inference import RESPONSE, open_inference_file
from sentinel.events.codecs.plain import JsonDeserializer
from sentinel.events.codecs.protobuf_files import message_named

NOWHERE = SchemaRegistry(urls=["http://127.0.0.1:1"])


def readers(predictions: Format, outcomes: Format | None = None) -> Deserializers:
    """What a daemon of these formats reads with."""
    settings = KafkaSource(
        bootstrap_servers=["127.0.0.1:9092"],
        topics=Topics(predictions="p", outcomes="o"),
        formats=Formats(predictions=predictions, outcomes=outcomes or Format()),
        schema_registry=NOWHERE,
    )
    return make_deserializers(settings, ManualClock())


def test_each_topic_has_the_reader_of_its_own_encoding() -> None:
    """JSON asks for nothing, framing for headers; no registry is asked before a message comes."""
    plain = readers(Format())
    assert isinstance(plain.by_role["prediction"], JsonDeserializer)
    assert not plain.reads_headers
    mixed = readers(Format(encoding="json-schema"), Format(encoding="protobuf"))
    assert isinstance(mixed.by_role["prediction"], JsonSchemaReader)
    assert mixed.reads_headers


def test_an_avro_schema_of_a_file_reads_bare_messages(tmp_path: Path) -> None:
    """A producer without a registry needs no more than its schema beside the configuration."""
    file = tmp_path / "prediction.avsc"
    file.write_text('{"type": "record", "name": "P", "fields": [{"name": "score", "type": "double"}]}')
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.schema.load_schema(str(file)), {"score": 0.5})
    made = readers(Format(encoding="avro", schema_file=str(file)))
    assert made.by_role["prediction"].deserialize(stream.getvalue(), {}) == {"score": 0.5}
    assert not made.reads_headers


def test_a_descriptor_set_of_a_file_reads_bare_messages(tmp_path: Path) -> None:
    """The same for Protobuf, with the message named."""
    file = tmp_path / "all.binpb"
    described = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(described)
    file.write_bytes(descriptor_pb2.FileDescriptorSet(file=[described]).SerializeToString())
    made = readers(Format(encoding="protobuf", schema_file=str(file), message="google.protobuf.Timestamp"))
    body = timestamp_pb2.Timestamp(seconds=5).SerializeToString()
    assert made.by_role["prediction"].deserialize(body, {}) == {"seconds": 5, "nanos": 0}


def test_the_open_inference_protocol_needs_no_schema() -> None:
    """What Seldon Core 2 writes is read by its name alone, and no registry is asked."""
    response = GetMessageClass(message_named([open_inference_file()], RESPONSE))(id="r-1")
    made = readers(Format(encoding="protobuf", message=RESPONSE))
    assert made.by_role["prediction"].deserialize(response.SerializeToString(), {}) == {"id": "r-1"}
    assert not made.reads_headers


@pytest.mark.parametrize(
    ("encoding", "content", "says"),
    [
        ("avro", b"{", "prediction.avsc: the schema of the message cannot be used: it is no Avro schema"),
        (
            "protobuf",
            b"\xff",
            "prediction.avsc: the schema of the message cannot be used: the file is no descriptor set",
        ),
        ("avro", None, "prediction.avsc: cannot read the schema: No such file or directory"),
    ],
)
def test_a_schema_file_of_no_use_stops_the_start(
    tmp_path: Path, encoding: str, content: bytes | None, says: str
) -> None:
    """What a person wrote down is said to that person, before the first message."""
    file = tmp_path / "prediction.avsc"
    if content is not None:
        file.write_bytes(content)
    wanted = Format(encoding="avro", schema_file=str(file))
    if encoding == "protobuf":
        wanted = Format(encoding="protobuf", schema_file=str(file), message="A")
    with pytest.raises(ConfigError) as refused:
        readers(wanted)
    assert says in str(refused.value)


@pytest.mark.parametrize("encoding", ["avro", "protobuf"])
def test_a_missing_package_is_named_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """Whoever has not installed the extra reads the line that installs it."""

    def find_spec(_name: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    wanted = Format(encoding="avro") if encoding == "avro" else Format(encoding="protobuf")
    with pytest.raises(ConfigError, match=rf'pip install "sentinel-leakage\[{encoding}\]"'):
        readers(wanted)


def test_a_certificate_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    """Not the first message, hours later."""
    settings = KafkaSource(
        bootstrap_servers=["127.0.0.1:9092"],
        topics=Topics(predictions="p", outcomes="o"),
        formats=Formats(predictions=Format(encoding="avro")),
        schema_registry=SchemaRegistry(urls=["https://127.0.0.1:1"], ssl_cafile=str(tmp_path / "none.pem")),
    )
    with pytest.raises(ConfigError, match="schema_registry: a certificate or key cannot be read"):
        make_deserializers(settings, ManualClock())
