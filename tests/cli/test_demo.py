"""``sentinel demo`` as a process of its own: the verdict, the faults, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sentinel import cli
from sentinel.simulation import SCENARIOS
from tests.support.process import PATIENCE_SECONDS

Capture = pytest.CaptureFixture[str]


def _demo(scratch: Path, *arguments: str, before: Callable[[], object] | None = None) -> subprocess.Popen[str]:
    """Start the demo on any free port, its temporary files below ``scratch``."""
    scratch.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "sentinel", "demo", "--listen", "127.0.0.1:0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
        preexec_fn=before,
    )


def _finish(demo: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return demo.communicate(timeout=PATIENCE_SECONDS)
    finally:
        demo.kill()
        demo.wait()


@pytest.mark.slow
def test_the_planted_leak_is_found_and_named(tmp_path: Path) -> None:
    """The leak's cause and its feature are in the verdict, and a critical alert fires; nothing is left behind."""
    demo = _demo(tmp_path / "scratch", "--exit", "--seconds", "3")
    output, errors = _finish(demo)
    assert demo.returncode == 0, errors
    verdict, told, rest = output.partition("The planted truth: ")
    assert told
    assert rest.startswith("target_leakage, by cancellation_calls\n")
    assert "Where to look" not in rest  # nothing is served any more
    assert "target_leakage" in verdict.partition("Verdict")[2]
    assert "cancellation_calls" in verdict
    assert "(critical)" in verdict
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.slow
def test_the_clean_world_stays_quiet(tmp_path: Path) -> None:
    """Without a planted cause no critical and no warning alert fires."""
    demo = _demo(tmp_path / "scratch", "--exit", "--seconds", "3", "--scenario", "clean")
    output, errors = _finish(demo)
    assert demo.returncode == 0, errors
    assert "The planted truth: " in output
    assert "(critical)" not in output
    assert "(warning)" not in output


@pytest.mark.parametrize("stage", ["1/4", "4/4"])
def test_sigterm_ends_it_cleanly(tmp_path: Path, stage: str) -> None:
    """During the training or the month, SIGINT ignored as in a shell's background, SIGTERM ends it with status 0."""
    demo = _demo(tmp_path / "scratch", before=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    assert demo.stdout is not None
    assert any(line.startswith(stage) for line in demo.stdout)
    demo.send_signal(signal.SIGTERM)
    output, errors = _finish(demo)
    assert (demo.returncode, errors.count("Traceback")) == (0, 0), errors
    assert output.endswith("\nstopped\n")
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.slow
def test_two_demos_in_one_directory_are_the_same(tmp_path: Path) -> None:
    """A directory that is used again starts from nothing: the same counts and the same verdict as the first time."""
    told = []
    for _ in range(2):
        demo = _demo(tmp_path / "scratch", "--exit", "--seconds", "0", "--directory", str(tmp_path / "kept"))
        output, errors = _finish(demo)
        assert demo.returncode == 0, errors
        told.append(re.findall(r"^\d+ predictions, \d+ with an outcome|^Verdict: \w+", output, re.MULTILINE))
        kept = tmp_path / "kept"
        assert output.endswith(f"The files are in {kept / 'data'}, the baseline is {kept / 'churn.baseline'}\n")
    assert told == [["20000 predictions, 20000 with an outcome", "Verdict: target_leakage"]] * 2


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    """A port in use ends the demo with status 1 and one line; no thread keeps it up, no file stays."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = _demo(tmp_path / "scratch", "--listen", f"127.0.0.1:{port}")
        _, errors = _finish(demo)
    assert demo.returncode == 1
    line = next(line for line in errors.splitlines() if line.startswith("sentinel:"))
    assert line.startswith(f"sentinel: cannot listen on 127.0.0.1:{port}: ")
    assert "--listen chooses another" in line
    assert errors.endswith(f"{line}\n")
    assert "Traceback" not in errors
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--scenario", "nonsense"], f"no scenario is named 'nonsense' (there are {', '.join(SCENARIOS)})"),
        (["--seconds", "nan"], "--seconds is a time of 0 or more, not nan"),
        (["--seconds", "inf"], "--seconds is a time of 0 or more, not inf"),
        (["--seconds", "-1"], "--seconds is a time of 0 or more, not -1"),
        (["--listen", "here"], "--listen: expected host:port, not 'here'"),
    ],
)
def test_arguments_that_make_no_sense_are_told_at_once(arguments: list[str], line: str, capsys: Capture) -> None:
    """Before anything is trained or written: one line, status 1."""
    assert cli.main(["demo", *arguments]) == 1
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", f"sentinel: {line}\n")


def test_a_directory_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: Capture) -> None:
    """A file where the folder should be ends in one line that names it."""
    (tmp_path / "file").write_text("")
    assert cli.main(["demo", "--directory", str(tmp_path / "file" / "below")]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("sentinel: cannot write the demo's files: ")
    assert errors.count("\n") == 1


def test_the_list_names_every_scenario(capsys: Capture) -> None:
    """--list has a line for each world, and stops there."""
    assert cli.main(["demo", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(SCENARIOS)
