"""Run one server for as long as somebody holds its hold file, then end it.

Started as ``python guard.py HOLD ALIVE GRACE_SECONDS COMMAND...``. Users of the server keep a shared lock
on HOLD. The kernel drops a lock when its process ends, however it ends, so the server outlives its last user
by no more than the grace. While the guard runs it keeps ALIVE locked: who can lock it knows that it is gone.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
_LIBC = ctypes.CDLL(None)


def _in_child() -> None:
    """Die with the guard, and get back the signals that the guard blocks for itself."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _end_when_unheld(hold: Path) -> None:
    """Wait until no user is left, then ask the guard to end."""
    with hold.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait()


def main(arguments: list[str]) -> int:
    """Run the command; return its exit code, or 128 plus the signal that ended it."""
    hold, alive, grace_seconds, *command = arguments
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    with Path(alive).open("ab") as alive_file:
        fcntl.flock(alive_file, fcntl.LOCK_EX)
        # Made before any thread: none can hold a lock that the child needs between fork and exec.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_in_child)
        threading.Thread(target=_end_when_unheld, args=(Path(hold),), daemon=True).start()
        killer: threading.Timer | None = None
        while child.poll() is None:
            if signal.sigwait(_SIGNALS) != signal.SIGCHLD and killer is None:
                child.terminate()
                killer = threading.Timer(float(grace_seconds), child.kill)
                killer.daemon = True
                killer.start()
        return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
