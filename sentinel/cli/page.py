"""A report as an HTML file, for the commands that write one."""

from __future__ import annotations

from pathlib import Path

from sentinel.console.pages import render_file
from sentinel.diagnosis.report import Report
from sentinel.errors import FatalError


def write_page(path: Path, report: Report, runbooks: str | None = None) -> None:
    """Write the page of one report; it needs no server, no network and no script.

    Parameters
    ----------
    path : Path
    report : Report
    runbooks : str or None
        Where the runbooks are served, to link alerts to them.

    Raises
    ------
    FatalError
        If the file cannot be written.
    """
    try:
        path.write_text(render_file(report, runbooks=runbooks), encoding="utf-8")
    except OSError as error:
        raise FatalError(f"cannot write {path}: {error.strerror}") from error
