"""Child processes that cannot outlive the tests that use them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_GUARD = Path(__file__).with_name("guard.py")
# Below the kernel's ephemeral range (32768 and up): no outgoing connection can take the port meanwhile.
_FIRST_PORT, _N_PORTS = 20_000, 12_000
_POLL_SECONDS = 0.02
PATIENCE_SECONDS = 120.0
"""Far more than anything takes: several workers share few cores with others. Only a fault is waited for so long."""
_detached: list[subprocess.Popen[bytes]] = []


class ServerError(RuntimeError):
    """A server could not be found, started or reached."""


def free_port() -> int:
    """Return a port on 127.0.0.1 that nobody listens on now.

    Drawn from the system's randomness: tests under one seed in several processes must not agree on a port.
    """
    for _ in range(200):
        port = _FIRST_PORT + secrets.randbelow(_N_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerError("no free port found on 127.0.0.1")


def wait_until(condition: Callable[[], bool], timeout_seconds: float, what: str) -> None:
    """Poll a real server until `condition` holds.

    Raises
    ------
    ServerError
        If it does not hold within `timeout_seconds`; `what` names what was waited for.
    """
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ServerError(f"waited {timeout_seconds:g} s in vain for {what}")
        time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the file lock `path` alone; other processes wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def try_lock(path: Path, *, shared: bool = False) -> IO[bytes] | None:
    """Lock `path` without waiting; closing the file returned unlocks it. None if a process is in the way."""
    file = path.open("ab")
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def is_locked(path: Path) -> bool:
    """Tell whether some process holds `path` locked."""
    if not path.exists():
        return False
    file = try_lock(path)
    if file is None:
        return True
    file.close()
    return False


class Server:
    """One server process, with a guard that ends it when nobody is left who uses it.

    Parameters
    ----------
    name : str
        Names the files beside the log.
    command : sequence of str
        What to run, in the foreground.
    scratch : Path
        Folder for ``NAME.log`` (output of every start, appended), ``NAME.hold`` and ``NAME.alive``.
    env : mapping, optional
        Variables added to this process's environment.
    grace_seconds : float
        Between the request to end and the kill.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        scratch: Path,
        *,
        env: Mapping[str, str] | None = None,
        grace_seconds: float = 10.0,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log_path = scratch / f"{name}.log"
        self.hold_path = scratch / f"{name}.hold"
        self.alive_path = scratch / f"{name}.alive"
        self._env = dict(env or {})
        self._grace_seconds = grace_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._hold: IO[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether this object's process runs."""
        return self._process is not None and self._process.poll() is None

    def pids(self) -> list[int]:
        """Ids of the processes that the guard runs: the server itself, without the guard."""
        if self._process is None:
            return []
        guard = self._process.pid
        return [int(pid) for pid in Path(f"/proc/{guard}/task/{guard}/children").read_text().split()]

    def start(self) -> None:
        """Start the process; a running one is an error."""
        if self.running:
            raise ServerError(f"{self.name} runs already")
        self._let_go()
        self._hold = try_lock(self.hold_path, shared=True)
        if self._hold is None:
            raise ServerError(f"{self.name} is still ending: {self.hold_path} is locked")
        guard = [sys.executable, "-I", str(_GUARD), str(self.hold_path), str(self.alive_path)]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*guard, str(self._grace_seconds), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._env},
                start_new_session=True,
            )

    def stop(self) -> None:
        """End the process and wait until it has gone. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(self._grace_seconds + 5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._let_go()

    def detach(self) -> None:
        """Leave the process to its other users; the guard ends it after the last of them."""
        if self._process is not None:
            _detached.append(self._process)  # an object that is collected while its process runs would warn
            self._process = None
        self._let_go()

    def wait_until(self, condition: Callable[[], bool], timeout_seconds: float, what: str) -> None:
        """Poll until `condition` holds, or stop the server and fail with the end of its log."""

        def holds() -> bool:
            if not self.running:
                raise ServerError("the process ended")
            return condition()

        try:
            wait_until(holds, timeout_seconds, what)
        except ServerError as error:
            self.stop()
            raise ServerError(f"{self.name}: {error}; its log ends:\n{self.log_tail()}") from error

    def log_tail(self, n_lines: int = 30) -> str:
        """Return the last lines of the log."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-n_lines:])

    def _let_go(self) -> None:
        if self._hold is not None:
            self._hold.close()
            self._hold = None
