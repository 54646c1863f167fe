"""``sentinel demo``: a generated world, a really trained model, and the daemon watching it, all on this machine."""

from __future__ import annotations

import argparse
import contextlib
import math
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel.errors import FatalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sentinel.app.daemon import Daemon
    from sentinel.app.models import Key, WatchedModel
    from sentinel.config.settings import Config
    from sentinel.diagnosis.report import Report
    from sentinel.ingest.memory import MemorySource
    from sentinel.simulation.files import Files
    from sentinel.simulation.scenario import SimulatedStream

HELP = "Show all of it on this machine: train a model with a planted leak, watch it fail, get the alert."
DEFAULT_SCENARIO = "target_leakage"
DEFAULT_LISTEN = "127.0.0.1:9469"
DEFAULT_SECONDS = 40.0
SEED = 20_260_105
VERSION = "1"
FEED_STEP_SECONDS = 0.05
SETTLE_SECONDS = 30.0

_CONFIG = """\
apiVersion: sentinel/v1
models:
  - name: {model}
    version: "{version}"
    slices: [{slices}]
    baseline: {baseline}
state: {{directory: {state}, checkpoint_interval: 1s}}
evaluation: {{interval: 1s}}
web: {{listen: "{listen}"}}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--scenario", default=DEFAULT_SCENARIO, help="what happens; --list names them (%(default)s)")
    parser.add_argument("--list", action="store_true", help="list the scenarios and stop")
    parser.add_argument("--listen", default=DEFAULT_LISTEN, help="where to serve the page and metrics (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=DEFAULT_SECONDS, help="how long the month of production takes (%(default)s)"
    )
    parser.add_argument("--directory", type=Path, help="keep the files here (else a temporary folder)")
    parser.add_argument("--exit", action="store_true", help="stop after the verdict instead of serving on")


def run(args: argparse.Namespace) -> int:
    """Play the scenario; stay up until Ctrl-C or SIGTERM unless told otherwise.

    Raises
    ------
    FatalError
        If an argument makes no sense, a file cannot be written, or the address cannot be had.
    """
    from sentinel.simulation import SCENARIOS

    if args.list:
        for name, scenario in SCENARIOS.items():
            print(f"{name:24} {scenario.description}")
        return 0
    _check(args)
    try:
        with _interrupted_by_sigterm(), _directory(args) as directory:
            _play(args, Path(directory))
    except KeyboardInterrupt:
        print("\nstopped")
    except OSError as error:
        raise FatalError(f"cannot write the demo's files: {error}") from error
    return 0


def _check(args: argparse.Namespace) -> None:
    """Find at once what would otherwise show after the training."""
    from sentinel.config.addresses import parse_address
    from sentinel.simulation.catalogue import find

    find(args.scenario)
    if not 0 <= args.seconds < math.inf:
        raise FatalError(f"--seconds is a time of 0 or more, not {args.seconds:g}")
    try:
        parse_address(args.listen)
    except ValueError as error:
        raise FatalError(f"--listen: {error}") from error


def _directory(args: argparse.Namespace) -> contextlib.AbstractContextManager[str | Path]:
    if args.directory is not None:
        return contextlib.nullcontext(args.directory)
    return tempfile.TemporaryDirectory(prefix="sentinel-demo-")


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """SIGTERM does what Ctrl-C does, also where a shell started the demo in the background and SIGINT is ignored."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _play(args: argparse.Namespace, directory: Path) -> None:
    from sentinel.simulation import SCENARIOS, simulate
    from sentinel.simulation.files import write_files

    started = time.monotonic()
    print(
        f"1/4  A month of a subscription business, scenario '{args.scenario}': training a real model on it ...",
        flush=True,
    )
    simulated = simulate(args.scenario, seed=SEED)
    files = write_files(simulated, directory / "data")
    print(f"     {SCENARIOS[args.scenario].description}")
    baseline = _build_baseline(files, directory)
    daemon, sources = _assemble(args, simulated, baseline, directory)
    try:
        daemon.start()
        host, port = daemon.address
        print(f"3/4  The daemon is up: http://{host}:{port}/ (metrics: http://{host}:{port}/metrics)", flush=True)
        report = _feed(daemon, sources[0], args, simulated)
        _conclude(report, simulated, time.monotonic() - started)
        if args.directory is not None:
            print(f"The files are in {files.config.parent}, the baseline is {baseline}")
        if args.exit:
            return
        _say_where_to_look(report, daemon)
        print("\nThe daemon stays up; Ctrl-C ends it.", flush=True)
        while daemon.failure is None:
            time.sleep(FEED_STEP_SECONDS * 10)
        raise daemon.failure
    finally:
        daemon.stop()


