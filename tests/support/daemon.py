"""``sentinel run`` as a child process, and the events and files that it is fed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec
from kafka import KafkaProducer

from sentinel.simulation.events import Event
from tests.support.kafka_broker import KafkaBroker
from tests.support.process import PATIENCE_SECONDS, free_port, wait_until

READY_SECONDS = 60.0
STOP_SECONDS = 40.0
PRODUCE_SECONDS = 60.0


class DaemonProcess:
    """One ``sentinel run``, started, killed and started again on the same state."""

    def __init__(self, scratch: Path, config: Path, port: int, role: str = "all") -> None:
        self._config = config
        self._role = role
        self._log_path = scratch / f"{config.stem}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self.address = f"127.0.0.1:{port}"

    def __enter__(self) -> DaemonProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start the process; returns at once."""
        self._log = self._log_path.open("ab")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "sentinel", "run", "--config", str(self._config)),
                *("--listen", self.address, "--role", self._role),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    def wait_ready(self) -> None:
        """Wait until ``/readyz`` says yes; fails with the end of the log."""
        self._wait(lambda: self.status("/readyz") == 200, READY_SECONDS, "the daemon to be ready")

    def wait_joined(self, n: int, timeout_seconds: float, model: str = "churn", version: str = "1") -> None:
        """Wait until n predictions have met their outcome."""
        self._wait(
            lambda: self.report(model, version)["counts"]["joined"] >= n, timeout_seconds, f"{n} joined predictions"
        )

    def _wait(self, condition: Any, timeout_seconds: float, what: str) -> None:
        def holds() -> bool:
            if self._process is None or self._process.poll() is not None:
                raise AssertionError(f"the daemon ended while waiting for {what}:\n{self.log_tail()}")
            return bool(condition())

        try:
            wait_until(holds, timeout_seconds, what)
        except RuntimeError as error:
            raise AssertionError(f"{error}\n{self.log_tail()}") from error

    def status(self, path: str) -> int:
        """HTTP status of a path; 0 when nothing answers."""
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=PATIENCE_SECONDS) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    def get(self, path: str) -> bytes:
        """Body of a path."""
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=PATIENCE_SECONDS) as response:
            return bytes(response.read())

    def report(self, model: str = "churn", version: str = "1") -> dict[str, Any]:
        """The newest report."""
        report: dict[str, Any] = json.loads(self.get(f"/api/v1/models/{model}/{version}/report"))
        return report

    def reload(self) -> None:
        """Send SIGHUP."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    @property
    def pid(self) -> int:
        """Of the process."""
        if self._process is None:
            raise AssertionError("the daemon is not running")
        return self._process.pid

    def kill(self) -> None:
        """Send SIGKILL and wait; nothing happens when it is not running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._close_log()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send SIGTERM, or another signal, and wait; returns the exit status."""
        if self._process is None:
            raise AssertionError("the daemon is not running")
        process, self._process = self._process, None
        process.send_signal(number)
        try:
            return process.wait(STOP_SECONDS)
        finally:
            process.kill()
            process.wait()
            self._close_log()

    def log_tail(self, n_lines: int = 40) -> str:
        """The last lines of the log."""
        return "\n".join(self._log_path.read_text(errors="replace").splitlines()[-n_lines:])

    def _close_log(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None


def daemon_on(scratch: Path, config: Path, role: str = "all") -> DaemonProcess:
    """A daemon on a free port, not yet started."""
    return DaemonProcess(scratch, config, free_port(), role)


def write_config(
    path: Path,
    *,
    baseline: Path,
    state: Path,
    broker: KafkaBroker,
    topics: tuple[str, str],
    group: str,
    model: str = "churn",
    version: str = "1",
    slices: Sequence[str] = (),
    checkpoint: str = "1s",
    summaries: str | None = None,
) -> Path:
    """Write a configuration for a test daemon: short intervals, the given topics."""
    api_version = broker.client_options.get("api_version")
    settings: dict[str, Any] = {
        "apiVersion": "sentinel/v1",
        "models": [{"name": model, "version": version, "slices": list(slices), "baseline": str(baseline)}],
        "source": {
            "kafka": {
                "bootstrap_servers": [broker.bootstrap],
                "topics": {
                    "predictions": topics[0],
                    "outcomes": topics[1],
                    **({"summaries": summaries} if summaries else {}),
                },
                "group_id": group,
                "session_timeout": "10s",
                "fetch_max_wait": "100ms",
                **({"api_version": list(api_version)} if api_version else {}),
            }
        },
        "state": {"directory": str(state), "checkpoint_interval": checkpoint},
        "evaluation": {"interval": "1s"},
        "web": {"listen": "127.0.0.1:0"},
    }
    path.write_bytes(msgspec.yaml.encode(settings))
    return path


def produce(broker: KafkaBroker, topics: tuple[str, str], events: Iterable[Event]) -> int:
    """Send events to the topic of their kind, keyed by prediction id, and wait until the broker has them all."""
    producer = KafkaProducer(
        bootstrap_servers=broker.bootstrap,
        linger_ms=20,
        batch_size=262_144,
        compression_type="lz4",
        acks="all",
        **broker.client_options,
    )
    sent = 0
    try:
        for event in events:
            producer.send(topics[event.kind == "outcome"], key=event.key, value=event.payload)
            sent += 1
        producer.flush(timeout=PRODUCE_SECONDS)
    finally:
        producer.close()
    return sent
