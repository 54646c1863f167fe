"""The pages about the offline audit: every check is explained, and what they show runs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import sentinel
from sentinel import cli
from sentinel.audit.checks import all_checks
from sentinel.audit.findings import SEVERITIES
from tests.documents.fences import ROOT, blocks

HOW_TO, EXPLANATION = ROOT / "docs/how-to/audit.md", ROOT / "docs/explanation/audit.md"
_ROW = re.compile(r"^\| `(\w+)` \| (.{20,}) \| (.+) \| (\w+) \|$", re.MULTILINE)


def test_every_check_is_explained() -> None:
    """The explanation has a row for each module of the checks, in which nothing is left out, and for no other."""
    told = _ROW.findall(EXPLANATION.read_text(encoding="utf-8"))
    names = [name for name, *_ in told]
    assert len(names) == len(set(names))
    there = {check.NAME for check in all_checks()}
    assert sorted(there - set(names)) == [], "no complete row in the table of checks in docs/explanation/audit.md"
    assert sorted(set(names) - there) == [], "in the table of checks in docs/explanation/audit.md, but no check"
    assert {gravest for *_, gravest in told} <= set(SEVERITIES)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the page's first command writes."""
    folder = tmp_path_factory.mktemp("audit") / "team"
    (simulate,) = (line for line in _commands() if line[1] == "simulate")
    assert cli.main([*simulate[1:-1], str(folder)]) == 0
    return folder


def _commands() -> list[list[str]]:
    texts = [block.text for block in blocks("sh") if block.document == HOW_TO]
    return [shlex.split(line) for text in texts for line in text.splitlines() if line.startswith("sentinel ")]


def test_the_first_audit_says_what_the_page_shows(
    team: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command of the page prints the quoted table, and writes its page."""
    monkeypatch.chdir(team)
    command = next(line for line in _commands() if line[1] == "audit")
    assert cli.main(command[1:]) == 0
    (shown,) = (block.text for block in blocks("text") if block.document == HOW_TO)
    header, *lines = shown.splitlines()
    printed = capsys.readouterr().out.splitlines()
    assert " ".join(header.split()) in {" ".join(line.split()) for line in printed}
    assert " ".join(" ".join(lines).split()) in " ".join(" ".join(printed).split())
    assert Path("audit.html").stat().st_size > 1_000


def test_the_pytest_fails_with_the_table(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example test stops on the planted leak, and has written its page before; on honest rows it passes."""
    monkeypatch.chdir(team)
    (text,) = (block.text for block in blocks("python") if block.document == HOW_TO)
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(text, str(HOW_TO), "exec"), names)
    test: Callable[[], None] = names["test_the_split_does_not_leak"]
    Path("audit.html").unlink(missing_ok=True)
    with pytest.raises(sentinel.LeakageFoundError, match="critical  duplicate leakage"):
        test()
    assert Path("audit.html").exists()


def test_the_workflow_and_the_hook_run_commands_that_there_are(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step of the workflow and the entry of the hook stop on the planted leak, with the status of the table."""
    monkeypatch.chdir(team)
    (team / "data").mkdir(exist_ok=True)
    for name in ("train", "validation"):
        pd.read_parquet(f"{name}.parquet").to_parquet(f"data/{name}.parquet", index=False)
    found = [yaml.safe_load(block.text) for block in blocks("yaml") if block.document == HOW_TO]
    (workflow,) = (each["steps"] for each in found if "steps" in each)
    (hook,) = (each["repos"][0]["hooks"][0] for each in found if "repos" in each)
    for command in (workflow[0]["run"], hook["entry"]):
        assert cli.main(shlex.split(command)[1:]) == 3
    assert "\n| 3 | there is such a finding." in HOW_TO.read_text(encoding="utf-8")
    assert re.search(hook["files"], "data/train.parquet")