def _build_baseline(files: Files, directory: Path) -> Path:
    from sentinel.baseline.build import build_baseline
    from sentinel.cli.progress import Progress
    from sentinel.clock import SystemClock
    from sentinel.config import load_config

    print("2/4  Building the baseline from the validation data: what offline evaluation promised", flush=True)
    model = load_config(files.config).models[0]
    with Progress("     baseline") as progress:
        baseline = build_baseline(
            model,
            files.validation,
            files.train,
            files.manifest,
            now_us=SystemClock().now_us(),
            progress=lambda done, total, phase: progress.show(done / max(total, 1), phase),
        )
    path = directory / "churn.baseline"
    baseline.save(path)
    return path


def _assemble(
    args: argparse.Namespace, simulated: SimulatedStream, baseline: Path, directory: Path
) -> tuple[Daemon, list[MemorySource]]:
    """The daemon, not yet started, and the list that its source will be in."""
    from sentinel.app.daemon import Daemon
    from sentinel.app.sources import make_codec
    from sentinel.clock import SystemClock
    from sentinel.config import load_config
    from sentinel.ingest.memory import MemorySource

    config = directory / "demo.yaml"
    config.write_text(
        _CONFIG.format(
            model=simulated.model,
            version=VERSION,
            slices=", ".join(simulated.slices),
            baseline=baseline.resolve(),
            state=tempfile.mkdtemp(prefix="state-", dir=directory.resolve()),  # an earlier run's counts are not ours
            listen=args.listen,
        )
    )
    sources: list[MemorySource] = []

    def make_source(settings: Config, models: Mapping[Key, WatchedModel]) -> MemorySource:
        sources.append(MemorySource(make_codec(settings, models)))
        return sources[-1]

    return Daemon(lambda: load_config(config), make_source, SystemClock()), sources


def _feed(daemon: Daemon, source: MemorySource, args: argparse.Namespace, simulated: SimulatedStream) -> Report:
    """Send the month of events at accelerated event time."""
    from sentinel.cli.progress import Progress
    from sentinel.config.times import rfc3339
    from sentinel.simulation.events import events

    queue = list(events(simulated.stream, model=simulated.model, version=VERSION, slices=simulated.slices))
    first, last = queue[0].at_us, queue[-1].at_us
    print(
        f"4/4  Production begins: {len(simulated.stream)} predictions and their outcomes in {args.seconds:.0f} s",
        flush=True,
    )
    began, sent = time.monotonic(), 0
    with Progress("     month") as progress:
        while sent < len(queue):
            share = min((time.monotonic() - began) / max(args.seconds, 1e-9), 1.0)
            until = first + share * (last - first)
            while sent < len(queue) and queue[sent].at_us <= until:
                event = queue[sent]
                source.publish(event.kind, event.key, event.payload, event.at_us)
                sent += 1
            at = rfc3339(queue[min(sent, len(queue) - 1)].at_us, to_second=True)
            progress.show(sent / len(queue), _state(daemon, at))
            if daemon.failure is not None:
                raise daemon.failure
            time.sleep(FEED_STEP_SECONDS)
    n_outcomes = sum(1 for event in queue if event.kind == "outcome")
    deadline = time.monotonic() + SETTLE_SECONDS
    while daemon.reports()[0].counts["joined"] < n_outcomes and time.monotonic() < deadline:
        time.sleep(FEED_STEP_SECONDS)
    return daemon.reports()[0]


def _state(daemon: Daemon, at: str) -> str:
    report = daemon.reports()[0]
    firing = sum(1 for alert in report.alerts if alert.resolved_at is None and alert.severity != "info")
    return f"{at[:10]}  {report.counts['joined']} outcomes  verdict: {report.verdict.cause}  alerts firing: {firing}"


def _conclude(report: Report, simulated: SimulatedStream, seconds: float) -> None:
    from sentinel.diagnosis.words import explain

    truth = simulated.truth
    print()
    print(explain(report))
    print(f"The planted truth: {truth.cause}" + (f", by {', '.join(truth.culprits)}" if truth.culprits else ""))
    print(f"After {seconds:.0f} s")


def _say_where_to_look(report: Report, daemon: Daemon) -> None:
    host, port = daemon.address
    print("Where to look:")
    print(f"  the page            http://{host}:{port}/")
    print(f"  the report (JSON)   http://{host}:{port}/api/v1/models/{report.model}/{report.version}/report")
    print(f"  the metrics         http://{host}:{port}/metrics")
