"""What Seldon Core 2 writes in Protobuf becomes predictions, halves and all."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from google.protobuf.message_factory import GetMessageClass

from sentinel.config.formats import Format
from sentinel.events import Limits
from sentinel.events.codecs.adapting import AdaptingCodec, Stages
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.messages import Messages
from sentinel.events.codecs.open_inference import RESPONSE, open_inference_file
from sentinel.events.codecs.protobuf import protobuf_of_files
from sentinel.events.codecs.protobuf_files import message_named
from sentinel.events.codecs.shapes.registry import make_shape
from tests.events.canonical import CHURN, RECEIVED_US


def test_responses_in_protobuf_are_predictions() -> None:
    """Raw bytes of 32-bit numbers, the key as id, two rows: two predictions with the second column as score."""
    files = [open_inference_file()]
    response: Any = GetMessageClass(message_named(files, RESPONSE))(
        model_name="churn_1", raw_output_contents=[np.array([0.75, 0.25, 0.5, 0.5], "<f4").tobytes()]
    )
    response.outputs.add(name="predict", datatype="FP32", shape=[2, 2])
    settings = {
        "encoding": "protobuf",
        "message": RESPONSE,
        "shape": "seldon-v2",
        "inference": {"model": "churn", "version": "7", "column": 1, "responses_alone": True},
    }
    shape = make_shape(msgspec.convert(settings, Format), "prediction")
    reader = protobuf_of_files(files, RESPONSE, framed=False)
    codec = AdaptingCodec(JsonCodec([CHURN]), {"prediction": Stages(reader, shape)}, Limits())
    payload = response.SerializeToString()
    decoded = codec.decode(Messages("outputs", 0, "prediction", [5], [payload], [RECEIVED_US], [b"c9q1"], [[]]))
    assert decoded.dead_letters == []
    assert decoded.predictions[0].scores.tolist() == [0.25, 0.5]
    assert decoded.predictions[0].origin.offsets.tolist() == [5, 5]
