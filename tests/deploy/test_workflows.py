"""The workflows, the update configuration and the forms: pinned, narrow, and naming only what exists."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from sentinel.cli.commands import COMMANDS
from tests.support import tools

ROOT = tools.ROOT
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in FILES}
WORKFLOWS: dict[str, dict[str, Any]] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
JOBS = {f"{name}/{job}": body for name, flow in WORKFLOWS.items() for job, body in flow["jobs"].items()}
STEPS = [(job, step) for job, body in JOBS.items() for step in body.get("steps", [])]
RUNS = [(job, str(step["run"])) for job, step in STEPS if "run" in step]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RENOVATE = json.loads((ROOT / "renovate.json").read_text(encoding="utf-8"))
FORMS = sorted(path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


def supported() -> list[str]:
    """The Pythons that the package says it supports, oldest first."""
    prefix = "Programming Language :: Python :: "
    named = [line.removeprefix(prefix) for line in PROJECT["project"]["classifiers"] if line.startswith(prefix)]
    return sorted((name for name in named if re.fullmatch(r"3\.\d+", name)), key=lambda name: int(name[2:]))


def test_every_action_is_pinned_by_hash_with_its_version_beside_it() -> None:
    """A moved tag changes nothing here; one action has one hash in all files."""
    used: dict[str, set[str]] = {}
    for name, text in TEXTS.items():
        for line in re.findall(r"^.*\buses:.*$", text, re.MULTILINE):
            if "uses: ./.github/workflows/" in line:
                continue
            pinned = re.fullmatch(r" +(?:- )?uses: ([\w-]+/[\w-]+)(?:/[\w-]+)?@([0-9a-f]{40} # v\d+\.\d+\.\d+)", line)
            assert pinned, f"{name}: {line.strip()}"
            used.setdefault(pinned[1], set()).add(pinned[2])
    assert used
    assert {action: pins for action, pins in used.items() if len(pins) > 1} == {}


@pytest.mark.parametrize("name", TEXTS)
def test_a_workflow_may_do_nothing_that_a_job_does_not_ask_for(name: str) -> None:
    """No permission is given to a whole workflow, and two runs for one thing do not overlap."""
    assert WORKFLOWS[name]["permissions"] == {}
    assert "group" in WORKFLOWS[name]["concurrency"]


@pytest.mark.parametrize("name", JOBS)
def test_a_job_states_its_permissions_and_ends(name: str) -> None:
    """Each job names what it may do, and has a limit in time unless the workflow that it calls has."""
    job = JOBS[name]
    assert job["permissions"]
    assert "uses" in job or 0 < job["timeout-minutes"] <= 180
    assert set(job["permissions"].values()) <= {"read", "write"}


def test_no_checkout_leaves_its_token_behind() -> None:
    """Later steps cannot use what checked out."""
    checkouts = [step for _, step in STEPS if str(step.get("uses", "")).startswith("actions/checkout@")]
    assert checkouts
    assert [step for step in checkouts if step.get("with", {}).get("persist-credentials") is not False] == []


@pytest.mark.parametrize(("job", "command"), RUNS)
def test_a_command_takes_no_text_from_outside(job: str, command: str) -> None:
    """Values reach a shell as variables, never as a part of its script."""
    assert "${{" not in command, job


@pytest.mark.parametrize(("job", "command"), RUNS)
def test_a_command_names_what_exists(job: str, command: str) -> None:
    """Targets of make, scripts and lock files that a step names are there, and scripts can be run."""
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z]+)", command)) <= set(targets), job
    for script in re.findall(r"(?<!\S)\.ci/\S+", command):
        assert (ROOT / script).is_file()
        assert script.endswith(".py") or os.access(ROOT / script, os.X_OK)
    for named in re.findall(
        r"\b(?:requirements/\S+\.txt|deploy/Dockerfile|helm/sentinel(?=\s)|helm/\S+\.yaml)", command
    ):
        assert (ROOT / named).exists(), named


def test_the_weekly_run_tries_every_supported_python_and_the_next() -> None:
    """The next one and the lifted bounds are told apart; `make` finds each, and locks for the oldest."""
    versions = supported()
    weekly = JOBS["newest.yml/run"]["strategy"]["matrix"]
    assert weekly["python"] == versions
    lifted = [entry["python"] for entry in weekly["include"]]
    assert lifted == [versions[0], versions[-1], f"3.{int(versions[-1][2:]) + 1}"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"--python-version {versions[0]} " in makefile
    assert f"python3 {' '.join(f'python{version}' for version in reversed(versions))})" in makefile
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{versions[0].replace('.', '')}"


def test_the_weekly_run_lifts_every_upper_bound_and_nothing_else(tmp_path: Path) -> None:
    """The step's own command leaves each requirement with its lower bound alone."""
    (lift,) = [command for _, command in RUNS if "pyproject.toml" in command and "sed" in command]
    copy = tmp_path / "pyproject.toml"
    copy.write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run(["bash", "-euc", lift], cwd=tmp_path, check=True)
    before, after = (requirements(data) for data in (PROJECT, tomllib.loads(copy.read_text(encoding="utf-8"))))
    assert [r.name for r in after if any(s.operator.startswith("<") for s in r.specifier)] == []
    assert [(r.name, r.extras) for r in after] == [(r.name, r.extras) for r in before]
    lower = [{str(s) for s in r.specifier if s.operator == ">="} for r in before]
    assert [{str(s) for s in r.specifier} for r in after] == lower


