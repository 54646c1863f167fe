"""The systemd unit: that it starts what exists, leaves time to stop, and gives little away."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from sentinel.app.daemon import STOP_SECONDS
from tests.support import tools
from tests.support.process import PATIENCE_SECONDS

UNIT = tools.ROOT / "deploy/systemd/sentinel.service"
DOCKERFILE = tools.ROOT / "deploy/Dockerfile"
EXPOSURE = 1.1
"""Of 10, as systemd counts. What is left is the network, and what the libraries may need."""


def unit() -> configparser.RawConfigParser:
    """The unit's sections; its keys keep their case. Of a key that is there twice, which systemd adds up, the last."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # the documented way
    parser.read(UNIT)
    return parser


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze."""
    program = tools.need("systemd-analyze", "the unit is not verified")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)


def test_it_starts_what_the_image_starts() -> None:
    """The same arguments, which tests/deploy/test_image.py shows that the daemon takes; the check comes first."""
    command = re.findall(r"^CMD \[(.+)\]$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)[-1]
    service = unit()["Service"]
    program, *arguments = shlex.split(service["ExecStart"])
    assert program == "/opt/sentinel/bin/sentinel"
    assert arguments == [part.strip(' "') for part in command.split(",")]
    assert shlex.split(service["ExecStartPre"]) == [program, "check-config", arguments[-1]]


def test_it_leaves_time_to_stop() -> None:
    """The supervisor kills the daemon only after it has had its own time."""
    assert float(unit()["Service"]["TimeoutStopSec"]) > STOP_SECONDS


def test_systemd_takes_it(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, once the program is one that this machine has."""
    file = tmp_path / UNIT.name
    file.write_text(UNIT.read_text().replace("/opt/sentinel/bin/sentinel", shutil.which("true") or ""))
    done = analyze("verify", "--man=no", file)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_it_gives_little_away() -> None:
    """`systemd-analyze security` finds an exposure below the threshold."""
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", UNIT)
    assert done.returncode == 0, done.stdout[-300:]
