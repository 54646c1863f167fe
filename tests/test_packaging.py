"""What is shipped: the wheel, and the locked requirements that it is installed with."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import sentinel

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = {name: ROOT / "requirements" / f"{name}.txt" for name in ("run", "image", "demo", "dev", "release")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel with the installed build tools, so that nothing is fetched."""
    pytest.importorskip("hatchling", reason="the build tools are not installed; requirements/dev.txt has them")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*build, "--wheel-dir", str(folder), str(ROOT)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def text_of(wheel: zipfile.ZipFile, name: str) -> str:
    """Content of a file of the wheel's metadata folder."""
    (found,) = [entry for entry in wheel.namelist() if entry.endswith(f".dist-info/{name}")]
    return wheel.read(found).decode()


def test_the_wheel_holds_the_whole_package(wheel: zipfile.ZipFile) -> None:
    """Every file of the package is shipped, the type marker included."""
    sources = (ROOT / "sentinel").rglob("*")
    wanted = {str(p.relative_to(ROOT)) for p in sources if p.is_file() and "__pycache__" not in p.parts}
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert "sentinel/py.typed" in shipped
    assert shipped == wanted


def test_the_wheel_states_version_and_licence(wheel: zipfile.ZipFile) -> None:
    """The metadata gives the version that the package itself gives, and the licence comes along."""
    metadata = Parser().parsestr(text_of(wheel, "METADATA"))
    assert metadata["Version"] == sentinel.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert text_of(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_the_metadata_says_who_what_and_where(wheel: zipfile.ZipFile) -> None:
    """A name, a summary that is the package's own, somebody to turn to, and the README as the description."""
    metadata = Parser().parsestr(text_of(wheel, "METADATA"))
    assert metadata["Summary"] == (sentinel.__doc__ or "").strip()
    assert metadata["Author"]
    assert metadata["Maintainer"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")


def test_classifiers_name_the_pythons_that_are_tested() -> None:
    """Those of the workflow that tests a change, of which the oldest is the one that is required."""
    project = PROJECT["project"]
    named = [found[1] for each in project["classifiers"] if (found := re.fullmatch(r".* :: (3\.\d+)", each))]
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    (tested,) = (job["strategy"]["matrix"]["python"] for job in workflow["jobs"].values() if "strategy" in job)
    assert named == tested
    assert project["requires-python"] == f">={named[0]}"


def test_the_changelog_has_this_release() -> None:
    """Below what is not released yet stands this version, with its day; releases go from the newest to the oldest."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d{2}-\d{2}))?$", text, re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == sentinel.__version__
    assert [day for _, day in headings[1:]] == sorted((day for _, day in headings[1:]), reverse=True)
    assert len(headings) == text.count("\n## ")


def test_the_wheel_brings_the_command(wheel: zipfile.ZipFile) -> None:
    """Installing makes the command ``sentinel``."""
    assert "sentinel = sentinel.cli:main" in text_of(wheel, "entry_points.txt").splitlines()


def test_runtime_dependencies_are_bounded_above() -> None:
    """A release of a dependency that breaks its names cannot reach an installation of ours."""
    requirements = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
    assert [r.name for r in requirements if "<" not in {s.operator for s in r.specifier}] == []


@pytest.mark.parametrize("name", LOCKS)
def test_locks_pin_with_hashes_and_name_no_index(name: str) -> None:
    """A locked installation takes exactly the files that were locked, from whichever index the user has."""
    text = LOCKS[name].read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", text)
    unhashed = [entry.split()[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry]
    assert unhashed == []
    assert re.findall(r"--(?:extra-)?index-url|--find-links|https?://", text) == []


@pytest.mark.parametrize(("smaller", "larger"), [("run", "demo"), ("demo", "dev")])
def test_locks_agree(smaller: str, larger: str) -> None:
    """What is tested is what is deployed: each lock has the pins of the smaller one."""
    assert pins(smaller).items() <= pins(larger).items()


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("run", ["dependencies"]),
        ("image", ["dependencies", "avro", "confluent", "protobuf"]),
        ("demo", ["dependencies", "simulation", "build"]),
        ("dev", ["dependencies", "simulation", "build", "test", "check"]),
        ("release", ["build", "release"]),
    ],
)
def test_locks_satisfy_the_project(name: str, groups: list[str]) -> None:
    """Nobody changed a dependency and forgot ``make lock``."""
    project = PROJECT["project"]
    known = {"dependencies": project["dependencies"]} | project["optional-dependencies"] | PROJECT["dependency-groups"]
    pinned = pins(name)
    wanted = [Requirement(line) for group in groups for line in known[group]]
    unmet = [
        str(requirement)
        for requirement in wanted
        if not all(requirement.specifier.contains(v) for v in pinned.get(canonicalize_name(requirement.name), {""}))
    ]
    assert unmet == []


def pins(name: str) -> dict[str, frozenset[str]]:
    """Versions by package; several where they depend on the Python version."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", LOCKS[name].read_text(), re.MULTILINE):
        found.setdefault(canonicalize_name(package), set()).add(version)
    return {package: frozenset(versions) for package, versions in found.items()}
