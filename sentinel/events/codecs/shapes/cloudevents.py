"""CloudEvents 1.0 in binary and structured mode, as Kafka and HTTP carry them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sentinel.events.batch import Reason
from sentinel.events.codecs.plain import decode_json
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.shapes.parts import a_text, a_time, an_object
from sentinel.events.codecs.shapes.protocol import Event, HalfEvent, Incoming, Shape

_STRUCTURED, _BATCH = b"application/cloudevents", b"application/cloudevents-batch"
_PREFIXES = ("ce_", "ce-")  # of Kafka and of HTTP
_DATA = ("data", "data_base64")


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """The message that an event's data are; its headers hold the attributes, as ``prefix`` and name."""

    message: Incoming
    prefix: str = "ce_"

    def get(self, name: str) -> str | None:
        """An attribute as text; None where it is missing or empty."""
        value = self.message.headers.get(self.prefix + name)
        return value.decode("utf-8", "replace") if value else None

    def attribute(self, name: str) -> str:
        """A required attribute.

        Raises
        ------
        RejectedEventError
            If it is not there.
        """
        value = self.get(name)
        if value is None:
            raise RejectedEventError(Reason.MISSING_FIELD, f"the CloudEvent has no {name}")
        return value

    @property
    def at(self) -> int:
        """Its time; the message's timestamp where it names none."""
        time = self.get("time")
        return self.message.received_at if time is None else a_time(time, "the CloudEvent's time")


def read_cloud_event(message: Incoming) -> CloudEvent:
    """Take a CloudEvent apart.

    Raises
    ------
    RejectedEventError
        If the message is none.
    """
    content_type = message.headers.get("content-type", b"").lstrip().lower()
    if content_type.startswith(_STRUCTURED):
        if content_type.startswith(_BATCH):
            detail = "a batch of CloudEvents in one message, which Kafka does not allow"
            raise RejectedEventError(Reason.WRONG_TYPE, detail)
        return _structured(message, decode_json(message.payload))
    for prefix in _PREFIXES:
        if f"{prefix}id" in message.headers or f"{prefix}type" in message.headers:
            return _checked(CloudEvent(message, prefix))
    if message.payload.lstrip()[:1] == b"{":  # some producers leave the content type out
        body = decode_json(message.payload)
        if isinstance(body, dict) and "specversion" in body:
            return _structured(message, body)
    raise RejectedEventError(
        Reason.MISSING_FIELD, "no CloudEvent: neither ce_ headers nor a content-type of application/cloudevents+json"
    )


class CloudEventsShape:
    """Takes CloudEvents off, and has what is left read by another shape.

    Parameters
    ----------
    inner : Shape
    """

    reads_headers = True

    def __init__(self, inner: Shape) -> None:
        self._inner = inner

    def events(self, message: Incoming) -> list[Event] | HalfEvent:
        """The events in the data; the CloudEvent's time is that of an event without one."""
        event = read_cloud_event(message)
        shaped = self._inner.events(event.message)
        time = event.get("time")
        if isinstance(shaped, list) and time is not None:
            for each in shaped:
                name = "outcome_at" if each.get("kind", message.role) == "outcome" else "predicted_at"
                if each.get(name) is None:
                    each[name] = time
        return shaped


def _structured(message: Incoming, body: object) -> CloudEvent:
    event = an_object(body, "the CloudEvent")
    attributes = {name: _attribute(name, value) for name, value in event.items() if name not in _DATA}
    headers = dict(message.headers)
    headers.update({f"ce_{name}": value.encode("utf-8", "replace") for name, value in attributes.items()})
    headers["content-type"] = attributes.get("datacontenttype", "application/json").encode("utf-8", "replace")
    return _checked(CloudEvent(_data(replace(message, headers=headers), event)))


def _data(message: Incoming, event: Mapping[str, Any]) -> Incoming:
    if event.get("data_base64") is not None:
        try:
            return replace(
                message, payload=base64.b64decode(a_text(event["data_base64"], "data_base64"), validate=True)
            )
        except (binascii.Error, ValueError):
            raise RejectedEventError(Reason.WRONG_TYPE, "data_base64 is not base64") from None
    data = event.get("data")
    if data is None:
        raise RejectedEventError(Reason.EMPTY, "the CloudEvent has no data")
    if isinstance(data, str) and not _is_json(message.headers["content-type"]):
        return replace(message, payload=data.encode("utf-8", "replace"))
    return replace(message, given=data)


def _is_json(content_type: bytes) -> bool:
    kind = content_type.partition(b";")[0].strip().lower()
    return kind.endswith((b"/json", b"+json"))


def _attribute(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else a_text(value, f"the CloudEvent's {name:.40}")


def _checked(event: CloudEvent) -> CloudEvent:
    for name in ("id", "type"):
        event.attribute(name)
    return event
