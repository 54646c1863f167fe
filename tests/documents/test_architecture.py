"""The page on the architecture says what the import contracts say, and what documents name is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.documents.fences import ROOT, named

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS: list[dict[str, Any]] = PROJECT["tool"]["importlinter"]["contracts"]
NAMING = (
    ROOT / "CONTRIBUTING.md",
    ROOT / "docs/architecture.md",
    *sorted((ROOT / "docs/design").glob("*.md")),
    *sorted((ROOT / "docs/explanation").glob("*.md")),
)
HOMES = ("", "sentinel", "sentinel/evaluation", "sentinel/exposition", "sentinel/summaries", "tests/exposition")
"""Where a path in a document may begin."""
MADE_AT_RUN_TIME = {"accepted-events/", "partitions/"}
OF_A_READER = {"scoring.py"}
OF_OTHERS = {"DescribeConfigs", "Template"}
"""A right of Kafka's, and a class of the standard library."""
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"[\w./-]+\.(?:py|md|json|ya?ml|toml)|(?:[\w-]+/)+")
_NAME = re.compile(r"(?:[\w]+\.)*([A-Z]\w*[a-z]\w*|[a-z]+(?:_[a-z]+)+)(?:\(\))?")


def _table(header: str) -> list[list[str]]:
    """Rows of the table under a header, cell by cell."""
    _, _, after = PAGE.partition(f"{header}\n")
    lines = after.split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _words(cell: str) -> list[str]:
    return re.findall(r"`([\w.]+)`", cell)


def test_the_layers_of_the_page_are_those_of_the_contract() -> None:
    """The table has a row for each line of the contract of layers, in its order, with the same packages."""
    (contract,) = (each for each in CONTRACTS if each["type"] == "layers")
    told = [set(_words(cells[0])) for cells in _table("| Package | Holds | Knows nothing of |")]
    assert told == [{name.strip() for name in layer.split("|")} for layer in contract["layers"]]


def test_the_layers_are_all_there_is() -> None:
    """Each package and module of sentinel is in a layer, so that none escapes the contract."""
    (contract,) = (each for each in CONTRACTS if each["type"] == "layers")
    layered = {name.strip() for layer in contract["layers"] for name in layer.split("|")}
    found = {path.parent.name for path in (ROOT / "sentinel").glob("*/__init__.py")}
    found |= {path.stem for path in (ROOT / "sentinel").glob("*.py")}
    assert found - {"__init__", "__main__"} == layered


def test_what_may_not_be_imported_is_told() -> None:
    """Each contract that forbids or protects has its row, and each row its contract."""

    def short(modules: list[str]) -> frozenset[str]:
        return frozenset(module.removeprefix("sentinel.") for module in modules)

    contracts = set()
    for contract in (each for each in CONTRACTS if each["type"] != "layers"):
        if contract["type"] == "protected":
            contracts.add((True, short(contract["allowed_importers"]), short(contract["protected_modules"])))
        else:
            contracts.add((False, short(contract["source_modules"]), short(contract["forbidden_modules"])))
    told = {
        (packages.startswith("all but"), frozenset(_words(packages)), frozenset(_words(forbidden)))
        for packages, forbidden in _table("| Packages | import nothing of |")
    }
    assert told == contracts


@pytest.fixture(scope="module")
def words_of_the_code() -> set[str]:
    """Every word of the programs, and the names of their files."""
    folders = ("sentinel", "tests", "benchmarks", "helm", "deploy", "docs")
    programs = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in programs)
    return {*re.findall(r"\w+", text), *(path.stem for path in programs)}


@pytest.mark.parametrize("document", NAMING, ids=named)
def test_what_is_named_is_there(document: Path, words_of_the_code: set[str]) -> None:
    """Files and folders that a document names exist, and its classes and functions are words of the code."""
    tokens = set(re.findall(r"`([^`\n]+)`", _FENCE.sub("", document.read_text(encoding="utf-8"))))
    paths = {token for token in tokens if _PATH.fullmatch(token)} - MADE_AT_RUN_TIME - OF_A_READER
    assert [path for path in sorted(paths) if not any((ROOT / home / path).exists() for home in HOMES)] == []
    names = {found[1] for token in tokens - paths if (found := _NAME.fullmatch(token))} - OF_OTHERS
    assert sorted(names - words_of_the_code) == []


def test_links_to_design_notes_say_their_number() -> None:
    """A link whose text is a number leads to the note of that number."""
    for document in (ROOT / "docs").rglob("*.md"):
        links = re.findall(r"\[(\d{4})[^\]]*\]\([^)]*?(\d{4})-[\w-]+\.md", document.read_text(encoding="utf-8"))
        assert [link for link in links if link[0] != link[1]] == [], named(document)
