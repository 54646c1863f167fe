"""A served application whose inputs a test holds in its hands."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message

from sentinel.clock import SystemClock
from sentinel.diagnosis.report import Report
from sentinel.exposition.http import WebInputs, build_app
from sentinel.exposition.server import HttpServer, bind
from sentinel.exposition.statistics import DaemonStatistics


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

    def __enter__(self) -> Served:
        inputs = WebInputs(
            reports=lambda: self.reports,
            statistics=lambda: self.statistics,
            page=lambda: self.page(),
            reload=lambda: self.reload(),
            reload_enabled=lambda: self.reload_enabled,
        )
        self.server = HttpServer(build_app(inputs, SystemClock()), bind("127.0.0.1", 0))
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.server.port}"

    def ask(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request, whatever the answer."""
        request = urllib.request.Request(f"http://{self.address}{path}", method=method, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())
