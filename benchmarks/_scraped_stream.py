"""A stream that is counted at full speed while a real Prometheus scrapes the same process every second."""

from __future__ import annotations

import itertools
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.pipeline_cost import BATCHES_PER_CHECKPOINT, HOUR_US, batches, layout
from sentinel.clock import SystemClock
from sentinel.config.limits import Limits
from sentinel.config.web import Web
from sentinel.diagnosis.report import Report
from sentinel.events.batch import EventBatch
from sentinel.exposition.guard import Guard
from sentinel.exposition.http import WebInputs, build_app
from sentinel.exposition.server import HttpServer, bind
from sentinel.exposition.statistics import DaemonStatistics
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.summaries.rows import row_dtype
from tests.support.prometheus import PrometheusServer

N_EVENTS, BATCH = 100_000, 2_000
LIMITS = Limits(max_series=1_000_000, max_series_per_model=1_000_000)


@dataclass(frozen=True, slots=True)
class Scraped:
    """What scraping cost.

    Attributes
    ----------
    n_series, n_scrapes, n_failed : int
        Series of the reports; scrapes while the stream was timed, and those that Prometheus gave up on.
    cpu_seconds : float
        CPU of one scrape, HTTP and gzip included: what the process takes more, the stream's thread aside.
    wall_seconds : float
        The longest scrape, as Prometheus saw it.
    n_bytes, n_gzip_bytes : int
    stall_seconds, idle_stall_seconds : float
        The longest time in one turn of the stream that its thread did not run, with scrapes and without.
    rate_ratio : float
        Events per second with scrapes, over those without.
    """

    n_series: int
    n_scrapes: int
    n_failed: int
    cpu_seconds: float
    wall_seconds: float
    n_bytes: int
    n_gzip_bytes: int
    stall_seconds: float
    idle_stall_seconds: float
    rate_ratio: float


class Stream:
    """Counts batches on a thread of its own: join, count, checkpoint; over and over, without a pause."""

    def __init__(self, scratch: Path) -> None:
        made = layout()
        self._plan = ModelPlan(made, 24 * 14 * HOUR_US)
        self._width = row_dtype(made).itemsize
        predicted, happened = batches(made, np.random.default_rng(1), N_EVENTS, BATCH)
        self._events: list[EventBatch] = [*predicted, *happened]
        self._scratch = scratch
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self.n_events = 0
        self.stalls: list[float] = []
        """Of every turn, the seconds that its thread did not run."""

    def start(self) -> None:
        """Start; return once the first pass is over, when code and tables are warm."""
        self._thread.start()
        while self.n_events < 2 * N_EVENTS and self._thread.is_alive():
            time.sleep(0.05)

    @property
    def cpu_seconds(self) -> float:
        """What its thread has taken, between two turns too."""
        if self._thread.ident is None:
            return 0.0
        return time.clock_gettime(time.pthread_getcpuclockid(self._thread.ident))

    def stop(self) -> None:
        """Finish the turn."""
        self._halt.set()
        self._thread.join()

    def _run(self) -> None:
        for number in itertools.count():
            directory = self._scratch / f"{number}"
            directory.mkdir()
            store = LmdbJoinStore.open(directory, self._width, fsync=False)
            self._play(PartitionPipeline(0, store, [self._plan]))
            store.close()
            if self._halt.is_set():
                return

    def _play(self, pipeline: PartitionPipeline) -> None:
        for number, batch in enumerate(self._events, 1):
            began, began_cpu = time.perf_counter(), time.thread_time()
            pipeline.process(batch)
            if number % BATCHES_PER_CHECKPOINT == 0:
                pipeline.checkpoint()
            cpu = time.thread_time() - began_cpu
            self.stalls.append(time.perf_counter() - began - cpu)
            self.n_events += len(batch)
            if self._halt.is_set():
                return


class Target:
    """The application, with reports that are new every second: each scrape renders anew, the worst case."""

    def __init__(self, reports: Sequence[Report]) -> None:
        self._reports = reports
        self.n_scrapes = 0
        inputs = WebInputs(
            reports=lambda: (reports[int(time.monotonic()) % len(reports)],),
            statistics=DaemonStatistics,
            page=lambda _show: "",
            limits=self._limits,
        )
        web = Web(requests_per_second=1_000.0)
        clock = SystemClock()
        self._server = HttpServer(build_app(inputs, clock), bind("127.0.0.1", 0), Guard(web, clock))

    def _limits(self) -> Limits:
        self.n_scrapes += 1  # the collector asks once for each scrape, one at a time
        return LIMITS

    def __enter__(self) -> Target:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self._server.port}"

    def n_bytes(self, encoding: str) -> int:
        """The size of one answer."""
        request = urllib.request.Request(f"http://{self.address}/metrics", headers={"Accept-Encoding": encoding})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return len(answer.read())


@dataclass(frozen=True, slots=True)
class _Span:
    """What the stream did in some seconds."""

    rate: float
    stall_seconds: float
    other_cpu_seconds: float
    """Of all threads but the stream's."""


def _watch(stream: Stream, seconds: float) -> _Span:
    first, events, own = len(stream.stalls), stream.n_events, stream.cpu_seconds
    began, cpu = time.perf_counter(), time.process_time()
    time.sleep(seconds)
    passed = time.perf_counter() - began
    other = time.process_time() - cpu - (stream.cpu_seconds - own)
    return _Span((stream.n_events - events) / passed, max(stream.stalls[first:], default=0.0), other)


@contextmanager
def _running(stream: Stream) -> Iterator[None]:
    stream.start()
    try:
        yield
    finally:
        stream.stop()


def measure(reports: Sequence[Report], n_series: int, seconds: float) -> Scraped:
    """Time the stream alone, scraped for twice as long, and alone again.

    Parameters
    ----------
    reports : sequence of Report
        They take turns.
    n_series : int
        What each of them takes.
    seconds : float, > 0
    """
    with ExitStack() as stops:
        scratch = Path(stops.enter_context(tempfile.TemporaryDirectory()))
        for name in ("stream", "prometheus"):
            (scratch / name).mkdir()
        target = stops.enter_context(Target(reports))
        stream = Stream(scratch / "stream")
        stops.enter_context(_running(stream))
        before = _watch(stream, seconds)
        prometheus = PrometheusServer(scratch / "prometheus", {"sentinel": [target.address]})
        stops.callback(prometheus.stop)
        prometheus.start()
        prometheus.wait_up()
        n_scrapes = target.n_scrapes
        scraped = _watch(stream, 2 * seconds)
        n_scrapes = target.n_scrapes - n_scrapes
        window = f"[{round(2 * seconds)}s]"
        failed = sum(
            float(each["value"][1])
            for each in prometheus.query(f"count_over_time(up{window}) - sum_over_time(up{window})")
        )
        longest = max(
            float(each["value"][1]) for each in prometheus.query(f"max_over_time(scrape_duration_seconds{window})")
        )
        prometheus.stop()
        after = _watch(stream, seconds)
        return Scraped(
            n_series=n_series,
            n_scrapes=n_scrapes,
            n_failed=round(failed),
            cpu_seconds=(scraped.other_cpu_seconds - before.other_cpu_seconds - after.other_cpu_seconds)
            / max(n_scrapes, 1),
            wall_seconds=longest,
            n_bytes=target.n_bytes("identity"),
            n_gzip_bytes=target.n_bytes("gzip"),
            stall_seconds=scraped.stall_seconds,
            idle_stall_seconds=max(before.stall_seconds, after.stall_seconds),
            rate_ratio=scraped.rate / ((before.rate + after.rate) / 2),
        )
