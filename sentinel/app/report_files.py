"""Reports read from files: to be explained, shown or charted later."""

from __future__ import annotations

import os

from sentinel.diagnosis.report import Report, from_json
from sentinel.whole_files import read_document


def load_report(path: str | os.PathLike[str]) -> Report:
    """Read what a replay, or the daemon's API, wrote.

    Raises
    ------
    FatalError
        If the file cannot be read.
    CorruptArtifactError
        If it is no report of this version.
    """
    return read_document(path, from_json, "sentinel report")
