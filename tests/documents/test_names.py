"""Names in the documents exist: metrics, alerts, keys of the configuration, commands and what Python may import."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import sentinel
from sentinel.cli.commands import COMMANDS
from tests.documents.fences import DOCUMENTS, ROOT, named

SCHEMA = ROOT / "docs/reference/config.schema.json"
RECORDED = ROOT / "docs/reference/alerts.md"
"""Written from the rules: it names what they record, too."""
RULES = ROOT / "deploy/prometheus/alerts.yaml"
FILE = re.compile(r"\.(py|ya?ml|jsonl?)$")
NO_METRICS = {"sentinel_audit_critical", "sentinel_leakage", "sentinel_spark"}
"""A metric of a run of MLflow, the distribution's name in file names, and a program for spark-submit."""


def _inline(document: Path) -> list[str]:
    """What stands in backticks, fenced blocks left out."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


@cache
def _series() -> frozenset[str]:
    """Families that /metrics declares, what a histogram makes of them, and the recorded ones."""
    page = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    return frozenset(re.findall(r"`(sentinel_\w+)", page))


@cache
def _keys() -> frozenset[tuple[str, ...]]:
    """Every place of the configuration, from its top and from a model's; a name that is free is a star."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))

    def walk(node: Any, place: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        while "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        if place:
            yield place
        for choice in (*node.get("anyOf", ()), *node.get("oneOf", ())):
            yield from walk(choice, place)
        for key, below in node.get("properties", {}).items():
            yield from walk(below, (*place, key))
        if isinstance(node.get("items"), dict):
            yield from walk(node["items"], place)
        if isinstance(node.get("additionalProperties"), dict):
            yield from walk(node["additionalProperties"], (*place, "*"))

    found = set(walk(schema, ()))
    return frozenset(found | {place[1:] for place in found if place[0] == "models" and len(place) > 1})


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if each != RECORDED], ids=named)
def test_metrics_are_declared(document: Path) -> None:
    """Each name that begins like a metric of ours is one, with or without what a histogram appends."""
    said = {
        name for token in _inline(document) for name in re.findall(r"\bsentinel_[a-z_]+[a-z]\b", token)
    } - NO_METRICS
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in said} - _series() == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_alerts_are_rules(document: Path) -> None:
    """Each name that begins like an alert is one."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    said = {name for token in _inline(document) for name in re.findall(r"\bSentinel[A-Z][A-Za-z]+", token)}
    assert {name for name in said if not name.endswith("Error")} - alerts == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_keys_are_of_the_configuration(document: Path) -> None:
    """A dotted name that begins like a place of the configuration is one, or a module of the package."""
    sections = {place[0] for place in _keys() if len(place) > 1}
    dotted = [token for token in _inline(document) if re.fullmatch(r"[a-z_]+(\.([A-Za-z_]+|\*))+", token)]
    said = {token for token in dotted if token.split(".")[0] in sections and not FILE.search(token)}
    package = Path(sentinel.__file__).parent
    said = {token for token in said if not (package / token.replace(".", "/")).with_suffix(".py").exists()}
    assert {token for token in said if tuple(token.split(".")) not in _keys()} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_commands_in_the_text_exist(document: Path) -> None:
    """What follows the program's name in backticks is one of its commands."""
    said = {found[1] for token in _inline(document) if (found := re.match(r"sentinel ([a-z][a-z-]+)", token))}
    assert said - set(COMMANDS) == set()


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "docs/how-to/notebook.md", "docs/how-to/audit.md"])
def test_names_of_the_package_can_be_imported(name: str) -> None:
    """A function or class that is said to be in the package at its top is there."""
    said = {found[1] for token in _inline(ROOT / name) if (found := re.match(r"sentinel\.([A-Za-z_]+)", token))}
    modules = {path.stem for path in Path(sentinel.__file__).parent.iterdir()}
    assert said - modules - {"yaml"} - set(dir(sentinel)) == set()
