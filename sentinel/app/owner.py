"""One daemon a state directory: the stores have locks of their own, but alerts and dead letters are shared by all."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

from sentinel.errors import StoreError

_LOCK_FILE = "daemon.lock"
_PARTITIONS = "partitions"


def partition_directory(state: Path, partition: int) -> Path:
    """Where the store of one input partition lies in the state directory."""
    return state / _PARTITIONS / f"{partition:05d}"


def partition_directories(state: Path) -> list[Path]:
    """The stores that there are, by partition."""
    return sorted(path for path in (state / _PARTITIONS).glob("[0-9]*") if path.is_dir())


def make_directory(directory: Path) -> None:
    """Make a directory of the state, if it is not there, and see that it can be written to.

    Raises
    ------
    StoreError
        If it cannot.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return
    except OSError as error:
        raise StoreError(
            f"{directory}: cannot keep state here: {error.strerror or error}; `state.directory` chooses another place"
        ) from error


class Ownership:
    """Owns a state directory until :meth:`release`, or until the process ends, however it ends.

    Parameters
    ----------
    directory : Path
        Made if it is not there.

    Raises
    ------
    StoreError
        If it cannot be written to, or belongs to another daemon.
    """

    def __init__(self, directory: Path) -> None:
        make_directory(directory)
        self._lock = os.open(directory / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise StoreError(
                f"{directory}: another daemon keeps its state here; give this one a `state.directory` of its own"
            ) from error

    def release(self) -> None:
        """Let another daemon have it. A second call does nothing."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
