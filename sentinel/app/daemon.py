"""The daemon: start, reload and stop. Tests run it in process, on port 0."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sentinel import __version__
from sentinel.app.graph import Connections, Graph
from sentinel.app.intake import check_producers, intake_statistics, look_for, make_http_source, make_intake
from sentinel.app.models import Key, WatchedModel, load_models
from sentinel.app.owner import Ownership
from sentinel.app.register import Register
from sentinel.app.roles import Role, check_role
from sentinel.app.statistics import gather
from sentinel.app.stops import Stops
from sentinel.clock import Clock
from sentinel.config.addresses import parse_address
from sentinel.config.compare import changed_paths, needs_restart
from sentinel.config.errors import ConfigError
from sentinel.config.settings import Config
from sentinel.console.answering import Answering
from sentinel.console.pages import (
    POLICY,
    render_audit,
    render_collector,
    render_model,
    render_overview,
    render_refused,
)
from sentinel.diagnosis.report import Report
from sentinel.errors import FatalError, SentinelError
from sentinel.exposition.access import Principal
from sentinel.exposition.guard import Guard
from sentinel.exposition.http import WebInputs, build_app
from sentinel.exposition.reports import report_of
from sentinel.exposition.server import HttpServer, bind
from sentinel.exposition.statistics import DaemonStatistics
from sentinel.ingest.http_intake import Intake
from sentinel.ingest.ledger import Ledger, LedgerReader
from sentinel.ingest.protocol import Source
from sentinel.logs import get_logger
from sentinel.pipeline.audit_log import KINDS, REMEMBERED

log = get_logger(__name__)

BUILD = f"sentinel {__version__}"
"""What the pages say is running, as a report says what wrote it."""
STOP_SECONDS = 25.0
"""Below Kubernetes' default grace of 30 s, so that the last checkpoint is always taken."""
SWAP_SECONDS = 15.0
"""How long a reload waits for the old loop; one that hangs longer would still hold the stores."""
SourceFactory = Callable[[Config, Mapping[Key, WatchedModel]], Source]
LedgerFactory = Callable[[Config], Ledger | None]
ReaderFactory = Callable[[Config], LedgerReader | None]


class ReloadStatus(NamedTuple):
    """How the last reload went."""

    succeeded: bool
    at_us: int


