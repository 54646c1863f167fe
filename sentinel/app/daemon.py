"""The daemon: start, reload and stop. Tests run it in process, on port 0."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from sentinel import __version__
from sentinel.app.graph import Graph
from sentinel.app.models import Key, WatchedModel, load_models
from sentinel.app.owner import Ownership
from sentinel.app.statistics import gather
from sentinel.app.stops import Stops
from sentinel.clock import Clock
from sentinel.config.addresses import parse_address
from sentinel.config.compare import changed_paths, needs_restart
from sentinel.config.errors import ConfigError
from sentinel.config.settings import Config
from sentinel.console.overview import render_overview
from sentinel.diagnosis.report import Report
from sentinel.errors import FatalError, SentinelError
from sentinel.exposition.http import WebInputs, build_app
from sentinel.exposition.server import HttpServer, bind
from sentinel.exposition.statistics import DaemonStatistics
from sentinel.ingest.protocol import Source
from sentinel.logs import get_logger

log = get_logger(__name__)

STOP_SECONDS = 25.0
"""Below Kubernetes' default grace of 30 s, so that the last checkpoint is always taken."""
SWAP_SECONDS = 15.0
"""How long a reload waits for the old loop; one that hangs longer would still hold the stores."""
SourceFactory = Callable[[Config, Mapping[Key, WatchedModel]], Source]


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
        log_events: Mapping[tuple[str, str], int] | None = None,
        listen: str | None = None,
    ) -> None:
        self._read_config = read_config
        self._log_events = log_events if log_events is not None else {}
        self._listen = listen
        self._make_source = make_source
        self._clock = clock
        self._stops = Stops()
        self._reloading = threading.Lock()
        self._graph: Graph | None = None
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
        graph = self._build(config)
        try:
            listener = bind(host, port)
        except SentinelError:
            graph.source.close(0.0)
            raise
        try:
            ownership = Ownership(Path(config.state.directory))
        except SentinelError:
            listener.close()
            graph.source.close(0.0)
            raise
        self._stops.add("state", ownership.release)
        self.address = listener.getsockname()[:2]
        self._graph = graph
        web = WebInputs(
            reports=self.reports,
            statistics=self.statistics,
            page=lambda: render_overview(self.reports(), __version__),
            reload=self._reload_over_http,
            reload_enabled=lambda: self._current.config.web.reload_endpoint,
            max_series=lambda: self._current.config.limits.max_series,
        )
        server = HttpServer(build_app(web, self._clock), listener)
        server.start()
        self._stops.add("http", lambda: server.stop(5.0))
        graph.start()
        self._stops.add("graph", lambda: self._current.stop(STOP_SECONDS))
        log.info("started", address=f"http://{self.address[0]}:{self.address[1]}", models=len(graph.models))

    def stop(self) -> bool:
        """Stop everything within :data:`STOP_SECONDS`; a second call does nothing."""
        stopped = self._stops.run()
        graph = self._graph
        log.info("stopped", clean=stopped)
        return stopped and (graph is None or graph.failure is None)

    def reload(self) -> None:
        """Read the configuration again, build the new graph, then swap.

        Raises
        ------
        SentinelError
            If anything is wrong with the new configuration; the old graph goes on untouched.
        """
        with self._reloading:
            try:
                self._swap(self._read_config())
            except SentinelError as error:
                self._reload = ReloadStatus(succeeded=False, at_us=self._reload.at_us)
                log.error("reload_failed", error=str(error))
                raise
            except Exception as error:  # whatever is wrong with a new configuration must not end the old one
                self._reload = ReloadStatus(succeeded=False, at_us=self._reload.at_us)
                log.exception("reload_failed")
                raise FatalError(f"the reload failed: {type(error).__name__}: {error}") from error
            gc.collect()  # a stopped graph is a ring of references: tens of MB that would wait for a rare collection
            self._reload = ReloadStatus(succeeded=True, at_us=self._clock.now_us())
            log.info("reloaded", models=len(self._current.models))

    def _reload_over_http(self) -> str | None:
        try:
            self.reload()
        except SentinelError as error:
            return str(error)
        return None

    def _swap(self, config: Config) -> None:
        old = self._current
        fixed = needs_restart(changed_paths(old.config, config))
        if fixed:
            raise ConfigError(
                f"{', '.join(fixed)} cannot change while running", hint="restart the daemon, or take the change back"
            )
        new = self._build(config)
        # The point of no return: all that can fail has been done. The old graph releases the partitions' stores
        # and its group membership; the new one opens them where the last checkpoint ends.
        old.stop(SWAP_SECONDS)
        if old.running:
            old.failure = FatalError(
                f"the old configuration's loop did not stop within {SWAP_SECONDS:g} s; restart sentinel"
            )
            raise old.failure
        self._graph = new
        new.start(former=old)

    def _build(self, config: Config) -> Graph:
        models = load_models(config)
        return Graph(config, models, self._make_source(config, models), self._clock)

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
        """The newest report of every model."""
        return self._current.reports

    def statistics(self) -> DaemonStatistics:
        """What the metrics say of the daemon itself."""
        return gather(self._current, self._reload, self._clock, self._log_events)
