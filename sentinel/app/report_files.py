"""Reports read from files: to be explained, shown or charted later."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from sentinel.diagnosis.report import Report, from_json
from sentinel.errors import CorruptArtifactError, FatalError


def load_report(path: str | os.PathLike[str]) -> Report:
    """Read what a replay, or the daemon's API, wrote.

    Raises
    ------
    FatalError
        If the file cannot be read.
    CorruptArtifactError
        If it is no report of this version.
    """
    source = os.fspath(path)
    try:
        return from_json(Path(path).read_bytes())
    except OSError as error:
        raise FatalError(f"cannot read {source}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptArtifactError(f"{source} is no sentinel report: {error}") from error
