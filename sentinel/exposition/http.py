"""The HTTP application: metrics, probes, reload, reports as JSON, and the page that it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sentinel.clock import Clock
from sentinel.config.limits import Limits
from sentinel.diagnosis.report import API_VERSION, Report, is_acknowledged, to_json
from sentinel.exposition.access import EVENTS_PATH, PROBES, Principal, principal_of, require_same_origin, require_writer
from sentinel.exposition.answers import AnswerApi, AnswerBook, RefusedAnswer
from sentinel.exposition.collector import Collector
from sentinel.exposition.events import EventApi
from sentinel.exposition.html import html_answer
from sentinel.exposition.json_answer import json_answer
from sentinel.exposition.openapi import openapi_json
from sentinel.exposition.refusals import refusal
from sentinel.exposition.reports import path_of, report_of
from sentinel.exposition.security import NOTHING_ALLOWED
from sentinel.exposition.selection import Budget
from sentinel.exposition.statistics import DaemonStatistics
from sentinel.ingest.http_intake import Intake

if TYPE_CHECKING:
    from starlette.requests import Request

_BAD, _NOT_FOUND = 400, 404
_MAX_DIGITS = 18
_READ = ("GET",)  # Starlette answers HEAD wherever it answers GET
_PROBE_THREADS = 4
"""Probes have threads of their own: they are answered while every other thread waits for something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebInputs:
    """What the application asks the daemon, from any of its threads. None of it may block for long.

    Attributes
    ----------
    reports : callable
        The reports that stand now, at most one per model version.
    statistics : callable
        The daemon's state now; also what the probes answer from.
    page : callable
        The overview, as HTML; takes the filter that the query ``show`` names, empty for all models.
    model_page : callable
        (model, version, who asks) -> the page of one, as HTML; None if there is no such model.
    audit_page : callable
        (kind, before) -> entries of the audit log with lower numbers than ``before``, as HTML; None where none is kept.
    refused_page : callable or None
        What a browser is shown whose form was refused; None answers as a program is answered.
    page_policy : str
        The ``Content-Security-Policy`` that they need; by default they may load and run nothing, not even their style.
    reload : callable
        (who) -> reloads the configuration for them and returns what is wrong with it, or None on success.
    reload_enabled : callable
        Whether ``/-/reload`` is served; asked at each request, since a reload may change it.
    limits : callable
        Among them the time series that the reports may take; asked at each scrape.
    answers : AnswerBook or None
        Where answers to verdicts and the audit log are kept; None in a process that judges nothing.
    judged : bool
        Whether this process judges models; one that does not says so where reports are asked for.
    intake : Intake or None
        Where posted events go; None in a process that takes none.
    """

    reports: Callable[[], Sequence[Report]]
    statistics: Callable[[], DaemonStatistics]
    page: Callable[[str], str]
    model_page: Callable[[str, str, Principal], str | None] = lambda _model, _version, _who: None
    audit_page: Callable[[str, int | None], str | None] = lambda _kind, _before: None
    refused_page: Callable[[RefusedAnswer], str] | None = None
    page_policy: str = NOTHING_ALLOWED
    reload: Callable[[str], str | None] = lambda _who: "this process cannot reload"
    reload_enabled: Callable[[], bool] = lambda: False
    limits: Callable[[], Limits] = Limits
    answers: AnswerBook | None = None
    judged: bool = True
    intake: Intake | None = None


