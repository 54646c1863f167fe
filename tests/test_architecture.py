"""The shape of the package: layers, documented modules of readable size, and a command line that starts at once."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sentinel

ROOT = Path(__file__).parents[1]
MODULES = sorted(Path(sentinel.__file__).parent.rglob("*.py"))
MAX_LINES = 500
HEAVY = (
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "sklearn",
    "river",
    "kafka",
    "starlette",
    "uvicorn",
    "prometheus_client",
    "pyspark",
    "confluent_kafka",
)


def relative(path: Path) -> str:
    """The path as a person names it."""
    return path.relative_to(ROOT).as_posix()


def test_every_module_says_what_it_is_for() -> None:
    """Each module of the package and of its tests opens with a docstring; a test folder's marker may be empty."""
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path.name != "__init__.py"]
    trees = {relative(path): ast.parse(path.read_text(encoding="utf-8")) for path in [*MODULES, *tests]}
    assert [name for name, tree in trees.items() if not ast.get_docstring(tree)] == []


def test_no_module_is_longer_than_a_sitting() -> None:
    """No module has more than five hundred lines."""
    lengths = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_the_version_is_printed_without_the_heavy_libraries() -> None:
    """``sentinel version`` imports nothing that counts, plots, serves or connects: it answers at once."""
    program = (
        "import sys; from sentinel.cli import main; status = main(['version']);"
        f"print(sorted(set({HEAVY!r}) & sys.modules.keys())); sys.exit(status)"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    version, heavy = run.stdout.splitlines()
    assert version.startswith(f"sentinel {sentinel.__version__} ")
    assert heavy == "[]"


def test_imports_point_down_the_layers() -> None:
    """The contracts of import-linter hold; pyproject.toml names them."""
    pytest.importorskip("importlinter")
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", program, "--no-cache"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_times_are_written_in_two_places_alone() -> None:
    """One function writes a time as RFC 3339 and one a column of them; nothing else spells the format out."""
    spelled = re.compile(r"\.isoformat\(|strftime\(|datetime_as_string\(")
    writers = {relative(path) for path in MODULES if spelled.search(path.read_text(encoding="utf-8"))}
    assert writers == {"sentinel/config/times.py", "sentinel/events/times.py"}
