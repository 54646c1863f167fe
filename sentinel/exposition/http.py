"""The HTTP application: metrics, probes, reload, reports as JSON, and the page that it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from sentinel.clock import Clock
from sentinel.config.settings import Limits
from sentinel.diagnosis.report import API_VERSION, Report, to_json
from sentinel.exposition.collector import Collector
from sentinel.exposition.security import SecurityHeaders
from sentinel.exposition.statistics import DaemonStatistics

if TYPE_CHECKING:
    from starlette.requests import Request

_NOT_FOUND = 404
_READ = ("GET",)  # Starlette answers HEAD wherever it answers GET


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
        The overview, as HTML.
    reload : callable
        Reloads the configuration and returns what is wrong with it, or None on success.
    reload_enabled : callable
        Whether ``/-/reload`` is served; asked at each request, since a reload may change it.
    max_series : callable
        Time series that the reports may take; asked at each scrape.
    """

    reports: Callable[[], Sequence[Report]]
    statistics: Callable[[], DaemonStatistics]
    page: Callable[[], str]
    reload: Callable[[], str | None] = lambda: "this process cannot reload"
    reload_enabled: Callable[[], bool] = lambda: False
    max_series: Callable[[], int] = lambda: Limits().max_series


def build_app(inputs: WebInputs, clock: Clock) -> Starlette:
    """The ASGI application. Plain functions as endpoints: each request has a thread, so a slow one stops no probe."""
    collector = Collector(inputs.reports, inputs.statistics, inputs.max_series, clock)
    health, api = _Health(inputs.statistics), _Api(inputs.reports)

    def metrics(request: Request) -> Response:
        accept, encoding = request.headers.get("accept", ""), request.headers.get("accept-encoding", "")
        scrape = collector.scrape(accept, encoding)
        headers = {"Content-Type": scrape.content_type, "Vary": "Accept, Accept-Encoding"}
        if scrape.gzipped:
            headers["Content-Encoding"] = "gzip"
        return Response(scrape.body, headers=headers)

    def page(request: Request) -> Response:
        del request
        return HTMLResponse(inputs.page())

    def reload(request: Request) -> Response:
        return _reload(request, inputs)

    routes = [
        Route("/", page, methods=_READ),
        Route("/metrics", metrics, methods=_READ),
        *(Route(path, health.live, methods=_READ) for path in ("/livez", "/healthz", "/-/healthy")),
        *(Route(path, health.ready, methods=_READ) for path in ("/readyz", "/-/ready")),
        Route("/-/reload", reload, methods=("POST", "PUT")),
        Route("/api/v1/models", api.models, methods=_READ),
        Route("/api/v1/models/{rest:path}", api.model, methods=_READ),
    ]
    handlers = {HTTPException: _fault}
    return Starlette(routes=routes, middleware=[Middleware(SecurityHeaders)], exception_handlers=handlers)  # type: ignore[arg-type] # it wants a handler of every Exception


class _Health:
    """The probes: alive means that the loop turned, ready that there is something to judge and to read."""

    def __init__(self, statistics: Callable[[], DaemonStatistics]) -> None:
        self._statistics = statistics

    def live(self, request: Request) -> Response:
        """200, or 503 with the reason."""
        statistics = self._statistics()
        reasons = () if statistics.alive else (statistics.alive_reason or "the loop does not turn",)
        return _health_answer(request, "loop", reasons)

    def ready(self, request: Request) -> Response:
        """200, or 503 with the reasons."""
        statistics = self._statistics()
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

    def __init__(self, reports: Callable[[], Sequence[Report]]) -> None:
        self._reports = reports

    def models(self, request: Request) -> Response:
        """Every model version with its verdict and where to read more."""
        del request
        return _json({"apiVersion": API_VERSION, "kind": "ModelList", "models": [_entry(r) for r in self._reports()]})

    def model(self, request: Request) -> Response:
        """The report or the timeline of one model version."""
        # The path as it was sent: a model's name may itself hold an encoded slash.
        raw = request.scope.get("raw_path", request.url.path.encode()).decode("ascii", "replace")
        parts = [unquote(part) for part in raw.removeprefix("/api/v1/models/").split("/")]
        if len(parts) != 3 or parts[2] not in ("report", "timeline"):
            raise HTTPException(_NOT_FOUND, "expected /api/v1/models/{model}/{version}/report or .../timeline")
        name, version, document = parts
        report = next((r for r in self._reports() if (r.model, r.version) == (name, version)), None)
        if report is None:
            raise HTTPException(_NOT_FOUND, f"no report of model {name!r} version {version!r}; see /api/v1/models")
        if document == "report":
            return Response(to_json(report), media_type="application/json")
        head = {"apiVersion": API_VERSION, "kind": "Timeline", "model": name, "version": version}
        return _json({**head, "points": report.timeline})


def _entry(report: Report) -> dict[str, object]:
    verdict = report.verdict
    path = f"/api/v1/models/{quote(report.model, safe='')}/{quote(report.version, safe='')}"
    return {
        "model": report.model,
        "version": report.version,
        "task": report.task,
        "through": report.through,
        "verdict": {"cause": verdict.cause, "family": verdict.family, "confidence": verdict.confidence},
        "alerts": [alert.name for alert in report.alerts if alert.resolved_at is None],
        "links": {"report": f"{path}/report", "timeline": f"{path}/timeline"},
    }


def _reload(request: Request, inputs: WebInputs) -> Response:
    if not inputs.reload_enabled():
        text = "reload over HTTP is off; set web.reload_endpoint: true, or send SIGHUP\n"
        return PlainTextResponse(text, 403)
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        return PlainTextResponse("a page of another site may not reload sentinel\n", 403)
    fault = inputs.reload()
    if fault is not None:
        return PlainTextResponse(f"the configuration was not reloaded, the old one stands: {fault}\n", 500)
    return PlainTextResponse("reloaded\n")


def _fault(request: Request, fault: HTTPException) -> Response:
    """An answer that is none: as JSON where JSON was asked for."""
    if request.url.path.startswith("/api/"):
        body = {"error": {"status": fault.status_code, "message": fault.detail}}
        return _json(body, fault.status_code, dict(fault.headers or {}))
    return PlainTextResponse(f"{fault.detail}\n", fault.status_code, dict(fault.headers or {}))


def _json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n"
    return Response(text, status, headers, media_type="application/json")