def build_app(inputs: WebInputs, clock: Clock) -> Starlette:
    """The ASGI application. Plain functions as endpoints: each request has a thread, so a slow one stops no probe."""
    collector = Collector(inputs.reports, inputs.statistics, lambda: Budget.of(inputs.limits()), clock)
    health, api = _Health(inputs.statistics), _Api(inputs.reports, judged=inputs.judged)

    def metrics(request: Request) -> Response:
        accept, encoding = request.headers.get("accept", ""), request.headers.get("accept-encoding", "")
        scrape = collector.scrape(accept, encoding)
        headers = {"Content-Type": scrape.content_type, "Vary": "Accept, Accept-Encoding"}
        if scrape.gzipped:
            headers["Content-Encoding"] = "gzip"
        return Response(scrape.body, headers=headers)

    pages = _Pages(inputs)
    answers = AnswerApi(inputs.answers, inputs.reports, _answered_key, pages.refused)

    def reload(request: Request) -> Response:
        return _reload(request, inputs)

    def openapi(request: Request) -> Response:
        del request
        return Response(openapi_json(), media_type="application/json")

    routes = [
        Route("/", pages.overview, methods=_READ),
        Route("/models/{rest:path}", pages.model, methods=_READ),
        Route("/audit", pages.audit, methods=_READ),
        Route("/metrics", metrics, methods=_READ),
        *(Route(path, health.ready if "ready" in path else health.live, methods=_READ) for path in PROBES),
        Route("/-/reload", reload, methods=("POST", "PUT")),
        Route("/api/v1/openapi.json", openapi, methods=_READ),
        Route("/api/v1/models", api.models, methods=_READ),
        Route("/api/v1/models/{rest:path}/acknowledgements", answers.acknowledgements, methods=("GET", "POST")),
        Route("/api/v1/models/{rest:path}", api.model, methods=_READ),
        Route("/api/v1/audit", answers.audit, methods=_READ),
    ]
    if inputs.intake is not None:
        routes.append(Route(EVENTS_PATH, EventApi(inputs.intake).post, methods=("POST",)))
    handlers = {HTTPException: _fault}
    return Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type] # it wants a handler of every Exception


class _Pages:
    """What people read."""

    def __init__(self, inputs: WebInputs) -> None:
        self._inputs = inputs

    def overview(self, request: Request) -> Response:
        """All models, or those that a filter shows."""
        return html_answer(request, self._inputs.page(request.query_params.get("show", "")), self._inputs.page_policy)

    def model(self, request: Request) -> Response:
        """One model version, with the form that answers its verdict for those who may."""
        _require_judged(judged=self._inputs.judged)
        parts = _path_parts(request, "/models/")
        found = self._inputs.model_page(parts[0], parts[1], principal_of(request)) if len(parts) == 2 else None
        if found is None:
            raise HTTPException(_NOT_FOUND, "there is no such model; / lists all")
        return html_answer(request, found, self._inputs.page_policy, forms=True)

    def audit(self, request: Request) -> Response:
        """The audit log, newest first."""
        query = request.query_params
        found = self._inputs.audit_page(query.get("kind", ""), _before(query.get("before")))
        if found is None:
            raise HTTPException(_NOT_FOUND, "this process keeps no audit log: ask one that evaluates")
        return html_answer(request, found, self._inputs.page_policy)

    def refused(self, request: Request, refused: RefusedAnswer) -> Response | None:
        """Why an answer was not kept."""
        draw = self._inputs.refused_page
        if draw is None:
            return None
        return html_answer(request, draw(refused), self._inputs.page_policy, refused.status, forms=True)


class _Health:
    """The probes: alive means that the loop turned, ready that there is something to judge and to read."""

    def __init__(self, statistics: Callable[[], DaemonStatistics]) -> None:
        self._statistics = statistics
        self._threads = CapacityLimiter(_PROBE_THREADS)

    async def live(self, request: Request) -> Response:
        """200, or 503 with the reason."""
        statistics = await to_thread.run_sync(self._statistics, limiter=self._threads)
        reasons = () if statistics.alive else (statistics.alive_reason or "the loop does not turn",)
        return _health_answer(request, "loop", reasons)

    async def ready(self, request: Request) -> Response:
        """200, or 503 with the reasons."""
        statistics = await to_thread.run_sync(self._statistics, limiter=self._threads)
        if statistics.ready:
            return _health_answer(request, "ready", ())
        return _health_answer(request, "ready", statistics.reasons or ("not ready",))


