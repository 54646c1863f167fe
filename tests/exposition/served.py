"""A served application whose inputs a test holds in its hands."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message

from sentinel.clock import Clock, SystemClock
from sentinel.config.web import Web
from sentinel.diagnosis.report import Report
from sentinel.exposition.answers import AnswerBook
from sentinel.exposition.guard import Guard
from sentinel.exposition.http import WebInputs, build_app
from sentinel.exposition.server import HttpServer, bind
from sentinel.exposition.statistics import DaemonStatistics
from sentinel.ingest.http_intake import Intake
from tests.support.process import PATIENCE_SECONDS


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        """The body."""
        return self.body.decode()


@dataclass
class Served:
    """The application on a free port; a context manager."""

    reports: tuple[Report, ...] = ()
    statistics: DaemonStatistics = field(default_factory=DaemonStatistics)
    reload: Callable[[], str | None] = lambda: None
    reload_enabled: bool = False
    page: Callable[[], str] = lambda: "<p>page</p>"
    web: Web = field(default_factory=lambda: Web(requests_per_second=100_000.0))
    clock: Clock = field(default_factory=SystemClock)
    trust: ssl.SSLContext | None = None
    answers: AnswerBook | None = None
    intake: Intake | None = None
    host: str = "127.0.0.1"

    def __enter__(self) -> Served:
        inputs = WebInputs(
            reports=lambda: self.reports,
            statistics=lambda: self.statistics,
            page=lambda _show: self.page(),
            model_page=lambda model, _version, _who: None if model == "gone" else "<p>model</p>",
            reload=lambda _who: self.reload(),
            reload_enabled=lambda: self.reload_enabled,
            answers=self.answers,
            intake=self.intake,
        )
        taken = None if self.intake is None else self.intake.settings
        self.guard = Guard(self.web, self.clock, lambda: self.web, taken)
        self.server = HttpServer(build_app(inputs, SystemClock()), bind(self.host, 0), self.guard)
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.server.port}"

    def ask(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, data: bytes | None = None
    ) -> Answer:
        """Send one request, whatever the answer."""
        scheme = "http" if self.trust is None else "https"
        url = f"{scheme}://{self.address}{path}"
        request = urllib.request.Request(url, data, method=method, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS, context=self.trust) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())
