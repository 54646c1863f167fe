"""The events of KServe's inference logger: a request and a response under one id."""

from __future__ import annotations

from collections.abc import Mapping

from sentinel.config.inference import Inference
from sentinel.events.batch import Reason
from sentinel.events.codecs.plain import decode_json
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.shapes.cloudevents import CloudEvent, read_cloud_event
from sentinel.events.codecs.shapes.inference import InferenceReader
from sentinel.events.codecs.shapes.parts import a_text, an_object
from sentinel.events.codecs.shapes.protocol import Event, HalfEvent, Incoming, Make
from sentinel.events.codecs.shown import model_name

REQUEST, RESPONSE = "org.kubeflow.serving.inference.request", "org.kubeflow.serving.inference.response"


class KServeShape:
    """Reads CloudEvents of the two types; bodies are of protocol v1 or v2.

    Parameters
    ----------
    settings : Inference
    """

    reads_headers = True

    def __init__(self, settings: Inference) -> None:
        self._settings = settings
        self._reader = InferenceReader(settings)

    def events(self, message: Incoming) -> list[Event] | HalfEvent:
        """The half that the message is."""
        event = read_cloud_event(message)
        kind, identity, at = event.attribute("type"), event.attribute("id"), event.at
        service = event.get("inferenceservicename")
        version = self._version(event)
        pair = "\n".join((service or "", event.get("component") or "", identity))
        if kind == REQUEST:
            return self._reader.request_half(pair, event.message.body, identity, at, model=service, version=version)
        if kind == RESPONSE:
            return self._reader.response_half(pair, event.message.body, identity, at, model=service, version=version)
        detail = f"the CloudEvent's type is {model_name(kind)}, not one of KServe's inference logger"
        raise RejectedEventError(Reason.UNKNOWN_KIND, detail)

    def _version(self, event: CloudEvent) -> str | None:
        if self._settings.version_from == "endpoint":
            return event.get("endpoint")
        name = self._settings.version_annotation
        given = event.get("annotations")
        if name is None or given is None:
            return None
        annotations = an_object(decode_json(given.encode("utf-8", "replace")), "annotations")
        return None if annotations.get(name) is None else a_text(annotations[name], f"the annotation {name:.80}")


MAKERS: Mapping[str, Make] = {"kserve": lambda settings, _: KServeShape(settings.inference or Inference())}
