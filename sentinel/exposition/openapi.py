"""The description of the HTTP API for programs: OpenAPI 3.1, from the types that are served."""

from __future__ import annotations

import functools
import json
from typing import Any

import msgspec

from sentinel import __version__
from sentinel.diagnosis.answers import AnswerRequest
from sentinel.diagnosis.report import API_VERSION, Acknowledgement, Report, TimelinePoint
from sentinel.exposition.access import EVENTS_PATH
from sentinel.exposition.answers import DEFAULT_LIMIT, MAX_LIMIT
from sentinel.exposition.events import Taken
from sentinel.ingest.http_body import MAX_EVENTS, MEDIA_TYPES, NDJSON
from sentinel.ingest.http_records import ROLES
from sentinel.pipeline.audit_log import KINDS, AuditEntry

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_HTML = "text/html"
_MODEL_PATH = "/api/v1/models/{model}/{version}"
_REFUSED = {
    "400": "The request is not well-formed.",
    "401": "Nobody is logged in, and one has to be.",
    "404": "There is no such model version.",
    "405": "This path takes other methods; `Allow` names them.",
    "413": "The body is too large.",
    "414": "The URL is too long.",
    "415": "The body is compressed, or of another type than this path takes.",
    "421": "The host name is not served here.",
    "429": "Too many requests or failed logins; `Retry-After` says how long to wait.",
    "431": "The headers are too large.",
    "503": "Too many logins at once; `Retry-After` says how long to wait.",
}

_NOT_WRITTEN = {
    "403": "Whoever is logged in may only read, nobody is, or a page of another site sent the request.",
    "409": "The verdict has changed since it was read.",
    "500": "The answer cannot be kept; the message says why.",
    "507": "The answer cannot be kept: the disk is full.",
}
"""What becomes of writing, besides."""
_NOT_TAKEN = {
    "400": "Nothing was taken: every line is refused, and told one by one; or the body cannot be taken apart.",
    "403": "Whoever is logged in is no producer; or nobody is, and the port is open to a network.",
    "408": "The body did not come in time.",
    "413": f"The body, or what it unpacks to, is longer than `source.http.max_request_bytes`, or holds more than "
    f"{MAX_EVENTS} events.",
    "503": "Nothing was taken: too much is on its way to the disk, the log is full, or the disk failed. Send it again "
    "after `Retry-After`.",
}
"""What becomes of events, besides."""
_DRAWN = ("400", "404")
"""Of the refusals that every path has, those that a form is shown as a page."""
_BODY = "As JSON, or as a browser sends a form: fields of the same names, of which an empty one is not there."
_EVENTS = (
    f"Events as {', '.join(f'`{each}`' for each in MEDIA_TYPES)}, or one CloudEvent in binary mode (`ce-` headers); "
    "with `Content-Encoding: gzip` or plain."
)
_SENT_ON = {
    "description": "A form was kept: the page of the model version shows it.",
    "headers": {"Location": {"description": "The page's path.", "schema": {"type": "string"}}},
}


@functools.cache
def openapi_json() -> bytes:
    """The document, encoded."""
    return json.dumps(openapi(), indent=2, ensure_ascii=False).encode() + b"\n"


