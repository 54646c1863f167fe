"""Bodies of the Open Inference Protocol: request and response apart, or both in one record; also of Seldon Core 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sentinel.config.inference import Inference
from sentinel.events.batch import Reason
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.shapes.inference import InferenceReader, join
from sentinel.events.codecs.shapes.parts import a_text, a_time, an_object, as_text
from sentinel.events.codecs.shapes.protocol import Event, HalfEvent, Incoming, Make
from sentinel.events.codecs.shapes.tables import is_request

_ID_HEADERS = ("x-request-id", "seldon-request-id", "ce_id", "ce-id")
_TIMES = ("time", "timestamp")


class OpenInferenceShape:
    """Reads ``{inputs}`` and ``{outputs}`` as halves, and ``{request, response}`` as both.

    The id is the body's; where it has none that of the message's key or of an ``x-request-id`` header. The time is a
    record's ``time`` or ``timestamp``, else that of the message: the protocol has none.

    Parameters
    ----------
    settings : Inference
    key_first : bool
        Whether the key is the id even where the body has one, as with Seldon Core 2.
    """

    reads_headers = True

    def __init__(self, settings: Inference, *, key_first: bool = False) -> None:
        self._reader = InferenceReader(settings)
        self._key_first = key_first

    def events(self, message: Incoming) -> list[Event] | HalfEvent:
        """The predictions of a record, or the half that the message is."""
        body = an_object(message.body(), "the message")
        if "request" in body and "response" in body:
            return self._record(message, body)
        identity, at = self._identity(message, body), message.received_at
        read = self._reader.request_half if is_request(body) else self._reader.response_half
        return read(identity, lambda: body, identity, at, model=_name(body), version=None)

    def _record(self, message: Incoming, body: Mapping[str, Any]) -> list[Event]:
        request, response = an_object(body["request"], "request"), an_object(body["response"], "response")
        identity = self._identity(message, {"id": body.get("id") or request.get("id") or response.get("id")})
        time = next((body[name] for name in _TIMES if body.get(name) is not None), None)
        at = message.received_at if time is None else a_time(time, "the record's time")
        model = _name(body) or _name(request)
        version = body.get("model_version")
        asked = self._reader.request(request, identity, at, model=model, version=None)
        version = None if version in (None, "") else a_text(version, "model_version")
        return join(asked, self._reader.response(response, at, model=model, version=version))

    def _identity(self, message: Incoming, body: Mapping[str, Any]) -> str:
        key = as_text(message.key, "the message's key") if message.key else None
        given = None if body.get("id") in (None, "") else a_text(body["id"], "id")
        header = next((message.headers[name] for name in _ID_HEADERS if message.headers.get(name)), None)
        found = (key or given) if self._key_first else (given or key)
        if found is None and header is not None:
            found = as_text(header, "the header of the request's id")
        if found is None:
            raise RejectedEventError(Reason.MISSING_ID, "neither the body has an id, nor the message a key")
        return found


def _name(body: Mapping[str, Any]) -> str | None:
    value = body.get("model_name")
    return None if value in (None, "") else a_text(value, "model_name")


MAKERS: Mapping[str, Make] = {
    "open-inference": lambda settings, _: OpenInferenceShape(settings.inference or Inference()),
    "seldon-v2": lambda settings, _: OpenInferenceShape(settings.inference or Inference(), key_first=True),
}
