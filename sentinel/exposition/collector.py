"""Answers a scrape: the reports' series, cached until the next evaluation, and the daemon's own, made anew."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client import exposition as text_exposition
from prometheus_client.openmetrics import exposition as openmetrics_exposition

from sentinel.clock import Clock
from sentinel.diagnosis.report import Report
from sentinel.exposition.compression import GzipHead
from sentinel.exposition.daemon_metrics import render_daemon
from sentinel.exposition.negotiation import accepts_gzip, choose_format
from sentinel.exposition.rendering import CONTENT_TYPES, OPENMETRICS_END, Format
from sentinel.exposition.selection import Budget
from sentinel.exposition.snapshot import DROP_REASONS, Snapshot, build_snapshot
from sentinel.exposition.snapshot_memory import SnapshotMemory
from sentinel.exposition.statistics import DaemonStatistics, ScrapeStatistics
from sentinel.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Scrape:
    """The answer to one scrape."""

    body: bytes
    content_type: str
    gzipped: bool


class Collector:
    """Renders ``/metrics``. Any thread may call :meth:`scrape`; one at a time is served.

    Parameters
    ----------
    reports : callable
        The reports that stand now. Their series are rendered again only when one of them is another object.
    statistics : callable
        The daemon's state now.
    budget : callable
        Time series that the reports may take; a reload may change it.
    clock : Clock
        Measures the scrape.
    """

    def __init__(
        self,
        reports: Callable[[], Sequence[Report]],
        statistics: Callable[[], DaemonStatistics],
        budget: Callable[[], Budget],
        clock: Clock,
    ) -> None:
        self._reports = reports
        self._statistics = statistics
        self._ask_budget = budget
        self._budget = Budget(-1, -1)
        self._clock = clock
        self._lock = threading.Lock()
        self._memory = SnapshotMemory()
        self._rendered_from: tuple[Report, ...] = ()
        self._snapshot = Snapshot()
        self._bodies: dict[Format, bytes] = {}
        self._heads: dict[Format, GzipHead] = {}
        self._dropped = dict.fromkeys(DROP_REASONS, 0)
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        GCCollector(registry=self._process)

    def scrape(self, accept: str = "", accept_encoding: str = "") -> Scrape:
        """Answer a scrape with these request headers."""
        form, gzipped = choose_format(accept), accepts_gzip(accept_encoding)
        with self._lock:
            body = self._body(form, gzipped=gzipped)
        return Scrape(body, CONTENT_TYPES[form], gzipped)

    def _body(self, form: Format, *, gzipped: bool) -> bytes:
        started = self._clock.monotonic()
        self._refresh()
        if form not in self._bodies:
            self._bodies[form] = self._snapshot.render(form)
        reports = self._bodies[form]
        if gzipped and form not in self._heads:
            self._heads[form] = GzipHead.of(reports)
        tail = self._tail(form, started)
        return self._heads[form].complete(tail) if gzipped else reports + tail

    def _refresh(self) -> None:
        reports, budget = tuple(self._reports()), self._ask_budget()
        if budget == self._budget and _same(reports, self._rendered_from):
            return
        before, self._snapshot = self._snapshot, build_snapshot(reports, budget, self._memory)
        self._rendered_from, self._budget = reports, budget
        self._bodies.clear()
        self._heads.clear()
        for reason, n_series in self._snapshot.dropped.items():
            self._dropped[reason] += n_series
        if self._snapshot.n_dropped and not before.n_dropped:
            self._tell()

    def _tell(self) -> None:
        """Say once that something is left out, until it no longer is."""
        budget, snapshot = self._budget, self._snapshot
        log.warning(
            "series_dropped",
            series=snapshot.n_series,
            limit=budget.in_all,
            limit_per_model=budget.per_model,
            **snapshot.dropped,
        )

    def _tail(self, form: Format, started: float) -> bytes:
        statistics = self._statistics()
        process = _process_text(self._process, form)
        own = ScrapeStatistics(
            n_series=self._snapshot.n_series,
            max_series=self._budget.in_all,
            dropped=self._dropped,
            seconds=self._clock.monotonic() - started,
        )
        daemon = render_daemon(replace(statistics, scrape=own), form).encode()
        return daemon + process + (OPENMETRICS_END if form == "openmetrics" else b"")


def _same(reports: tuple[Report, ...], others: tuple[Report, ...]) -> bool:
    return len(reports) == len(others) and all(map(operator.is_, reports, others))


def _process_text(registry: CollectorRegistry, form: Format) -> bytes:
    """Memory, CPU and file descriptors of the process, by the names that every Prometheus client uses."""
    if form == "text":
        return text_exposition.generate_latest(registry)
    text: bytes = openmetrics_exposition.generate_latest(registry)  # type: ignore[no-untyped-call] # not annotated there
    return text.removesuffix(OPENMETRICS_END)
