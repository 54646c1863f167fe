"""Tests of child processes and their guard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process import PATIENCE_SECONDS, Server, ServerError, free_port, is_locked, try_lock, wait_until

_SLEEPER = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"]
_DEAF = [
    sys.executable,
    "-c",
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print(os.getpid(), flush=True); time.sleep(600)",
]


def _started(scratch: Path, command: list[str], grace_seconds: float = 10.0) -> tuple[Server, int]:
    """Start the command; return it with the process id that it printed."""
    server = Server("sleeper", command, scratch, grace_seconds=grace_seconds)
    server.start()
    server.wait_until(lambda: server.log_tail().strip().isdigit(), PATIENCE_SECONDS, "the process id")
    return server, int(server.log_tail())


def _exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_stop_ends_the_process_and_is_idempotent(tmp_path: Path) -> None:
    """After stop the process and its guard are gone, and a second stop does nothing."""
    server, pid = _started(tmp_path, _SLEEPER)
    assert is_locked(server.alive_path)
    server.stop()
    server.stop()
    assert not _exists(pid)
    assert not is_locked(server.alive_path)
    assert not server.running


def test_a_process_that_ignores_the_request_is_killed_after_the_grace(tmp_path: Path) -> None:
    """Stop ends also what ignores SIGTERM."""
    server, pid = _started(tmp_path, _DEAF, grace_seconds=0.2)
    server.stop()
    assert not _exists(pid)


def test_a_detached_server_lives_until_its_last_user_leaves(tmp_path: Path) -> None:
    """The starter may leave first; the server ends when the second user's hold is closed, not before."""
    server, pid = _started(tmp_path, _SLEEPER)
    second = try_lock(server.hold_path, shared=True)
    assert second is not None
    server.detach()
    assert is_locked(server.alive_path)
    assert _exists(pid)
    second.close()
    wait_until(lambda: not is_locked(server.alive_path), PATIENCE_SECONDS, "the guard's end")
    assert not _exists(pid)


def test_nothing_survives_a_killed_test_process(tmp_path: Path) -> None:
    """A server whose user dies by SIGKILL, with no chance to clean up, ends all the same."""
    program = (
        "import sys, time; from pathlib import Path; from tests.support.process import Server\n"
        "server = Server('sleeper', sys.argv[2:], Path(sys.argv[1])); server.start(); time.sleep(600)"
    )
    user = subprocess.Popen([sys.executable, "-c", program, str(tmp_path), *_SLEEPER], cwd=Path.cwd())
    log = tmp_path / "sleeper.log"
    try:
        wait_until(lambda: log.exists() and log.read_text().strip().isdigit(), PATIENCE_SECONDS, "the process id")
        assert _exists(int(log.read_text()))
    finally:
        user.kill()
        user.wait()
    wait_until(lambda: not _exists(int(log.read_text())), PATIENCE_SECONDS, "the server's end")
    wait_until(lambda: not is_locked(tmp_path / "sleeper.alive"), PATIENCE_SECONDS, "the guard's end")


def test_the_server_dies_with_a_killed_guard(tmp_path: Path) -> None:
    """A guard killed by SIGKILL takes its server along."""
    server, pid = _started(tmp_path, _SLEEPER)
    guard = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])  # the parent's id
    os.kill(guard, signal.SIGKILL)
    wait_until(lambda: not _exists(pid), PATIENCE_SECONDS, "the server's end")
    server.stop()


def test_a_failed_start_shows_the_end_of_the_log(tmp_path: Path) -> None:
    """A process that ends before it is ready fails the wait with its own last words."""
    server = Server("brief", [sys.executable, "-c", "print('the disk is full')"], tmp_path)
    server.start()
    with pytest.raises(ServerError, match=r"(?s)brief: the process ended; its log ends:\nthe disk is full"):
        server.wait_until(lambda: False, PATIENCE_SECONDS, "ready")


def test_the_log_of_every_start_is_kept(tmp_path: Path) -> None:
    """A second start appends to the log of the first."""
    server = Server("twice", [sys.executable, "-c", "print('hello')"], tmp_path)
    for n_starts in (1, 2):
        server.start()
        wait_until(lambda: not server.running, PATIENCE_SECONDS, "the end")
        assert server.log_tail().splitlines() == ["hello"] * n_starts
    server.stop()


def test_free_ports_lie_below_the_ephemeral_range() -> None:
    """No outgoing connection can take a port between its choice and its use."""
    first_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(1024 < free_port() < first_ephemeral for _ in range(50))
