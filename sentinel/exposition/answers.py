"""Answers to verdicts and the audit log over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote as shell_quote
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import parse_qsl

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from sentinel.config.times import parse_time_us
from sentinel.diagnosis.answers import AnswerRequest
from sentinel.diagnosis.report import API_VERSION, Acknowledgement, Report
from sentinel.errors import RecoverableError
from sentinel.exposition.access import Principal, principal_of, require_writer
from sentinel.exposition.json_answer import json_answer
from sentinel.exposition.reports import path_of, report_of
from sentinel.pipeline.audit_log import KINDS, AuditEntry, AuditLogError, Kind

if TYPE_CHECKING:
    from starlette.requests import Request

Key = tuple[str, str]

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1_000
SILENCE: Final = "24h"
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_SEE_OTHER, _BAD, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _MEDIA_TYPE = 303, 400, 403, 404, 409, 415
_FAILED, _FULL = 500, 507
_MAX_FIELDS: Final = 8


class VerdictChangedError(RecoverableError):
    """The verdict is another than the one that somebody read."""


class AnswerBook(Protocol):
    """Where answers and the audit log are kept. Any thread may ask."""

    def acknowledge(self, key: Key, request: AnswerRequest, who: str) -> Acknowledgement:
        """Keep an answer; raises LookupError, VerdictChangedError or AuditLogError."""
        ...

    def acknowledgements(self, key: Key) -> Sequence[Acknowledgement]:
        """What was answered to the verdicts of a model version, newest first."""
        ...

    def entries(self, *, kind: Kind | None, since_us: int | None, limit: int) -> Sequence[AuditEntry]:
        """The newest entries of the audit log, newest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedAnswer:
    """A form that was refused.

    Attributes
    ----------
    report : Report or None
        Which stands now; None where there is no such model version any more.
    principal : Principal
        Who sent it.
    status : int
    message : str
        Why.
    fields : mapping
        What was filled in; empty where it is not known that the sender meant it.
    """

    report: Report | None
    principal: Principal
    status: int
    message: str
    fields: Mapping[str, str]


class AnswerApi:
    """The endpoints.

    Parameters
    ----------
    book : AnswerBook or None
        None in a process that judges nothing: then there are no such pages.
    reports : callable
        The reports that stand now.
    key_of : callable
        (request) -> (model, version), from the path; raises HTTPException.
    refused : callable
        Draws what a browser is shown whose form was refused; None answers as a program is answered.
    """

    def __init__(
        self,
        book: AnswerBook | None,
        reports: Callable[[], Sequence[Report]],
        key_of: Callable[[Request], Key],
        refused: Callable[[Request, RefusedAnswer], Response | None] = lambda _request, _refused: None,
    ) -> None:
        self._book = book
        self._reports = reports
        self._key_of = key_of
        self._draw = refused
        self._one_at_a_time = CapacityLimiter(1)  # a disk that hangs takes no thread that scrapes need

    async def acknowledgements(self, request: Request) -> Response:
        """GET lists the answers to a model version's verdicts; POST adds one."""
        if request.method != "POST":
            return await to_thread.run_sync(self._list, request)
        body = b""
        try:
            who = require_writer(request).name
            body = await request.body()
            return await to_thread.run_sync(self._acknowledge, request, body, who, limiter=self._one_at_a_time)
        except HTTPException as fault:
            drawn = await to_thread.run_sync(self._refused, request, body, fault)
            if drawn is None:
                raise
            return drawn

    def audit(self, request: Request) -> Response:
        """The newest entries of the audit log, newest first."""
        book, query = self._kept(), request.query_params
        kind = query.get("kind")
        if kind is not None and kind not in KINDS:
            raise HTTPException(_BAD, f"kind is one of {', '.join(KINDS)}")
        entries = book.entries(kind=kind, since_us=_since(query.get("since")), limit=_limit(query.get("limit")))
        return json_answer({"apiVersion": API_VERSION, "kind": "AuditList", "entries": entries})

    def _list(self, request: Request) -> Response:
        book, report = self._kept(), self._report(request)
        found = book.acknowledgements((report.model, report.version))
        head = {"apiVersion": API_VERSION, "kind": "AcknowledgementList"}
        return json_answer({**head, "model": report.model, "version": report.version, "acknowledgements": found})

    def _acknowledge(self, request: Request, body: bytes, who: str) -> Response:
        book, report = self._kept(), self._report(request)
        is_form = _media_type(request) == _FORM
        asked = _from_form(body) if is_form else _from_json(request, body)
        try:
            kept = book.acknowledge((report.model, report.version), asked, who)
        except LookupError as error:  # gone since, by a reload
            raise HTTPException(_NOT_FOUND, "there is no such model version any more") from error
        except VerdictChangedError as error:
            raise HTTPException(_CONFLICT, str(error)) from error
        except AuditLogError as error:
            raise HTTPException(_FULL if error.full else _FAILED, str(error)) from error
        if is_form:
            return RedirectResponse(f"/models/{path_of(report.model, report.version)}", _SEE_OTHER)
        head = {"apiVersion": API_VERSION, "kind": "Acknowledgement"}
        return json_answer({**head, "acknowledgement": kept, "silence": silence_command(report, kept)}, 201)

    def _refused(self, request: Request, body: bytes, fault: HTTPException) -> Response | None:
        if self._book is None or _media_type(request) != _FORM:
            return None
        key = self._key_of(request)
        report = report_of(self._reports(), key)
        # What another site made a browser send is not offered to be sent once more.
        fields = {} if fault.status_code == _FORBIDDEN else _typed(body)
        status = _NOT_FOUND if report is None else fault.status_code
        told = RefusedAnswer(
            report=report, principal=principal_of(request), status=status, message=fault.detail, fields=fields
        )
        return self._draw(request, told)

    def _kept(self) -> AnswerBook:
        if self._book is None:
            raise HTTPException(_NOT_FOUND, "this process keeps no answers and no audit log: ask one that evaluates")
        return self._book

    def _report(self, request: Request) -> Report:
        key = self._key_of(request)
        report = report_of(self._reports(), key)
        if report is None:
            raise HTTPException(_NOT_FOUND, f"no report of model {key[0]!r} version {key[1]!r}; see /api/v1/models")
        return report


