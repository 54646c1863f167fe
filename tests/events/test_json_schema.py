"""JSON with Confluent's framing: the canonical event after it takes the fast way and is judged as any other."""

from __future__ import annotations

import json

from sentinel.config.formats import Format, Formats
from sentinel.events.batch import Reason
from sentinel.events.codecs.adapting import AdaptingCodec, make_stages
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.json_schema import JsonSchemaReader
from sentinel.events.codecs.messages import Messages
from sentinel.events.schema import Limits
from tests.events.canonical import CHURN, RECEIVED_US, prediction

BY_ID, BY_GUID = b"\x00\x00\x00\x00\x07", b"\x01" + bytes(range(16))


def test_framed_events_are_those_that_stand_there_unframed() -> None:
    """An id, a GUID or nothing before it: the same row; what cannot be read is a dead letter at its place."""
    text = json.dumps(prediction()).encode()
    payloads = [text, BY_ID + text, BY_GUID + text, BY_ID + b"{", b"\x00\x00", None]
    stages = make_stages(Formats(predictions=Format(encoding="json-schema")), {"prediction": JsonSchemaReader()})
    codec = AdaptingCodec(JsonCodec([CHURN]), stages, Limits())
    decoded = codec.decode(Messages("p", 0, "prediction", range(10, 16), payloads, [RECEIVED_US] * 6))
    (rows,) = decoded.predictions
    assert rows.scores.tolist() == [0.25] * 3
    assert len(set(rows.keys.tolist())) == 1
    letters = [(letter.offset, letter.reason) for letter in decoded.dead_letters]
    assert sorted(letters) == [(13, Reason.NOT_JSON), (14, Reason.NOT_JSON), (15, Reason.EMPTY)]
    assert not codec.reads_headers
