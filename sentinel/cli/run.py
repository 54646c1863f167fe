"""``sentinel run``: the daemon."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from sentinel.errors import SentinelError

if TYPE_CHECKING:
    from sentinel.app.daemon import Daemon

HELP = "Run the daemon: read events from Kafka or take them in over HTTP, judge, serve metrics and the page."
EXIT_FORCED = 130
FAILURE_POLL_SECONDS = 0.5
GC_THRESHOLDS = (10_000, 20, 50)
"""Collect less often than the default: a batch makes thousands of short-lived objects, and no cycles. Measured: the
whole loop takes 8 % less CPU."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--config", type=Path, required=True, help="the configuration (YAML)")
    parser.add_argument(
        "--role",
        choices=("all", "collector", "evaluator"),
        default="all",
        help="what this process does: a collector counts and publishes its counts, an evaluator judges those of all "
        "collectors, 'all' does both (the default)",
    )
    parser.add_argument("--listen", help="host:port, instead of web.listen")


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; SIGHUP reloads; a second SIGTERM exits at once."""
    from sentinel.app.daemon import Daemon
    from sentinel.app.roles import Role
    from sentinel.app.sources import make_ledger, make_reader, make_source
    from sentinel.app.statistics import LogCounter
    from sentinel.clock import SystemClock
    from sentinel.config import load_config
    from sentinel.logs import configure_logging, get_logger

    clock = SystemClock()
    log_counter = LogCounter()
    hints: list[str] = []
    config = load_config(args.config, hints=hints)
    handler = configure_logging(
        config.log.level, config.log.format, sys.stderr, monotonic=clock.monotonic, on_event=log_counter
    )
    daemon = Daemon(
        lambda: load_config(args.config),
        make_source,
        clock,
        role=Role(args.role),
        make_ledger=make_ledger,
        make_reader=make_reader,
        log_events=log_counter.counts,
        listen=args.listen,
    )
    log = get_logger(__name__)
    for hint in hints:
        log.info("config_hint", hint=hint)
    wanted = _Signals()
    daemon.start()
    try:
        stopped = _serve(daemon, wanted)
    finally:
        handler.close()
    if daemon.failure is not None:
        raise daemon.failure
    return 0 if stopped else 1


def _serve(daemon: Daemon, wanted: _Signals) -> bool:
    """Keep the daemon up until it fails or a signal ends it; whether it stopped in order."""
    gc.freeze()  # what is loaded by now stays: no collection has to walk it again
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        while daemon.failure is None and not wanted.stop.wait(FAILURE_POLL_SECONDS):
            if wanted.take_reload():
                _reload(daemon.reload)
    finally:
        stopped = daemon.stop()
    return stopped


class _Signals:
    """Turns signals into flags that the main thread acts on."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._reload = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)

    def take_reload(self) -> bool:
        """Whether a reload was asked for since the last call."""
        if not self._reload.is_set():
            return False
        self._reload.clear()  # before the file is read: a signal from here on asks for one more reload
        return True

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        if self.stop.is_set():
            os._exit(EXIT_FORCED)  # asked twice: the last checkpoint is what a restart continues from
        self.stop.set()

    def _on_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload.set()


def _reload(reload: Callable[[], None]) -> None:
    """A bad new configuration is logged by the daemon and exported; the old one goes on."""
    try:
        reload()
    except SentinelError:
        return