def _health_answer(request: Request, check: str, reasons: Sequence[str]) -> Response:
    status = 503 if reasons else 200
    if "verbose" in request.query_params:
        lines = [f"[-]{check} failed: {reason}" for reason in reasons] or [f"[+]{check} ok"]
        text = "\n".join([*lines, f"{request.url.path} check {'failed' if reasons else 'passed'}"])
    else:
        text = "; ".join(reasons) or "ok"
    return PlainTextResponse(f"{text}\n", status)


class _Api:
    """Reports as JSON."""

    def __init__(self, reports: Callable[[], Sequence[Report]], *, judged: bool) -> None:
        self._reports = reports
        self._judged = judged

    def models(self, request: Request) -> Response:
        """Every model version with its verdict and where to read more."""
        del request
        _require_judged(judged=self._judged)
        models = [_entry(report) for report in self._reports()]
        return json_answer({"apiVersion": API_VERSION, "kind": "ModelList", "models": models})

    def model(self, request: Request) -> Response:
        """The report or the timeline of one model version."""
        _require_judged(judged=self._judged)
        parts = _path_parts(request, "/api/v1/models/")
        if len(parts) != 3 or parts[2] not in ("report", "timeline"):
            raise HTTPException(_NOT_FOUND, "expected /api/v1/models/{model}/{version}/report or .../timeline")
        name, version, document = parts
        report = report_of(self._reports(), (name, version))
        if report is None:
            raise HTTPException(_NOT_FOUND, f"no report of model {name!r} version {version!r}; see /api/v1/models")
        if document == "report":
            return Response(to_json(report), media_type="application/json")
        head = {"apiVersion": API_VERSION, "kind": "Timeline", "model": name, "version": version}
        return json_answer({**head, "points": report.timeline})


def _require_judged(*, judged: bool) -> None:
    """Refuse what only a process can answer that judges."""
    if not judged:
        raise HTTPException(_NOT_FOUND, "this process counts and judges nothing: ask one with the role evaluator")


def _answered_key(request: Request) -> tuple[str, str]:
    """Of which model version the answers are asked for."""
    parts = _path_parts(request, "/api/v1/models/")
    if len(parts) != 3 or parts[2] != "acknowledgements":
        raise HTTPException(_NOT_FOUND, "expected /api/v1/models/{model}/{version}/acknowledgements")
    return parts[0], parts[1]


def _before(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > _MAX_DIGITS:
        raise HTTPException(_BAD, "before is the number of an entry")
    return int(text)


def _path_parts(request: Request, prefix: str) -> list[str]:
    """The path after a prefix, as it was sent: a model's name may itself hold an encoded slash."""
    raw = request.scope.get("raw_path", request.url.path.encode()).decode("ascii", "replace")
    return [unquote(part) for part in raw.removeprefix(prefix).split("/")]


def _entry(report: Report) -> dict[str, object]:
    verdict = report.verdict
    path = f"/api/v1/models/{path_of(report.model, report.version)}"
    return {
        "model": report.model,
        "version": report.version,
        "task": report.task,
        "through": report.through,
        "verdict": {"cause": verdict.cause, "family": verdict.family, "confidence": verdict.confidence},
        "acknowledged": is_acknowledged(report),
        "alerts": [alert.name for alert in report.alerts if alert.resolved_at is None],
        "links": {"report": f"{path}/report", "timeline": f"{path}/timeline", "page": path.removeprefix("/api/v1")},
    }


def _reload(request: Request, inputs: WebInputs) -> Response:
    if not inputs.reload_enabled():
        text = "reload over HTTP is off; set web.reload_endpoint: true, or send SIGHUP\n"
        return PlainTextResponse(text, 403)
    if principal_of(request).authenticated:
        require_writer(request)
    require_same_origin(request)  # where nobody has to log in, turning the endpoint on lets everyone reload
    fault = inputs.reload(principal_of(request).name)
    if fault is not None:
        return PlainTextResponse(f"the configuration was not reloaded, the old one stands: {fault}\n", 500)
    return PlainTextResponse("reloaded\n")


def _fault(request: Request, fault: HTTPException) -> Response:
    """An answer that is none."""
    return refusal(request.url.path, fault.status_code, fault.detail, fault.headers)