def silence_command(report: Report, answer: Acknowledgement) -> str:
    """The command that silences, in Alertmanager, the alerts which the model version has now.

    Examples
    --------
    amtool silence add --duration=24h --author=alice --comment='sentinel acknowledgement 7: fixed' 'model="churn"' ...
    """
    firing = sorted({alert.name for alert in report.alerts if alert.resolved_at is None})
    matchers = [f"model={_matched(report.model)}", f"version={_matched(report.version)}"]
    if firing:
        matchers.append(f"alertname=~{_matched('|'.join(firing))}")
    comment = f"sentinel acknowledgement {answer.sequence}: {answer.answer}"
    options = [f"--duration={SILENCE}", f"--author={answer.who}", f"--comment={comment}"]
    return " ".join(map(shell_quote, ["amtool", "silence", "add", *options, *matchers]))


def _matched(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _from_json(request: Request, body: bytes) -> AnswerRequest:
    if _media_type(request) != _JSON:
        raise HTTPException(_MEDIA_TYPE, f"the body is {_JSON}")
    try:
        return msgspec.json.decode(body, type=AnswerRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise HTTPException(_BAD, str(error)) from error


def _from_form(body: bytes) -> AnswerRequest:
    """What a browser sends of a form, whose fields are those of the JSON; an empty one is not there."""
    try:
        return msgspec.convert(_fields(body, "strict"), AnswerRequest)
    except (ValueError, msgspec.MsgspecError) as error:
        raise HTTPException(_BAD, str(error)) from error


def _fields(body: bytes, errors: str) -> dict[str, str]:
    pairs = parse_qsl(body.decode(errors=errors), errors=errors, max_num_fields=_MAX_FIELDS)
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


def _typed(body: bytes) -> dict[str, str]:
    """What can be read of a form that was refused."""
    try:
        return _fields(body, "replace")
    except ValueError:
        return {}


def _since(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_time_us(text)
    except ValueError as error:
        raise HTTPException(_BAD, f"since: {error}") from error


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not text.isascii() or not text.isdigit() or len(text) > 4 or not 1 <= int(text) <= MAX_LIMIT:
        raise HTTPException(_BAD, f"limit is a whole number from 1 to {MAX_LIMIT}")
    return int(text)
