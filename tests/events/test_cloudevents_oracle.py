"""CloudEvents as the official library writes them are read alike."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings import kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from sentinel.config.formats import Format, Formats
from sentinel.events.codecs.messages import Messages
from sentinel.ingest.http_body import CLOUD_EVENTS, BodyReader, UnreadableBodyError
from tests.events.adapted import adapting, message
from tests.events.canonical import RECEIVED_US, prediction


def official(**more: Any) -> CloudEvent:
    """An event whose data are a canonical prediction without a time of its own."""
    attributes = {
        "id": "e-1",
        "source": "/scoring",
        "type": "org.example.scored",
        "specversion": "1.0",
        "time": datetime(2026, 11, 26, 11, 59, 30, tzinfo=UTC),
        "datacontenttype": "application/json",
        "subject": "größe",
        **more,
    }
    return CloudEvent(attributes=attributes, data=prediction(predicted_at=None))


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_both_modes_give_the_same_event(mode: str) -> None:
    """The library's Kafka binding, in either mode, gives the one prediction at the CloudEvent's time."""
    write = kafka.to_binary if mode == "binary" else kafka.to_structured
    written = write(official(), JSONFormat())
    headers = [(name, value) for name, value in written.headers.items()]
    one = Messages("events", 3, "prediction", [100], [written.value], [RECEIVED_US], [None], [headers])
    decoded = adapting({"shape": "cloudevents"}).decode(one)
    assert decoded.dead_letters == []
    assert decoded.predictions[0].predicted_at.tolist() == [RECEIVED_US - 30_000_000]


def test_an_attribute_is_found_in_either_mode() -> None:
    """A path that names an attribute's header reads it in structured mode too."""
    fields = {"model": {"constant": "churn"}, "prediction_id": "$header.ce_subject", "score": "score"}
    codec = adapting({"shape": "cloudevents", "data_shape": "fields", "fields": fields})
    envelope = {"specversion": "1.0", "id": "e", "type": "t", "source": "/s", "subject": "p-7", "data": {"score": 0.5}}
    [structured] = codec.events(message(envelope, {"content-type": "application/cloudevents+json"}))  # type: ignore[misc]
    binary_headers = {"ce_id": "e", "ce_type": "t", "ce_subject": "p-7"}
    [binary] = codec.events(message({"score": 0.5}, binary_headers))  # type: ignore[misc]
    assert structured == binary
    assert binary["prediction_id"] == "p-7"


def test_headers_of_http_are_read_too() -> None:
    """Over HTTP the attributes begin with ``ce-``."""
    decoded = adapting({"shape": "cloudevents"}).decode(
        message(prediction(), {"CE-Id": "e", "CE-Type": "t", "Ce-Source": "/s", "CE-SpecVersion": "1.0"})
    )
    assert len(decoded.predictions[0]) == 1


def test_a_batch_is_split() -> None:
    """Each event of a posted batch is a message in structured mode; what is no list is refused."""
    envelope = {"specversion": "1.0", "id": "e", "type": "t", "source": "/s"}
    events = [envelope | {"data": prediction(prediction_id=f"p-{i}")} for i in range(3)]
    codec = adapting({"shape": "cloudevents"})
    formats = Formats(predictions=Format(shape="cloudevents"))
    reader = BodyReader(formats, lambda: frozenset(("churn",)), lambda: 1 << 20)
    posted = reader.read(CLOUD_EVENTS, {}, json.dumps(events).encode(), "prediction").posted
    ids = []
    for payload, headers in zip(posted.payloads, posted.headers, strict=True):
        [event] = codec.events(message(payload, {name: value or b"" for name, value in headers}))  # type: ignore[misc]
        ids.append(event["prediction_id"])
    assert ids == ["p-0", "p-1", "p-2"]
    with pytest.raises(UnreadableBodyError, match="no array of JSON"):
        reader.read(CLOUD_EVENTS, {}, b"{}", "prediction")
