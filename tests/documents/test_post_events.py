"""The commands that the page on posting events shows do what it says."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from sentinel.config.web import Web
from tests.documents.fences import ROOT, blocks
from tests.exposition.posted import logged, taking

PAGE = "docs/how-to/post-events.md"
TOKEN = "0123456789abcdef"


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_commands_post_and_are_answered_as_shown(tmp_path: Path) -> None:
    """Each curl command, sent to a server here, has the two events of the page taken, and the answer it shows."""
    events, answer = (block.text for block in blocks("json") if block.document == ROOT / PAGE)
    commands = [block.text for block in blocks("sh") if block.document == ROOT / PAGE]
    assert len(commands) == 2
    (tmp_path / "events.ndjson").write_text(events)
    (tmp_path / "tokens").write_text(f"serving {TOKEN}\n")
    closed = Web(bearer_token_file=str(tmp_path / "tokens"), producers=["serving"], requests_per_second=100_000.0)
    for command, web in zip(commands, (None, closed), strict=True):
        with taking(tmp_path / str(web is None), web) as (served, intake):
            here = f"http://{served.address}/"
            for shown in ("http://127.0.0.1:9469/", "https://sentinel.example.org:9469/"):
                command = command.replace(shown, here)
            ran = subprocess.run(
                ["bash", "-c", command],
                cwd=tmp_path,
                env={"TOKEN": TOKEN, "PATH": "/usr/bin:/bin"},
                capture_output=True,
                check=True,
                timeout=30,
            )
            assert json.loads(ran.stdout) == json.loads(answer), ran.stderr
            assert [json.loads(line) for line in logged(intake)] == [json.loads(line) for line in events.splitlines()]
