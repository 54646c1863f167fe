"""The progress line: quiet between pauses, but never about to be busy for long without a word."""

from __future__ import annotations

import pytest

from sentinel.cli.progress import Progress


def test_what_takes_long_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A moment after a line another is held back, unless it tells of what is about to begin."""
    with Progress("audit") as progress:
        progress.show(0.1, "sampling")
        progress.show(0.2, "sampling on")
        progress.show(0.0, "fitting", at_once=True)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("s  ")[-1] for line in lines] == ["sampling", "fitting"]


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing at all, not even what is told at once."""
    with Progress("audit", quiet=True) as progress:
        progress.show(0.0, "fitting", at_once=True)
    assert capsys.readouterr().err == ""