def openapi() -> dict[str, Any]:
    """The document: each path under ``/api/v1`` with what it answers."""
    names = [_parameter("model", "The model's name"), _parameter("version", "Its version")]
    served = [Report, TimelinePoint, Acknowledgement, AnswerRequest, AuditEntry, Taken]
    _, schemas = msgspec.json.schema_components(served, ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {"title": "sentinel", "version": __version__, "description": "Reports of the models that are watched."},
        "paths": {
            "/api/v1/models": {"get": _get("listModels", "Every model version with its verdict", "ModelList")},
            f"{_MODEL_PATH}/report": {
                "get": _get("getReport", "The newest report of a model version", "Report", names)
            },
            f"{_MODEL_PATH}/timeline": {
                "get": _get("getTimeline", "The headline at each evaluation", "Timeline", names)
            },
            f"{_MODEL_PATH}/acknowledgements": {
                "get": _get("listAnswers", "What was answered to its verdicts", "AcknowledgementList", names),
                "post": _post("answer", "Answer the verdict that stands", "AnswerRequest", "Answered", names),
            },
            "/api/v1/audit": {
                "get": _get(
                    "listAudit", "The newest entries of the audit log, newest first", "AuditList", _asked_of_audit()
                )
            },
            "/api/v1/openapi.json": {"get": _get("getDescription", "This document", "Description")},
            EVENTS_PATH: {"post": _post_events()},
        },
        "components": {
            "schemas": {**schemas, **_own_schemas()},
            "responses": {status: _refusal(text) for status, text in {**_REFUSED, **_NOT_WRITTEN}.items()},
            "securitySchemes": {
                "password": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{}, {"password": []}, {"token": []}],
    }


def _get(operation: str, summary: str, schema: str, parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    content = {_JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    refused = {status: {"$ref": f"#/components/responses/{status}"} for status in _REFUSED}
    return {
        "operationId": operation,
        "summary": summary,
        "parameters": parameters or [],
        "responses": {"200": {"description": summary, "content": content}, **refused},
    }


def _post(operation: str, summary: str, body: str, schema: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    described = _get(operation, summary, schema, parameters)
    responses = described["responses"]
    created = responses.pop("200")
    known = {**_REFUSED, **_NOT_WRITTEN}
    refused = {status: _refusal(known[status], drawn=True) for status in (*_DRAWN, *_NOT_WRITTEN)}
    taken = {"schema": {"$ref": f"#/components/schemas/{body}"}}
    return {
        **described,
        "requestBody": {"required": True, "description": _BODY, "content": {_JSON: taken, _FORM: taken}},
        "responses": {"201": created, "303": _SENT_ON, **responses, **refused},
        "security": [{"password": []}, {"token": []}],
    }


def _post_events() -> dict[str, Any]:
    kind = {
        "name": "kind",
        "in": "query",
        "required": False,
        "description": "What events are that do not say it themselves",
        "schema": {"enum": list(ROLES)},
    }
    described = _get("postEvents", "Take events in, where `source.http` is configured", "Taken", [kind])
    responses = described["responses"]
    taken = {**responses.pop("200"), "description": "The accepted events are durable; the rejected are told."}
    text = {"schema": {"type": "string"}}
    events = {"schema": {"$ref": "#/components/schemas/Events"}}
    content = {each: text if each in NDJSON else events for each in MEDIA_TYPES}
    refused = {status: _refusal(text) for status, text in _NOT_TAKEN.items()}
    lines = {"oneOf": [{"$ref": "#/components/schemas/Taken"}, {"$ref": "#/components/schemas/Error"}]}
    refused["400"]["content"][_JSON]["schema"] = lines
    return {
        **described,
        "requestBody": {"required": True, "description": _EVENTS, "content": content},
        "responses": {"202": taken, **responses, **refused},
    }


def _asked_of_audit() -> list[dict[str, Any]]:
    texts: dict[str, tuple[str, dict[str, Any]]] = {
        "since": ("Not older than this", {"type": "string", "format": "date-time"}),
        "kind": ("Of this kind alone", {"enum": list(KINDS)}),
        "limit": ("At most", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
    }
    return [
        {"name": name, "in": "query", "required": False, "description": text, "schema": schema}
        for name, (text, schema) in texts.items()
    ]


def _parameter(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1}
    text = f"{description}, percent-encoded: it may hold a slash."
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def _refusal(description: str, *, drawn: bool = False) -> dict[str, Any]:
    content: dict[str, Any] = {_JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    if drawn:
        description += " Whoever sent a form is shown a page that says so and keeps what was filled in."
        content[_HTML] = {"schema": {"type": "string"}}
    return {"description": description, "content": content}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _own_schemas() -> dict[str, Any]:
    text = {"type": "string"}
    head = {"apiVersion": {"const": API_VERSION}}
    entry = _object(
        model=text,
        version=text,
        task=text,
        through={"type": ["string", "null"]},
        verdict=_object(cause=text, family=text, confidence={"type": "number", "minimum": 0, "maximum": 1}),
        acknowledged={"type": "boolean"},
        alerts={"type": "array", "items": text},
        links=_object(report=text, timeline=text, page=text),
    )
    points, answers, entries = (
        {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}
        for name in ("TimelinePoint", "Acknowledgement", "AuditEntry")
    )
    answer = {"$ref": "#/components/schemas/Acknowledgement"}
    return {
        "AcknowledgementList": _object(
            **head, kind={"const": "AcknowledgementList"}, model=text, version=text, acknowledgements=answers
        ),
        "Answered": _object(**head, kind={"const": "Acknowledgement"}, acknowledgement=answer, silence=text),
        "AuditList": _object(**head, kind={"const": "AuditList"}, entries=entries),
        "Description": {"type": "object", "required": ["openapi", "paths"]},
        "Events": {"type": ["object", "array"], "description": "One event, or several."},
        "Error": _object(error=_object(status={"type": "integer"}, message=text)),
        "ModelList": _object(**head, kind={"const": "ModelList"}, models={"type": "array", "items": entry}),
        "Timeline": _object(**head, kind={"const": "Timeline"}, model=text, version=text, points=points),
    }
