"""SageMaker's data capture, one record a message, and the ground truth that is merged with it."""

from __future__ import annotations

import base64
import binascii
import csv
from collections.abc import Mapping
from typing import Any

from sentinel.config.formats import Truth
from sentinel.config.inference import Inference
from sentinel.events.batch import Reason
from sentinel.events.codecs.plain import decode_json
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.shapes.inference import InferenceReader, join
from sentinel.events.codecs.shapes.parts import a_text, a_time, an_object, translated
from sentinel.events.codecs.shapes.protocol import MAX_ROWS, Event, Incoming, Make
from sentinel.events.codecs.shown import form, model_name


class CaptureShape:
    """Reads ``captureData`` with its input and output, in CSV, JSON or JSON lines, plain or as base64.

    The id is ``eventMetadata.inferenceId``, which the caller gave, else ``eventMetadata.eventId``.

    Parameters
    ----------
    settings : Inference
    """

    reads_headers = False

    def __init__(self, settings: Inference) -> None:
        self._reader = InferenceReader(settings)

    def events(self, message: Incoming) -> list[Event]:
        """The predictions of the record."""
        record = an_object(message.body(), "the message")
        capture, meta = an_object(record.get("captureData"), "captureData"), _metadata(record)
        at = a_time(meta.get("inferenceTime"), "eventMetadata.inferenceTime")
        asked = _payload(capture, "endpointInput")
        answered = _payload(capture, "endpointOutput")
        request = self._reader.request(asked, _identity(meta), at, model=None, version=None)
        return join(request, self._reader.response(answered, at, model=None, version=None))


class GroundTruthShape:
    """Reads ``groundTruthData``; the outcome is known when the message was written, as a record tells no time.

    Parameters
    ----------
    settings : Truth
    """

    reads_headers = False

    def __init__(self, settings: Truth) -> None:
        self._settings = settings

    def events(self, message: Incoming) -> list[Event]:
        """The one outcome of the record."""
        record = an_object(message.body(), "the message")
        truth = an_object(record.get("groundTruthData"), "groundTruthData")
        rows = _decoded(truth, "groundTruthData")
        while isinstance(rows, list) and len(rows) == 1:
            rows = rows[0]
        if isinstance(rows, list | dict) or rows is None:
            raise RejectedEventError(Reason.WRONG_TYPE, f"groundTruthData.data is {form(rows)}, not one value")
        event: Event = {
            "kind": "outcome",
            "model": self._settings.model,
            "prediction_id": _identity(_metadata(record)),
            "outcome": translated(rows, self._settings.values, "groundTruthData.data"),
            "outcome_at": message.received_seconds,
        }
        return [event]


def _metadata(record: Mapping[str, Any]) -> Mapping[str, Any]:
    return an_object(record.get("eventMetadata"), "eventMetadata")


def _identity(meta: Mapping[str, Any]) -> str:
    for name in ("inferenceId", "eventId"):
        if meta.get(name) not in (None, ""):
            return a_text(meta[name], f"eventMetadata.{name}")
    raise RejectedEventError(Reason.MISSING_ID, "eventMetadata.eventId is missing")


def _payload(capture: Mapping[str, Any], side: str) -> object:
    if capture.get(side) is None:
        detail = f"captureData.{side} is missing (capture both input and output)"
        raise RejectedEventError(Reason.MISSING_FIELD, detail)
    return _decoded(an_object(capture[side], f"captureData.{side}"), f"captureData.{side}")


def _decoded(part: Mapping[str, Any], place: str) -> object:
    """The data of one side: rows of CSV, or what its JSON holds."""
    encoding = a_text(part.get("encoding"), f"{place}.encoding").upper()
    data = part.get("data")
    if encoding == "BASE64":
        data = _unbased(a_text(data, f"{place}.data"), place)
        encoding = "CSV" if "csv" in str(part.get("observedContentType", "")).lower() else "JSON"
    if encoding == "CSV":
        return _csv(a_text(data, f"{place}.data"), place)
    if encoding in ("JSON", "JSONLINES"):
        return _json(a_text(data, f"{place}.data")) if isinstance(data, str) else data
    raise RejectedEventError(Reason.WRONG_TYPE, f"{place}.encoding is {model_name(encoding)}: not CSV, JSON or BASE64")


def _unbased(data: str, place: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        raise RejectedEventError(Reason.WRONG_TYPE, f"{place}.data is not base64 of UTF-8 text") from None


def _json(text: str) -> object:
    """One JSON text, or several of them one a line."""
    try:
        return decode_json(text.encode("utf-8", "replace"))
    except RejectedEventError:
        lines = [line for line in text.splitlines() if line.strip()]
        if not 2 <= len(lines) <= MAX_ROWS:
            raise
    return [decode_json(line.encode("utf-8", "replace")) for line in lines]


def _csv(text: str, place: str) -> list[Any]:
    """Rows of a CSV text; what is written like a number is one, and what is empty is missing."""
    rows: list[Any] = []
    try:
        for row in csv.reader(text.splitlines()):
            if len(rows) > MAX_ROWS:
                raise RejectedEventError(Reason.OVERSIZED, f"{place}.data has over {MAX_ROWS} rows")
            if row:
                rows.append([_cell(cell) for cell in row])
    except csv.Error:
        raise RejectedEventError(Reason.WRONG_TYPE, f"{place}.data is no CSV") from None
    return rows


def _cell(text: str) -> object:
    stripped = text.strip()
    if not stripped:
        return None
    try:
        return float(stripped) if len(stripped) <= 40 and "_" not in stripped else stripped
    except ValueError:
        return stripped


MAKERS: Mapping[str, Make] = {
    "sagemaker-capture": lambda settings, _: CaptureShape(settings.inference or Inference()),
    "sagemaker-ground-truth": lambda settings, _: GroundTruthShape(settings.truth or Truth()),
}
