"""Messages of Seldon Core v1: CloudEvents of its executor, or the same with plain headers from its Kafka logger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.formats import Truth
from sentinel.config.inference import Inference
from sentinel.events.batch import Reason
from sentinel.events.codecs.messages import Role
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.shapes.cloudevents import CloudEvent, read_cloud_event
from sentinel.events.codecs.shapes.inference import InferenceReader, row_ids
from sentinel.events.codecs.shapes.parts import a_text, an_object, translated
from sentinel.events.codecs.shapes.protocol import Event, HalfEvent, Incoming, Make
from sentinel.events.codecs.shapes.tables import read_outputs
from sentinel.events.codecs.shown import model_name

REQUEST, RESPONSE = "io.seldon.serving.inference.request", "io.seldon.serving.inference.response"
FEEDBACK = "io.seldon.serving.feedback"
FEEDBACK_TYPES = (FEEDBACK, "io.seldon.serving.inference.feedback")


class SeldonShape:
    """Reads requests, responses and feedback. A topic may hold all three: each role takes what is its own.

    Parameters
    ----------
    settings : Inference
    truth : Truth
    role : {"prediction", "outcome"}
    """

    reads_headers = True

    def __init__(self, settings: Inference, truth: Truth, role: Role) -> None:
        self._settings, self._truth, self._role = settings, truth, role
        self._reader = InferenceReader(settings)

    def events(self, message: Incoming) -> list[Event] | HalfEvent:
        """The half that the message is, or the outcomes of a feedback."""
        event = _seldon_event(message)
        kind = event.attribute("type")
        if kind in FEEDBACK_TYPES:
            return self._outcomes(event) if self._role == "outcome" else []
        if kind not in (REQUEST, RESPONSE):
            detail = f"the message's type is {model_name(kind)}, not one of Seldon's"
            raise RejectedEventError(Reason.UNKNOWN_KIND, detail)
        return [] if self._role == "outcome" else self._half(event, kind)

    def _half(self, event: CloudEvent, kind: str) -> list[Event] | HalfEvent:
        identity, at = _identity(event), event.at
        service = event.get("inferenceservicename")
        version = event.get("endpoint") if self._settings.version_from == "endpoint" else None
        pair = "\n".join((service or "", event.get("modelid") or "", identity))
        read = self._reader.request_half if kind == REQUEST else self._reader.response_half
        return read(pair, event.message.body, identity, at, model=service, version=version)

    def _outcomes(self, event: CloudEvent) -> list[Event]:
        body = an_object(event.message.body(), "the feedback")
        truth = body.get("truth")
        if truth is None:
            detail = "the feedback has no truth (a reward alone is no outcome)"
            raise RejectedEventError(Reason.MISSING_FIELD, detail)
        name = event.get("inferenceservicename")
        model = self._truth.model or (None if name is None else self._truth.models.get(name, name))
        rows = [_single(row, f"row {i} of the truth") for i, row in enumerate(read_outputs(truth, None))]
        at = event.at / MICROSECONDS_PER_SECOND
        return [
            {
                "kind": "outcome",
                "model": model,
                "prediction_id": identity,
                "outcome": translated(value, self._truth.values, "the truth"),
                "outcome_at": at,
            }
            for identity, value in zip(row_ids(_feedback_id(event, body), len(rows)), rows, strict=True)
        ]


def _seldon_event(message: Incoming) -> CloudEvent:
    """The attributes of a message: of a CloudEvent, or of the headers that the Kafka logger writes without ``ce_``."""
    headers = message.headers
    if "type" in headers and "ce_type" not in headers and "ce-type" not in headers:
        return CloudEvent(message, prefix="")
    return read_cloud_event(message)


def _identity(event: CloudEvent) -> str:
    found = event.get("requestid") or event.get("id")
    if found is None:
        raise RejectedEventError(Reason.MISSING_ID, "the message has no requestid")
    return found


def _feedback_id(event: CloudEvent, body: Mapping[str, Any]) -> str:
    """The id of the request that the feedback is about: the one in its response, as it has a request of its own."""
    for part in ("response", "request"):
        inner = body.get(part)
        meta = inner.get("meta") if isinstance(inner, dict) else None
        puid = meta.get("puid") if isinstance(meta, dict) else None
        if puid not in (None, ""):
            return a_text(puid, f"{part}.meta.puid")
    return _identity(event)


def _single(value: object, place: str) -> object:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, list | dict):
        raise RejectedEventError(Reason.WRONG_TYPE, f"{place} is not one value")
    return value


MAKERS: Mapping[str, Make] = {
    "seldon-v1": lambda settings, role: SeldonShape(settings.inference or Inference(), settings.truth or Truth(), role)
}
