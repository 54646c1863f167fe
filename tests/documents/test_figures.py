"""Figures in the documents: each table that was measured names its command, and each benchmark its documents."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.documents.fences import DOCUMENTS, ROOT, named

INDEX = ROOT / "docs/reference/benchmarks.md"
GENERATED = {"alerts", "audit", "cli", "configuration", "http", "metrics", "python", "report"}
"""References that are written from code: their numbers are bounds and defaults."""
SETTINGS = ("docs/how-to/tune-alerts.md",)
"""Pages whose table is of commands that stand above it."""
_NAMED = re.compile(r"benchmarks\.(?!md\b|ya?ml\b)([a-z]\w*)|BENCHMARKS=\"?([a-z][\w ]*)")
_TABLE = re.compile(r"(?:^ *\|.*\|\n)+", re.MULTILINE)
_NUMBER = re.compile(r"\s*\**[+<~-]?[\d.]+")
_SOURCE = re.compile(r"sentinel benchmark|tests/[\w/]+\.py|[Mm]easured once")


def _benchmarks() -> dict[str, str]:
    """Modules that `make bench` runs, with their text: those with a quick mode."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").glob("*.py")}
    return {name: text for name, text in texts.items() if "--quick" in text}


def _named_in(text: str) -> set[str]:
    return {name for module, names in _NAMED.findall(text) for name in (module or names).split()}


def _measured(table: str) -> bool:
    """Whether half of the cells beside the first column are numbers."""
    cells = [cell for row in table.splitlines()[2:] for cell in row.strip().strip("|").split("|")[1:]]
    filled = [cell for cell in cells if cell.strip() not in ("", "-")]
    return bool(filled) and sum(_NUMBER.match(cell) is not None for cell in filled) * 2 >= len(filled)


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_benchmarks_that_are_named_exist(document: Path) -> None:
    """A document names only modules that `make bench` runs."""
    assert _named_in(document.read_text(encoding="utf-8")) - set(_benchmarks()) == set()


@pytest.mark.parametrize("name", sorted(_benchmarks()))
def test_a_benchmark_has_a_main_and_a_quick_mode(name: str) -> None:
    """Each says what it is for, has a `main`, takes `--quick`, and its parts, which `make bench` leaves out, do not."""
    module = importlib.import_module(f"benchmarks.{name}")
    assert module.__doc__
    assert callable(module.main)
    assert re.search(r"add_argument\(\s*\"--quick\", action=\"store_true\"", _benchmarks()[name])
    assert not name.startswith("_")


def test_every_benchmark_is_listed() -> None:
    """The index of the benchmarks has a row for each, and no other."""
    rows = re.findall(r"^\| `(\w+)` \|", INDEX.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(_benchmarks())


def test_documents_that_hold_figures_name_the_benchmark() -> None:
    """Where the index says that a document has a benchmark's figures, that document names it."""
    text = INDEX.read_text(encoding="utf-8")
    claims = re.findall(r"^\| `(\w+)` \|.*\| (.*\[.*) \|$", text, re.MULTILINE)
    assert len(claims) > 12
    for name, cell in claims:
        for link in re.findall(r"\]\(([^)#]+)", cell):
            document = (INDEX.parent / link).resolve()
            assert name in _named_in(document.read_text(encoding="utf-8")), f"{named(document)} does not name {name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_measured_tables_say_what_measured_them(document: Path) -> None:
    """Above or below a table of numbers, within its section, stands the benchmark or the test that they are from."""
    if named(document) in SETTINGS or (document.parent.name == "reference" and document.stem in GENERATED):
        return
    for section in re.split(r"^(?=#{2,} )", document.read_text(encoding="utf-8"), flags=re.MULTILINE):
        if any(_measured(table) for table in _TABLE.findall(section)):
            sourced = _named_in(section) or _SOURCE.search(section)
            assert sourced, f"{named(document)}, {section.splitlines()[0]}: no command, and not 'measured once'"


def test_explanations_rest_on_nothing_that_was_measured_once() -> None:
    """What no command repeats is history of a decision: it stands in design notes alone."""
    once = [document for document in DOCUMENTS if "easured once" in document.read_text(encoding="utf-8")]
    assert {document.parent.name for document in once} <= {"design"}
