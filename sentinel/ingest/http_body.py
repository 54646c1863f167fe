"""What one posted body holds: events, each fit to be logged, and the lines that are not, with the reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from sentinel.config.formats import Format, Formats
from sentinel.errors import RecoverableError
from sentinel.events.batch import Reason
from sentinel.events.codecs.messages import UNFIT, Role
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.shown import kind_of
from sentinel.ingest.http_records import ROLES, Header, Posted

MAX_EVENTS: Final = 10_000
"""Of one request: so many lines can be answered one by one."""
NDJSON: Final = ("application/x-ndjson", "application/ndjson")
JSON: Final = "application/json"
CLOUD_EVENT: Final = "application/cloudevents+json"
CLOUD_EVENTS: Final = "application/cloudevents-batch+json"
MEDIA_TYPES: Final = (NDJSON[0], JSON, CLOUD_EVENTS, CLOUD_EVENT)
CE_REQUIRED: Final = ("ce-specversion", "ce-id", "ce-source", "ce-type")

_KINDS: Final[Mapping[str, Role]] = {"prediction": "prediction", "outcome": "outcome", "backfill": "prediction"}
_BOM: Final = b"\xef\xbb\xbf"
_MANY_COMMAS: Final = 40 * MAX_EVENTS
"""An array with more of them may hold millions of elements, which are not all made at once."""
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_scan: Final = json.JSONDecoder().raw_decode
_BAD, _TOO_LARGE, _MEDIA_TYPE = 400, 413, 415
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder(msgspec.Raw).decode


class UnreadableBodyError(RecoverableError):
    """Nothing of the body was taken; ``status`` is what HTTP calls that."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return self.message


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A line that was not taken: its number, from 1 (in an array the place), and why."""

    line: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Read:
    """What a body held."""

    posted: Posted
    rejected: Sequence[Rejected]


class _Look(msgspec.Struct, gc=False):
    """As much of an event as decides whether it is taken, and as what."""

    model: str
    prediction_id: str
    kind: str | None = None
    predicted_at: str | float | None = None
    outcome_at: str | float | None = None


class _CloudEvent(msgspec.Struct, gc=False):
    """A CloudEvent in structured mode, as far as its data go."""

    specversion: str
    id: str
    source: str
    type: str
    data: msgspec.Raw = msgspec.Raw()
    data_base64: bytes | None = None


_look = msgspec.json.Decoder(_Look).decode
_cloud_event = msgspec.json.Decoder(_CloudEvent).decode


class BodyReader:
    """Takes bodies apart. Any thread may call it.

    Parameters
    ----------
    formats : Formats
        Canonical events are looked at; all others are only seen to be JSON, and logged with their headers.
    models : callable
        The names of the models that are watched now.
    max_event_bytes : callable
        Now.
    """

    def __init__(
        self, formats: Formats, models: Callable[[], frozenset[str]], max_event_bytes: Callable[[], int]
    ) -> None:
        self._formats: Mapping[Role, Format] = {"prediction": formats.predictions, "outcome": formats.outcomes}
        self._models = models
        self._max_event_bytes = max_event_bytes

    def read(self, media_type: str, headers: Mapping[str, str], body: bytes, role: Role | None) -> Read:
        """Take one body apart.

        Parameters
        ----------
        media_type : str
            In lower case, without parameters.
        headers : mapping of lower-case name to value
            Of the request; those of a binary CloudEvent begin with ``ce-``.
        body : bytes
            Not compressed.
        role : 'prediction', 'outcome' or None
            What events are that do not say.

        Raises
        ------
        UnreadableBodyError
            If it cannot be taken apart: nothing of it is taken.
        """
        if body.startswith(_BOM):
            body = body[len(_BOM) :]
        binary = "ce-specversion" in headers
        if binary:
            missing = [name for name in CE_REQUIRED if name not in headers]
            if missing:
                raise UnreadableBodyError(_BAD, f"a CloudEvent in binary mode has a header {missing[0]}")
            lines: Iterable[tuple[int, bytes]] = [(1, body)]
        else:
            lines = _lines(media_type, body)
        if self._formats[role or "prediction"].shape != "canonical":
            passed = _passed_on(headers) if binary else [("content-type", _type_of_one(media_type).encode())]
            return self._other(lines, role or "prediction", passed)
        structured = not binary and media_type in (CLOUD_EVENT, CLOUD_EVENTS)
        return self._canonical(lines, role, structured=structured)

    def _canonical(self, lines: Iterable[tuple[int, bytes]], role: Role | None, *, structured: bool) -> Read:
        models, most = self._models(), self._max_event_bytes()
        payloads: list[bytes] = []
        roles = bytearray()
        rejected: list[Rejected] = []
        for number, line in lines:
            try:
                if structured:
                    _require_size(line, 2 * most)  # base64 takes a third more
                payload = _data(line) if structured else line
                _require_size(payload, most)
                roles.append(ROLES.index(_role_of(payload, models, role)))
                payloads.append(payload)
            except RejectedEventError as fault:
                rejected.append(Rejected(number, str(fault.reason), fault.detail))
        return Read(Posted(bytes(roles), payloads), rejected)

    def _other(self, lines: Iterable[tuple[int, bytes]], role: Role, headers: Sequence[Header]) -> Read:
        most = self._max_event_bytes()
        payloads: list[bytes] = []
        rejected: list[Rejected] = []
        for number, line in lines:
            try:
                _require_size(line, most)
                _must_be_json(line)
                payloads.append(line)
            except RejectedEventError as fault:
                rejected.append(Rejected(number, str(fault.reason), fault.detail))
        return Read(Posted(bytes([ROLES.index(role)]) * len(payloads), payloads, [headers] * len(payloads)), rejected)


def _lines(media_type: str, body: bytes) -> Iterable[tuple[int, bytes]]:
    """The events of a body, numbered from 1."""
    if media_type in NDJSON:
        if body.count(b"\n") > 2 * MAX_EVENTS:
            raise UnreadableBodyError(_TOO_LARGE, f"a request holds at most {MAX_EVENTS} events")
        lines = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line and not line.isspace()]
    elif media_type == CLOUD_EVENTS or (media_type == JSON and body.lstrip()[:1] == b"["):
        lines = list(enumerate(_elements(body), 1))
    elif media_type in (JSON, CLOUD_EVENT):
        lines = [(1, body)]
    else:
        raise UnreadableBodyError(_MEDIA_TYPE, f"the body is {', '.join(MEDIA_TYPES)}, or a CloudEvent in binary mode")
    if len(lines) > MAX_EVENTS:
        raise UnreadableBodyError(_TOO_LARGE, f"a request holds at most {MAX_EVENTS} events")
    return lines


def _elements(body: bytes) -> Iterator[bytes]:
    if body.count(b",") > _MANY_COMMAS:
        yield from _elements_one_by_one(body)
        return
    try:
        yield from map(bytes, _decode_array(body))
    except UNFIT:
        yield from _elements_one_by_one(body)


def _elements_one_by_one(body: bytes) -> Iterator[bytes]:
    """As Python reads JSON: with NaN and infinities, which single events may hold as well. Stops at one too many."""
    try:
        text = body.decode()
        at = _spaces(text, 0)
        if text[at : at + 1] != "[":
            raise ValueError("it does not begin with [")
        at = _spaces(text, at + 1)
        last = text[at : at + 1] == "]"
        n = 0
        while not last and n <= MAX_EVENTS:
            _, end = _scan(text, at)
            yield text[at:end].encode()
            n += 1
            at = _spaces(text, end)
            if text[at : at + 1] not in (",", "]"):
                raise ValueError(f"neither , nor ] at character {at}")
            last = text[at] == "]"
            at = _spaces(text, at + 1)
        if last and at != len(text):
            raise ValueError(f"something follows its end at character {at}")
    except (ValueError, RecursionError) as error:
        raise UnreadableBodyError(_BAD, f"the body is no array of JSON: {error!s:.100}") from error


def _spaces(text: str, at: int) -> int:
    """Where the white space that begins here ends."""
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _require_size(payload: bytes, most: int) -> None:
    if len(payload) > most:
        raise RejectedEventError(Reason.OVERSIZED, f"{len(payload)} bytes exceed limits.max_event_bytes {most}")


def _role_of(payload: bytes, models: frozenset[str], role: Role | None) -> Role:
    """As what an event is taken.

    Raises
    ------
    RejectedEventError
    """
    try:
        look = _look(payload)
    except UNFIT:
        look = _look_slowly(payload)
    if look.model not in models:
        raise RejectedEventError(Reason.UNKNOWN_MODEL, f"model {look.model!r:.80} is not in the configuration")
    if not look.prediction_id:
        raise RejectedEventError(Reason.MISSING_ID, "prediction_id is missing")
    if look.kind is not None:
        found = _KINDS.get(look.kind)
        if found is None:
            raise RejectedEventError(Reason.UNKNOWN_KIND, f"kind is {look.kind!r:.40}; known are {', '.join(_KINDS)}")
        return found
    if role is not None:
        return role
    if (look.predicted_at is None) == (look.outcome_at is None):
        detail = "kind is missing, and neither predicted_at nor outcome_at alone says what the event is"
        raise RejectedEventError(Reason.MISSING_FIELD, detail)
    return "prediction" if look.outcome_at is None else "outcome"


def _look_slowly(payload: bytes) -> _Look:
    event = _loaded(payload)
    if not isinstance(event, dict):
        raise RejectedEventError(Reason.NOT_AN_OBJECT, f"an event is an object, not {kind_of(event)}")
    model, identity, kind = event.get("model"), event.get("prediction_id"), event.get("kind")
    if model is None:
        raise RejectedEventError(Reason.MISSING_FIELD, "model is missing")
    if not isinstance(model, str):
        raise RejectedEventError(Reason.WRONG_TYPE, f"model is {kind_of(model)}, not a string")
    if identity is None:
        raise RejectedEventError(Reason.MISSING_ID, "prediction_id is missing")
    if isinstance(identity, bool) or not isinstance(identity, str | int):
        raise RejectedEventError(Reason.WRONG_TYPE, f"prediction_id is {kind_of(identity)}, not a string")
    if kind is not None and not isinstance(kind, str):
        raise RejectedEventError(Reason.UNKNOWN_KIND, f"kind is {kind_of(kind)}, not a string")
    times = {name: None if event.get(name) is None else "given" for name in ("predicted_at", "outcome_at")}
    return _Look(model, str(identity), kind, **times)


def _loaded(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise RejectedEventError(Reason.NOT_JSON, f"not JSON: {type(error).__name__}: {error!s:.80}") from error


def _must_be_json(payload: bytes) -> None:
    try:
        _decode_any(payload)
    except UNFIT:
        _loaded(payload)


def _data(payload: bytes) -> bytes:
    """What a CloudEvent in structured mode carries."""
    try:
        event = _cloud_event(payload)
    except UNFIT as error:
        _loaded(payload)
        raise RejectedEventError(Reason.WRONG_TYPE, f"no CloudEvent: {error!s:.80}") from error
    data = event.data_base64 if event.data_base64 is not None else bytes(event.data)
    if not data:
        raise RejectedEventError(Reason.EMPTY, "the CloudEvent holds no data")
    return data


def _passed_on(headers: Mapping[str, str]) -> list[Header]:
    """The headers of a binary CloudEvent, named and written as they would stand in a message of Kafka."""
    found: list[Header] = [
        (f"ce_{name[3:]}", unquote_to_bytes(value)) for name, value in headers.items() if name.startswith("ce-")
    ]
    return [*found, ("content-type", headers.get("content-type", JSON).encode("latin-1"))]


def _type_of_one(media_type: str) -> str:
    return CLOUD_EVENT if media_type in (CLOUD_EVENT, CLOUD_EVENTS) else JSON
