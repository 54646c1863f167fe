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
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import sentinel

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = {name: ROOT / "requirements" / f"{name}.txt" for name in ("run", "demo", "dev")}


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
        ("demo", ["dependencies", "simulation", "build"]),
        ("dev", ["dependencies", "simulation", "build", "test", "check"]),
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