class Daemon:
    """Runs one configuration, and the next one after each successful reload.

    Parameters
    ----------
    read_config : callable
        Reads the configuration anew: called at the start and at each reload.
    make_source : callable
        (Config, models) -> Source; must not block.
    clock : Clock
    role : Role
        What this process does, in whatever configuration.
    make_ledger, make_reader : callable
        Config -> where counts are published, and where those of all collectors are read; None where the configuration
        names no place. Must not block.
    log_events : mapping, optional
        Counts of log lines by (level, event); grows while the daemon runs.
    listen : str, optional
        ``host:port`` instead of the configured one.
    """

    def __init__(
        self,
        read_config: Callable[[], Config],
        make_source: SourceFactory,
        clock: Clock,
        *,
        role: Role = Role.ALL,
        make_ledger: LedgerFactory = lambda _: None,
        make_reader: ReaderFactory = lambda _: None,
        log_events: Mapping[tuple[str, str], int] | None = None,
        listen: str | None = None,
    ) -> None:
        self._read_config = read_config
        self._log_events = log_events if log_events is not None else {}
        self._listen = listen
        self._make_source = make_source
        self._role = role
        self._make_ledger, self._make_reader = make_ledger, make_reader
        self._clock = clock
        self._stops = Stops()
        self._reloading = threading.Lock()
        self._graph: Graph | None = None
        self._guard: Guard | None = None
        self._register: Register | None = None
        self._intake: Intake | None = None
        self._reload = ReloadStatus(succeeded=True, at_us=clock.now_us())
        self.address: tuple[str, int] = ("", 0)

    def start(self) -> None:
        """Load everything, bind, then start the threads. Nothing runs if anything is wrong.

        Raises
        ------
        SentinelError
            One clear line: what is wrong, where, and how to mend it.
        """
        config = self._read_config()
        host, port = config.web.address if self._listen is None else parse_address(self._listen)
        intake = self._intake = make_intake(config, self._clock) if self._role.collects else None
        taken = None if intake is None else intake.settings
        guard = self._guard = Guard(config.web, self._clock, lambda: self._current.config.web, taken)
        graph = self._build(config)
        try:
            listener = bind(host, port)
        except SentinelError:
            graph.discard()
            raise
        try:
            check_producers(config, listener.getsockname()[0], closed=guard.locks.current.closed)
            register = self._own_state(config, graph.models)
        except SentinelError:
            listener.close()
            graph.discard()
            raise
        self.address = listener.getsockname()[:2]
        self._graph, self._register = graph, register
        server = HttpServer(build_app(self._web_inputs(register), self._clock), listener, guard)
        server.start()
        self._stops.add("http", lambda: server.stop(5.0))
        graph.start()
        self._stops.add("graph", lambda: self._current.stop(STOP_SECONDS))
        register.configured(config, graph.models, "start", ())
        log.info(
            "started",
            address=f"{guard.scheme}://{self.address[0]}:{self.address[1]}",
            role=str(self._role),
            models=len(graph.models),
        )

    def _own_state(self, config: Config, models: Mapping[Key, WatchedModel]) -> Register:
        """Take the state directory for this process alone, and open what requests write in it."""
        state = Path(config.state.directory)
        ownership = Ownership(state)
        self._stops.add("state", ownership.release)
        if self._intake is not None:
            self._intake.log.open()
            self._stops.add("event log", self._intake.log.close)
            look_for(self._intake, config, models)
        return Register(state, self._clock, lambda: self._current.reports, lambda: self._current.judges)

    def _web_inputs(self, register: Register) -> WebInputs:
        judges = self._role.judges
        return WebInputs(
            reports=self.reports,
            statistics=self.statistics,
            page=self._overview_page,
            model_page=self._model_page,
            audit_page=lambda kind, before: _audit_page(register, kind, before) if judges else None,
            judged=judges,
            refused_page=lambda refused: render_refused(refused, BUILD),
            page_policy=POLICY,
            reload=self._reload_over_http,
            reload_enabled=lambda: self._current.config.web.reload_endpoint,
            limits=lambda: self._current.config.limits,
            answers=register if judges else None,
            intake=self._intake,
        )

    def stop(self) -> bool:
        """Stop everything within :data:`STOP_SECONDS`; a second call does nothing."""
        stopped = self._stops.run()
        graph = self._graph
        log.info("stopped", clean=stopped)
        return stopped and (graph is None or graph.failure is None)

    def reload(self, who: str = "SIGHUP") -> None:
        """Read the configuration again, build the new graph, then swap.

        Parameters
        ----------
        who : str
            Who asked for it, for the audit log.

        Raises
        ------
        SentinelError
            If anything is wrong with the new configuration; the old graph goes on untouched.
        """
        with self._reloading:
            changed: list[str] = []
            try:
                config = self._read_config()
                changed = changed_paths(self._current.config, config)
                self._swap(config, changed)
            except SentinelError as error:
                self._reload_failed(who, changed)
                log.error("reload_failed", error=str(error))
                raise
            except Exception as error:  # whatever is wrong with a new configuration must not end the old one
                self._reload_failed(who, changed)
                log.exception("reload_failed")
                raise FatalError(f"the reload failed: {type(error).__name__}: {error}") from error
            gc.collect()  # a stopped graph is a ring of references: tens of MB that would wait for a rare collection
            self._reload = ReloadStatus(succeeded=True, at_us=self._clock.now_us())
            if self._register is not None:
                self._register.configured(config, self._current.models, who, changed)
            log.info("reloaded", models=len(self._current.models))

    def _reload_failed(self, who: str, changed: list[str]) -> None:
        self._reload = ReloadStatus(succeeded=False, at_us=self._reload.at_us)
        if self._register is not None:
            self._register.refused(who, changed)

    def _reload_over_http(self, who: str) -> str | None:
        try:
            self.reload(who)
        except SentinelError as error:
            return str(error)
        return None

    def _overview_page(self, show: str) -> str:
        if not self._role.judges:
            return render_collector(BUILD, self._current.config.web.evaluator)
        return render_overview(self.reports(), BUILD, now_us=self._clock.now_us(), show=show, audited=True)

    def _model_page(self, model: str, version: str, who: Principal) -> str | None:
        report = report_of(self.reports(), (model, version))
        if report is None:
            return None
        web = self._current.config.web
        answering = Answering(principal=who, writers=web.writers)
        return render_model(report, BUILD, runbooks=web.runbooks, answering=answering)

    def _swap(self, config: Config, changed: list[str]) -> None:
        old = self._current
        fixed = needs_restart(changed)
        if fixed:
            raise ConfigError(
                f"{', '.join(fixed)} cannot change while running", hint="restart the daemon, or take the change back"
            )
        new = self._build(config)
        # The point of no return: all that can fail has been done. The old graph releases the partitions' stores
        # and its group membership; the new one opens them where the last checkpoint ends.
        old.stop(SWAP_SECONDS)
        if old.running:
            stuck = FatalError(f"the old configuration's loop did not stop within {SWAP_SECONDS:g} s; restart sentinel")
            old.failure = stuck
            raise stuck
        new.count_on_from(old)
        self._graph = new
        new.start(former=old)
        if self._intake is not None:
            look_for(self._intake, config, new.models)

    def _build(self, config: Config) -> Graph:
        check_role(config, self._role)
        models = load_models(config)
        return Graph(config, models, self._connect(config, models), self._clock, self._role)

    def _connect(self, config: Config, models: Mapping[Key, WatchedModel]) -> Connections:
        collects, judges = self._role.collects, self._role.judges
        return Connections(
            source=self._source(config, models) if collects else None,
            ledger=self._make_ledger(config) if collects else None,
            reader=self._make_reader(config) if judges else None,
        )

    def _source(self, config: Config, models: Mapping[Key, WatchedModel]) -> Source:
        if self._intake is None:
            return self._make_source(config, models)
        return make_http_source(self._intake, config, models, self._clock)

    @property
    def _current(self) -> Graph:
        if self._graph is None:
            raise FatalError("the daemon has not been started")
        return self._graph

    @property
    def failure(self) -> SentinelError | None:
        """What ended the loop, if anything did."""
        return None if self._graph is None else self._graph.failure

    def reports(self) -> tuple[Report, ...]:
        """The newest report of every model, with what was last answered to its verdict."""
        reports = self._current.reports
        return reports if self._register is None else self._register.shown(reports)

    def statistics(self) -> DaemonStatistics:
        """What the metrics say of the daemon itself."""
        reload = self._reload
        if self._guard is not None and self._guard.locks.fault is not None:
            reload = ReloadStatus(succeeded=False, at_us=reload.at_us)
        refused = {} if self._guard is None else self._guard.refused
        gathered = gather(self._current, reload, self._clock, self._log_events, refused)
        return gathered if self._intake is None else replace(gathered, intake=intake_statistics(self._intake))


def _audit_page(register: Register, kind: str, before: int | None) -> str:
    entries = register.entries(kind=None, since_us=None, limit=REMEMBERED * len(KINDS))
    return render_audit(entries, BUILD, kind=kind, before=before)
