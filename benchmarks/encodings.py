"""What an event of each encoding costs to read into columns, beside canonical JSON in the same process.

    python -m benchmarks.encodings [--quick]

The event is that of `benchmarks.formats`: ten numbers and two categories. Avro and Protobuf are read by a schema that
is at hand. Rounds go through all encodings in turn, so that what else the machine does falls on each alike.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import fastavro
import msgspec
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from benchmarks.formats import AT, FEATURES, NAMES, NUMBERS, SCHEMA, run
from sentinel.config.formats import Format, Formats
from sentinel.events import Limits
from sentinel.events.codecs.adapting import AdaptingCodec, make_stages
from sentinel.events.codecs.avro import AVRO, avro_of_file
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.json_schema import JsonSchemaReader
from sentinel.events.codecs.messages import Messages
from sentinel.events.codecs.protobuf import protobuf_of_files
from sentinel.events.codecs.protocol import Deserializer
from sentinel.events.codecs.schemas import Schema

N: Final = 4_000
"""Events a round."""
ROUNDS: Final = 9
QUICK_ROUNDS: Final = 3
FRAMING: Final = b"\x00\x00\x00\x00\x07"
"""Confluent's: a zero and the number of the schema."""
FEATURE_FIELDS: Final = [{"name": name, "type": "double" if name in NUMBERS else "string"} for name in NAMES]
AVRO_EVENT: Final = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "model", "type": "string"},
        {"name": "prediction_id", "type": "string"},
        {"name": "predicted_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "score", "type": "double"},
        {"name": "features", "type": {"type": "record", "name": "Features", "fields": FEATURE_FIELDS}},
    ],
}
MESSAGE: Final = "example.v1.Event"


def event(i: int) -> dict[str, Any]:
    """One prediction in plain values."""
    return {"model": "churn", "prediction_id": f"p{i}", "predicted_at": AT, "score": 0.25, "features": FEATURES}


def _avro_writer() -> Callable[[int], bytes]:
    schema = fastavro.parse_schema(json.loads(json.dumps(AVRO_EVENT)))

    def write(i: int) -> bytes:
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, schema, event(i) | {"predicted_at": AT * 1_000})
        return stream.getvalue()

    return write


def _protobuf_file() -> FileDescriptorProto:
    file = FileDescriptorProto(name="example/event.proto", package="example.v1", syntax="proto3")
    kinds = {"model": "STRING", "prediction_id": "STRING", "predicted_at": "DOUBLE", "score": "DOUBLE"}
    features = {name: "DOUBLE" if name in NUMBERS else "STRING" for name in NAMES}
    for name, fields in (("Features", features), ("Event", kinds)):
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), 1):
            message.field.add(
                name=field,
                number=number,
                type=FieldDescriptorProto.Type.Value(f"TYPE_{kind}"),
                label=FieldDescriptorProto.LABEL_OPTIONAL,
            )
    file.message_type[1].field.add(
        name="features",
        number=5,
        type=FieldDescriptorProto.TYPE_MESSAGE,
        type_name=".example.v1.Features",
        label=FieldDescriptorProto.LABEL_OPTIONAL,
    )
    return file


def _protobuf_writer(file: FileDescriptorProto) -> Callable[[int], bytes]:
    pool = DescriptorPool()
    pool.Add(file)
    kind = GetMessageClass(pool.FindMessageTypeByName(MESSAGE))
    return lambda i: bytes(kind(**event(i)).SerializeToString())


def cases() -> Mapping[str, tuple[dict[str, Any], Callable[[int], bytes], Deserializer | None]]:
    """Each encoding: its settings, what writes it, what reads it."""
    file = _protobuf_file()
    avro = avro_of_file(Schema(AVRO, json.dumps(AVRO_EVENT)), framed=False)
    return {
        "canonical JSON": ({}, lambda i: json.dumps(event(i)).encode(), None),
        "JSON Schema": (
            {"encoding": "json-schema"},
            lambda i: FRAMING + json.dumps(event(i)).encode(),
            JsonSchemaReader(),
        ),
        "Avro": ({"encoding": "avro"}, _avro_writer(), avro),
        "Protobuf": (
            {"encoding": "protobuf"},
            _protobuf_writer(file),
            protobuf_of_files([file], MESSAGE, framed=False),
        ),
    }


def _reader(settings: dict[str, Any], deserializer: Deserializer | None) -> AdaptingCodec | JsonCodec:
    limits, codec = Limits(), JsonCodec([SCHEMA], Limits())
    formats = Formats(predictions=msgspec.convert({"shape": "canonical", **settings}, Format))
    stages = make_stages(formats, {"prediction": deserializer} if deserializer else None)
    return AdaptingCodec(codec, stages, limits) if stages else codec


def _messages(write: Callable[[int], bytes]) -> Messages:
    payloads = [write(i) for i in range(N)]
    return Messages(
        topic="events",
        partition=0,
        role="prediction",
        offsets=list(range(N)),
        payloads=payloads,
        received_at=[AT * 1_000_000] * N,
        keys=[None] * N,
        headers=[[] for _ in range(N)],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds, not {ROUNDS}")
    options = parser.parse_args(arguments)
    prepared = {
        name: (_reader(settings, reads), _messages(write)) for name, (settings, write, reads) in cases().items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in prepared}
    for _ in range(QUICK_ROUNDS if options.quick else ROUNDS):
        for name, (codec, messages) in prepared.items():
            began = time.process_time()
            n_events = run(codec, messages)
            seconds[name].append(time.process_time() - began)
            if n_events != N:
                raise RuntimeError(f"{name}: {n_events} events of {N}")
    cost = {name: statistics.median(taken) / N * 1e6 for name, taken in seconds.items()}
    print("| encoding | us an event | times canonical JSON |")
    print("|---|---|---|")
    for name, (_, messages) in prepared.items():
        n_bytes = len(messages.payloads[0] or b"")
        print(f"| {name}, {n_bytes} bytes | {cost[name]:.1f} | {cost[name] / cost['canonical JSON']:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