def requirements(project: dict[str, Any]) -> list[Requirement]:
    """All that a pyproject asks for."""
    extras, groups = project["project"]["optional-dependencies"], project["dependency-groups"]
    lines = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for group in (*extras.values(), *groups.values()):
        lines += group
    return [Requirement(line) for line in lines]


def test_the_release_takes_the_helm_that_the_tests_take() -> None:
    """The chart is packaged by the version that its tests render it with."""
    tested = re.search(r"HELM_VERSION=(\S+)", (ROOT / ".ci/setup.sh").read_text(encoding="utf-8"))
    assert tested is not None
    assert WORKFLOWS["release.yml"]["env"]["HELM"].endswith(f"/helm@{tested[1]}")


def test_the_release_is_tested_before_anything_leaves() -> None:
    """Whatever may write, or speak in the project's name, waits for the tests."""
    jobs = WORKFLOWS["release.yml"]["jobs"]

    def waits_for(job: str) -> set[str]:
        needs = jobs[job].get("needs", [])
        direct = {needs} if isinstance(needs, str) else set(needs)
        return direct.union(*(waits_for(name) for name in direct))

    publishing = [name for name, job in jobs.items() if "write" in job["permissions"].values()]
    assert set(publishing) == {"pypi", "image", "chart", "github"}
    for name in publishing:
        assert {"ci", "distributions"} <= waits_for(name), name
        environment = jobs[name]["environment"]
        assert (environment if isinstance(environment, str) else environment["name"]) == "release"


def test_the_linter_of_workflows_has_no_complaint() -> None:
    """actionlint, which hands the commands to shellcheck too, finds nothing."""
    actionlint = tools.need("actionlint", "the workflows are not linted")
    shellcheck = tools.need("shellcheck", "the commands of the workflows are not linted")
    command = [actionlint, "-no-color", "-shellcheck", shellcheck, *map(str, FILES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("manager", RENOVATE["customManagers"], ids=lambda manager: str(manager["description"]))
def test_a_manager_of_updates_finds_what_it_looks_after(manager: dict[str, Any]) -> None:
    """Each expression of renovate.json matches, in the files that it names, with a version that one could compare."""
    (pattern,) = manager["managerFilePatterns"]
    files = [path for folder in (".github", ".ci", "deploy") for path in (ROOT / folder).rglob("*") if path.is_file()]
    read = [path for path in files if re.search(pattern.strip("/"), str(path.relative_to(ROOT)))]
    (expression,) = (text.replace("(?<", "(?P<") for text in manager["matchStrings"])
    found = [match for path in read for match in re.finditer(expression, path.read_text(encoding="utf-8"))]
    assert found
    assert [match["currentValue"] for match in found if not re.match(r"v?\d+\.\d+", match["currentValue"])] == []


def test_every_pinned_tool_is_looked_after() -> None:
    """No version in .ci/setup.sh is without the line that tells where newer ones are."""
    setup = (ROOT / ".ci/setup.sh").read_text(encoding="utf-8")
    versions = re.findall(r"^readonly [A-Z]+_VERSION=", setup, re.MULTILINE)
    assert len(versions) == len(re.findall(r"^# renovate: \S+ \S+\nreadonly [A-Z]+_VERSION=", setup, re.MULTILINE)) > 0


@pytest.mark.parametrize("form", FORMS, ids=lambda path: str(path.stem))
def test_a_form_asks_for_what_sentinel_can_tell(form: Path) -> None:
    """The commands that a form names exist; each has fields that must be filled in."""
    named = re.findall(r"`sentinel ([a-z][a-z-]*)", form.read_text(encoding="utf-8"))
    assert set(named) <= set(COMMANDS)
    fields = yaml.safe_load(form.read_text(encoding="utf-8"))["body"]
    assert any(field.get("validations", {}).get("required") for field in fields)
    identified = [field["id"] for field in fields if "id" in field]
    assert len(identified) == len(set(identified))
