"""The container image and the systemd unit: that they name what exists, and keep what they promise."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

import sentinel
from sentinel import cli
from sentinel.app.daemon import STOP_SECONDS

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
UNIT = ROOT / "deploy/systemd/sentinel.service"


def unit() -> configparser.RawConfigParser:
    """The unit's sections; its keys keep their case."""
    parser = configparser.RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # the documented way
    parser.read(UNIT)
    return parser


def test_the_image_copies_what_is_there_and_not_ignored() -> None:
    """Each source of a COPY exists, and is let through by .dockerignore, which lets nothing else through."""
    copied = {
        source
        for arguments in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in arguments.split()[:-1]
    }
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_is_labelled_with_this_version() -> None:
    """The label says what the package says."""
    assert f"ARG VERSION={sentinel.__version__}\n" in DOCKERFILE


def test_the_image_runs_without_root_on_locked_packages() -> None:
    """The user is a number that is not 0, and whatever is installed from an index is held against its hash."""
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["65532:65532"]
    assert "STOPSIGNAL SIGTERM\n" in DOCKERFILE
    commands = DOCKERFILE.replace("\\\n", " ")
    installs = re.findall(r"pip(?: --python \S+)? (?:install|wheel) [^&\n]*", commands)
    assert len(installs) == 4
    assert all("--require-hashes" in install or "--no-index" in install for install in installs)


def test_image_and_unit_start_the_daemon_with_arguments_that_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """The command line reaches the configuration, which is not on this machine, and not a usage message."""
    command = re.search(r"^CMD \[(.+)\]$", DOCKERFILE, re.MULTILINE)
    assert command is not None
    in_image = [part.strip(' "') for part in command[1].split(",")]
    program, *in_unit = shlex.split(unit()["Service"]["ExecStart"])
    assert (program, in_unit) == ("/opt/sentinel/bin/sentinel", in_image)
    absent = ["/nonexistent" + part if part.startswith("/") else part for part in in_image]
    assert cli.main(absent) == 1
    assert "/nonexistent/etc/sentinel/sentinel.yaml" in capsys.readouterr().err


def test_the_unit_leaves_time_to_stop() -> None:
    """The supervisor kills the daemon only after it has had its own time."""
    assert float(unit()["Service"]["TimeoutStopSec"]) > STOP_SECONDS


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no program `systemd-analyze` on the path")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, once the program is one that this machine has."""
    file = tmp_path / UNIT.name
    file.write_text(UNIT.read_text().replace("/opt/sentinel/bin/sentinel", shutil.which("true") or ""))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
