"""The two Protobuf messages of the Open Inference Protocol, v2, as the protocol's JSON has them.

Servers that speak it over gRPC write them to Kafka as they are (Seldon Core 2 does). They are described here by their
published field numbers, so that no file has to be handed over; tensors that come as raw bytes become lists.

References
----------
.. [1] Open Inference Protocol, ``specification/protocol/open_inference_grpc.proto``: ModelInferRequest,
   ModelInferResponse, InferTensorContents, InferParameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import descriptor_pb2

from sentinel.events.codecs.raw_tensors import raw_values

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

_FIELD = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "inference"
REQUEST: Final = f"{_PACKAGE}.ModelInferRequest"
RESPONSE: Final = f"{_PACKAGE}.ModelInferResponse"
MESSAGES: Final = frozenset(
    f"{package}.{message}"
    for package in (_PACKAGE, "inferenceSchema")  # the second is how Seldon Core 2 registers them
    for message in ("ModelInferRequest", "ModelInferResponse")
)

_CONTENTS = (
    ("bool_contents", _FIELD.TYPE_BOOL),
    ("int_contents", _FIELD.TYPE_INT32),
    ("int64_contents", _FIELD.TYPE_INT64),
    ("uint_contents", _FIELD.TYPE_UINT32),
    ("uint64_contents", _FIELD.TYPE_UINT64),
    ("fp32_contents", _FIELD.TYPE_FLOAT),
    ("fp64_contents", _FIELD.TYPE_DOUBLE),
    ("bytes_contents", _FIELD.TYPE_BYTES),
)
_PARAMETER = (
    ("bool_param", _FIELD.TYPE_BOOL),
    ("int64_param", _FIELD.TYPE_INT64),
    ("string_param", _FIELD.TYPE_STRING),
    ("double_param", _FIELD.TYPE_DOUBLE),
    ("uint64_param", _FIELD.TYPE_UINT64),
)
_MAX_DIMENSIONS = 32  # as many as numpy takes; more would only make their product long


def open_inference_file() -> FileDescriptorProto:
    """The file that holds both messages."""
    file = descriptor_pb2.FileDescriptorProto(name="open_inference.proto", package=_PACKAGE, syntax="proto3")
    parameter = file.message_type.add(name="InferParameter")
    parameter.oneof_decl.add(name="parameter_choice")
    for number, (name, kind) in enumerate(_PARAMETER, start=1):
        _add(parameter, name, number, kind).oneof_index = 0
    contents = file.message_type.add(name="InferTensorContents")
    for number, (name, kind) in enumerate(_CONTENTS, start=1):
        _add(contents, name, number, kind, repeated=True)
    request = _add_exchange(file, "ModelInferRequest", "InferInputTensor", ("inputs", 5), ("raw_input_contents", 7))
    wanted = request.nested_type.add(name="InferRequestedOutputTensor")
    _add(wanted, "name", 1, _FIELD.TYPE_STRING)
    _add_parameters(wanted, 2)
    _add(request, "outputs", 6, f".{_PACKAGE}.ModelInferRequest.InferRequestedOutputTensor", repeated=True)
    _add_exchange(file, "ModelInferResponse", "InferOutputTensor", ("outputs", 5), ("raw_output_contents", 6))
    return file


def _add_exchange(
    file: FileDescriptorProto, name: str, tensor_name: str, listed: tuple[str, int], raw: tuple[str, int]
) -> DescriptorProto:
    message = file.message_type.add(name=name)
    tensor = message.nested_type.add(name=tensor_name)
    for number, field in enumerate(("name", "datatype"), start=1):
        _add(tensor, field, number, _FIELD.TYPE_STRING)
    _add(tensor, "shape", 3, _FIELD.TYPE_INT64, repeated=True)
    _add_parameters(tensor, 4)
    _add(tensor, "contents", 5, f".{_PACKAGE}.InferTensorContents")
    for number, field in enumerate(("model_name", "model_version", "id"), start=1):
        _add(message, field, number, _FIELD.TYPE_STRING)
    _add_parameters(message, 4)
    _add(message, *listed, f".{_PACKAGE}.{name}.{tensor_name}", repeated=True)
    _add(message, *raw, _FIELD.TYPE_BYTES, repeated=True)
    return message


def _add_parameters(message: DescriptorProto, number: int) -> None:
    """A map, which is a list of entries by another name."""
    entry = message.nested_type.add(name="ParametersEntry")
    entry.options.map_entry = True
    _add(entry, "key", 1, _FIELD.TYPE_STRING)
    _add(entry, "value", 2, f".{_PACKAGE}.InferParameter")
    _add(message, "parameters", number, "ParametersEntry", repeated=True)


def _add(message: DescriptorProto, name: str, number: int, kind: Any, *, repeated: bool = False) -> Any:
    """Add a field; a kind that is a text names a message."""
    field = message.field.add(name=name, number=number)
    field.label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
    if isinstance(kind, str):
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, kind
    else:
        field.type = kind
    return field


def tensors(message: Mapping[str, Any]) -> dict[str, object]:
    """Write a request or response, read as a plain message, as the protocol's JSON has it.

    Each tensor gets ``data``, a flat list, from its contents or from the raw bytes; parameters become plain values.

    Raises
    ------
    ValueError
        If there are not as many values as a shape asks for, or raw bytes are not of their type.
    """
    written = dict(message)
    for listed, raw in (("inputs", "raw_input_contents"), ("outputs", "raw_output_contents")):
        blobs = written.pop(raw, [])
        if listed not in written or (raw == "raw_output_contents" and "inputs" in written):
            continue  # what a request lists as outputs are wishes, without data
        if blobs and len(blobs) != len(written[listed]):
            raise ValueError("not as many raw tensors as tensors")
        written[listed] = [_tensor(tensor, blobs[i] if blobs else None) for i, tensor in enumerate(written[listed])]
    _simplify(written)
    return written


def _tensor(tensor: Mapping[str, Any], raw: bytes | None) -> dict[str, object]:
    written = dict(tensor)
    contents = written.pop("contents", {})
    kind = str(written.get("datatype", ""))
    shape = written.setdefault("shape", [])
    if len(shape) > _MAX_DIMENSIONS:
        raise ValueError("a tensor has more dimensions than any has")
    n = prod(shape)
    values = next(iter(contents.values()), []) if raw is None else raw_values(raw, kind, n)
    if len(values) != n:
        raise ValueError("a tensor has not as many values as its shape asks for")
    written["data"] = [_text(value) for value in values] if kind == "BYTES" else values
    _simplify(written)
    return written


def _simplify(written: dict[str, Any]) -> None:
    """Parameters as plain values: each came as a message of which one field is set."""
    if "parameters" in written:
        written["parameters"] = {name: next(iter(one.values()), None) for name, one in written["parameters"].items()}


def _text(value: bytes) -> str | bytes:
    """JSON has texts where Protobuf has bytes; what is no text stays bytes."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
