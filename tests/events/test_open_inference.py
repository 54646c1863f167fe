"""Requests and responses of the Open Inference Protocol in Protobuf, as Seldon Core 2 writes them to Kafka."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from sentinel.events.codecs.open_inference import REQUEST, RESPONSE, open_inference_file
from sentinel.events.codecs.protobuf import protobuf_of_files
from sentinel.events.codecs.protobuf_files import message_named
from sentinel.events.codecs.repair import RejectedEventError

FILES = [open_inference_file()]
Request: Any = GetMessageClass(message_named(FILES, REQUEST))
Response: Any = GetMessageClass(message_named(FILES, RESPONSE))
READERS = {name: protobuf_of_files(FILES, name, framed=False) for name in (REQUEST, RESPONSE)}


def read(message: Any) -> Any:
    """What the reader makes of a message."""
    return READERS[message.DESCRIPTOR.full_name].deserialize(message.SerializeToString(), {})


def test_a_request_reads_as_the_protocol_s_json() -> None:
    """Contents become data, parameters plain values, and outputs that are only asked for stay without data."""
    request = Request(model_name="churn", model_version="7", id="r-1")
    request.parameters["trace"].string_param = "t-1"
    request.parameters["late"].bool_param = False
    tenure = request.inputs.add(name="tenure", datatype="FP64", shape=[2, 1])
    tenure.contents.fp64_contents.extend([41.0, 3.5])
    plan = request.inputs.add(name="plan", datatype="BYTES", shape=[2])
    plan.contents.bytes_contents.extend([b"pro", "basé".encode()])
    request.outputs.add(name="p")
    assert read(request) == {
        "model_name": "churn",
        "model_version": "7",
        "id": "r-1",
        "parameters": {"trace": "t-1", "late": False},
        "inputs": [
            {"name": "tenure", "datatype": "FP64", "shape": [2, 1], "data": [41.0, 3.5]},
            {"name": "plan", "datatype": "BYTES", "shape": [2], "data": ["pro", "basé"]},
        ],
        "outputs": [{"name": "p"}],
    }


@pytest.mark.parametrize(
    ("datatype", "raw", "data"),
    [
        ("FP32", np.array([0.5, -2.0], "<f4").tobytes(), [0.5, -2.0]),
        ("FP64", np.array([0.1, 1e300], "<f8").tobytes(), [0.1, 1e300]),
        ("FP16", np.array([0.5, 2.0], "<f2").tobytes(), [0.5, 2.0]),
        ("BF16", bytes.fromhex("803f 00c0"), [1.0, -2.0]),  # the upper halves of 0x3f800000 and 0xc0000000
        ("INT64", struct.pack("<qq", 2**40, -1), [2**40, -1]),
        ("INT8", struct.pack("<bb", 127, -128), [127, -128]),
        ("UINT16", struct.pack("<HH", 1, 65_535), [1, 65_535]),
        ("BOOL", b"\x01\x00", [True, False]),
        ("BYTES", struct.pack("<I2sI0s", 2, b"hi", 0, b""), ["hi", ""]),
    ],
)
def test_raw_tensors_become_lists(datatype: str, raw: bytes, data: list[object]) -> None:
    """Little-endian numbers one after the other, texts each after its length."""
    response = Response(model_name="churn", id="r-1", raw_output_contents=[raw])
    response.outputs.add(name="p", datatype=datatype, shape=[2])
    assert read(response)["outputs"] == [{"name": "p", "datatype": datatype, "shape": [2], "data": data}]


@pytest.mark.parametrize(
    ("datatype", "shape", "blobs"),
    [
        ("FP32", [3], [b"\x00" * 8]),  # two numbers for three
        ("FP32", [2], [b"\x00" * 7]),  # no whole number of numbers
        ("FP32", [2], [b"\x00" * 8, b""]),  # two tensors for one
        ("COMPLEX", [1], [b"\x00" * 8]),
        ("BYTES", [1], [b"\x09\x00\x00\x00hi"]),
        ("FP32", [2**62] * 5_000, [b""]),  # a shape whose product would take minutes to write
    ],
)
def test_raw_bytes_that_do_not_fit_refuse_the_message(datatype: str, shape: list[int], blobs: list[bytes]) -> None:
    """Rows are never counted from a tensor that is not what it says."""
    response = Response(raw_output_contents=blobs)
    response.outputs.add(name="p", datatype=datatype, shape=shape)
    with pytest.raises(RejectedEventError):
        read(response)


@given(body=st.binary(max_size=120), name=st.sampled_from([REQUEST, RESPONSE]))
def test_any_bytes_are_a_value_or_refused(body: bytes, name: str) -> None:
    """No bytes raise anything but a refusal."""
    with suppress(RejectedEventError):
        assert isinstance(READERS[name].deserialize(body, {}), dict)
