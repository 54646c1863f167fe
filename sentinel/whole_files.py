"""Files that are written whole or not at all, and read whole or refused."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from sentinel.errors import CorruptArtifactError, FatalError

_Document = TypeVar("_Document")


def replace_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file: an older one of the name stands until the new one is complete and survives a power cut.

    What is no ordinary file, such as a pipe, is written to as it is.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    target = Path(os.path.realpath(path))  # a link goes on pointing to the file that is written
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file as :func:`replace_file` does, with an error for whoever named it.

    Raises
    ------
    FatalError
        If it cannot be written.
    """
    try:
        replace_file(path, data)
    except OSError as error:
        raise FatalError(f"cannot write {os.fspath(path)}: {error.strerror or error}") from error


def read_document(path: str | os.PathLike[str], decode: Callable[[bytes], _Document], what: str) -> _Document:
    """Read a file of JSON that sentinel wrote.

    Parameters
    ----------
    path : path
    decode : callable
        Bytes in, the document out.
    what : str
        What it is to be, in the message: "sentinel report".

    Raises
    ------
    FatalError
        If the file cannot be read.
    CorruptArtifactError
        If it holds something else.
    """
    source = os.fspath(path)
    try:
        return decode(Path(path).read_bytes())
    except OSError as error:
        raise FatalError(f"cannot read {source}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptArtifactError(f"{source} is no {what}: {error}") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
