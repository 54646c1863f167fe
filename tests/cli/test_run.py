"""``sentinel run`` as a process of its own: a start that fails is one line, a broker that is away is no failure."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from sentinel import cli
from sentinel.simulation import simulate
from sentinel.simulation.files import write_files
from tests.support.daemon import DaemonProcess, daemon_on
from tests.support.process import PATIENCE_SECONDS, free_port, wait_until

"""A stop may wait for a connection attempt of 10 s; Kubernetes grants 30 s."""


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline of model churn 1."""
    folder = tmp_path_factory.mktemp("world")
    files = write_files(simulate("clean", seed=3, n_train=500, n_validation=500, n_stream=50), folder)
    path = folder / "churn.baseline"
    build = ["baseline", "build", "--config", files.config, "--validation", files.validation, "--output", path]
    assert cli.main([*map(str, build), "--quiet"]) == 0
    return path


def _config(
    folder: Path, baseline: Path, *, kafka: bool = True, broker_port: int | None = None, listen: str = "127.0.0.1:0"
) -> Path:
    """Write a configuration whose broker is not there, or is what listens on a port."""
    settings: dict[str, object] = {
        "apiVersion": "sentinel/v1",
        "models": [{"name": "churn", "version": "1", "slices": ["region", "plan"], "baseline": str(baseline)}],
        "state": {"directory": str(folder / "state")},
        "web": {"listen": listen},
    }
    if kafka:
        topics = {"predictions": "p", "outcomes": "o"}
        settings["source"] = {
            "kafka": {"bootstrap_servers": [f"127.0.0.1:{broker_port or free_port()}"], "topics": topics}
        }
    path = folder / "sentinel.yaml"
    path.write_bytes(msgspec.yaml.encode(settings))
    return path


def _failed_start(config: Path) -> str:
    """Run a daemon that must end by itself with status 1; returns the line that says why."""
    command = [sys.executable, "-m", "sentinel", "run", "--config", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    assert (ended.returncode, ended.stdout) == (1, ""), ended.stderr
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert ended.stderr.startswith("sentinel: ")
    return ended.stderr


def test_without_a_source_it_says_what_is_missing(tmp_path: Path, baseline: Path) -> None:
    """A configuration for files alone cannot run, and the line names the command that reads files."""
    line = _failed_start(_config(tmp_path, baseline, kafka=False))
    assert "source.kafka is missing" in line
    assert "sentinel replay" in line


def test_without_its_baseline_it_does_not_start(tmp_path: Path) -> None:
    """The missing file is named; no state is left behind."""
    gone = tmp_path / "gone.baseline"
    assert str(gone) in _failed_start(_config(tmp_path, gone))
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"models: [", b"apiVersion: sentinel/v1\nmodls: []\n"])
def test_a_configuration_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty, no text, no YAML or an unknown key: the line names the file."""
    path = tmp_path / "sentinel.yaml"
    if content is not None:
        path.write_bytes(content)
    assert str(path) in _failed_start(path)


def test_a_taken_port_is_one_line(tmp_path: Path, baseline: Path) -> None:
    """The address is named, and nothing keeps the process up."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        assert f"cannot listen on {listen}" in _failed_start(_config(tmp_path, baseline, listen=listen))


def _stop(daemon: DaemonProcess, number: signal.Signals) -> None:
    """Status 0 says that all of it stopped in the time that a stop has; what is cut off after it has status 1."""
    assert daemon.stop(number) == 0, daemon.log_tail()


@pytest.mark.slow
def test_a_broker_that_never_answers_does_not_hold_up_the_stop(tmp_path: Path, baseline: Path) -> None:
    """Even in the midst of a connection attempt to something silent, SIGTERM ends the daemon with status 0."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = _config(tmp_path, baseline, broker_port=silent.getsockname()[1])
        with daemon_on(tmp_path, config) as daemon:
            daemon.start()
            wait_until(lambda: daemon.status("/livez") == 200, PATIENCE_SECONDS, "the daemon to answer")
            assert daemon.status("/readyz") == 503
            _stop(daemon, signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_broker_that_is_away_is_waited_for(tmp_path: Path, baseline: Path, number: signal.Signals) -> None:
    """The daemon stays up, alive and not ready, says why, and still stops in time, with status 0."""
    with daemon_on(tmp_path, _config(tmp_path, baseline)) as daemon:
        daemon.start()
        wait_until(lambda: daemon.status("/livez") == 200, PATIENCE_SECONDS, "the daemon to answer")
        wait_until(lambda: daemon.log_tail().count("source_error") > 1, PATIENCE_SECONDS, "a second attempt")
        assert (daemon.status("/livez"), daemon.status("/readyz")) == (200, 503)
        assert daemon.status("/metrics") == 200
        _stop(daemon, number)
        assert "Traceback" not in daemon.log_tail(1_000)
