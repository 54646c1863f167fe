"""A browser, and the pages served as the daemon serves them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from sentinel.app.register import Register
from sentinel.clock import SystemClock
from sentinel.config.web import Web
from sentinel.console.answering import Answering
from sentinel.console.pages import POLICY, render_audit, render_model, render_overview, render_refused
from sentinel.diagnosis.report import Report
from sentinel.exposition.access import Principal
from sentinel.exposition.guard import Guard
from sentinel.exposition.http import WebInputs, build_app
from sentinel.exposition.server import HttpServer, bind
from sentinel.exposition.statistics import DaemonStatistics
from sentinel.pipeline.audit_log import KINDS, REMEMBERED
from tests.console.browser import PROGRAM, Browser
from tests.support.tools import missing

AXE = Path(
    os.environ.get("SENTINEL_AXE")
    or Path(__file__).parents[2] / ".cache" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
)
"""The accessibility checker: `npm install --prefix .cache/axe axe-core` puts it there."""


WRITER, READER = "wr1ter-" + "a" * 40, "r3ader-" + "b" * 40
PASSWORD = "pa55word of carol"


class Site:
    """Reports behind the real application with its access control, its headers and its register."""

    def __init__(self, directory: Path, web: Web | None = None) -> None:
        self.reports: tuple[Report, ...] = ()
        self.web = web or Web(requests_per_second=100_000.0)
        clock = SystemClock()
        self.register = Register(directory, clock, lambda: self.reports, dict)
        inputs = WebInputs(
            reports=self._shown,
            statistics=DaemonStatistics,
            page=lambda show: render_overview(self._shown(), "0.1.0", now_us=clock.now_us(), show=show, audited=True),
            model_page=self._model,
            audit_page=self._audit,
            refused_page=lambda refused: render_refused(refused, "0.1.0"),
            page_policy=POLICY,
            answers=self.register,
        )
        guard = Guard(self.web, clock, lambda: self.web)
        self.server = HttpServer(build_app(inputs, clock), bind("127.0.0.1", 0), guard)
        self.server.start()

    @property
    def root(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.server.port}"

    def _shown(self) -> tuple[Report, ...]:
        return self.register.shown(self.reports)

    def _model(self, model: str, version: str, who: Principal) -> str | None:
        found = next((each for each in self._shown() if (each.model, each.version) == (model, version)), None)
        answering = Answering(principal=who, writers=self.web.writers)
        return None if found is None else render_model(found, "0.1.0", answering=answering)

    def _audit(self, kind: str, before: int | None) -> str:
        entries = self.register.entries(kind=None, since_us=None, limit=len(KINDS) * REMEMBERED)
        return render_audit(entries, "0.1.0", kind=kind, before=before)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; without one the tests are skipped and say so, or fail where tools are required."""
    if PROGRAM is None:
        missing("NOT CHECKED: no chromium is installed, so no page was opened in a browser")
    with Browser() as started:
        yield started


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The application on a free port, where nobody has to log in."""
    served = Site(tmp_path_factory.mktemp("state"))
    yield served
    served.server.stop()


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Site]:
    """The same where a writer, alice, and a reader, bob, have to log in, by their tokens; carol has a password."""
    (tmp_path / "tokens").write_text(f"alice {WRITER}\nbob {READER}\n", encoding="utf-8")
    password = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (tmp_path / "web.yml").write_text(f"basic_auth_users: {{carol: {password}}}\n", encoding="utf-8")
    web = Web(
        bearer_token_file=str(tmp_path / "tokens"),
        config_file=str(tmp_path / "web.yml"),
        writers=["alice", "carol"],
        requests_per_second=100_000.0,
    )
    served = Site(tmp_path, web)
    yield served
    served.server.stop()


@pytest.fixture(scope="module")
def axe() -> str:
    """The accessibility checker's program."""
    if not AXE.is_file():
        missing(f"NOT CHECKED: no axe at {AXE}, so accessibility was not judged; .ci/setup.sh fetches it")
    return AXE.read_text(encoding="utf-8")
