"""The pages of the reference that are generated say what the code says now."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from sentinel.audit.report import reference as audit
from sentinel.audit.report.document import audit_schema
from sentinel.cli import reference as cli
from sentinel.cli.commands import COMMANDS
from sentinel.config import reference as configuration
from sentinel.config.schema import config_schema
from sentinel.diagnosis import report_reference as report
from sentinel.diagnosis.report import report_schema
from sentinel.exposition import api_reference as http
from sentinel.exposition.openapi import openapi
from tests.documents.fences import ROOT

REFERENCE = ROOT / "docs/reference"
PAGES = {
    "configuration": configuration.reference,
    "cli": cli.reference,
    "report": report.reference,
    "audit": audit.reference,
    "http": http.reference,
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_current(name: str) -> None:
    """`make docs` was run after the last change: each page is what its module prints."""
    page: Callable[[], str] = PAGES[name]
    assert (REFERENCE / f"{name}.md").read_text(encoding="utf-8") == page()


def test_the_schema_of_the_audit_is_current() -> None:
    """docs/reference/audit.schema.json is what `sentinel schema audit` prints."""
    assert json.loads((REFERENCE / "audit.schema.json").read_bytes()) == json.loads(json.dumps(audit_schema()))


def _keys(definition: object) -> set[str]:
    return set(definition.get("properties", {})) if isinstance(definition, dict) else set()


def test_every_key_of_the_configuration_is_there() -> None:
    """Each property of each section has a row with a type, a default and a meaning."""
    schema, page = config_schema(), configuration.reference()
    for definition in [schema, *schema["$defs"].values()]:
        for key in _keys(definition):
            assert re.search(rf"^\| `{key}` \| [^|]+ \| [^|]+ \| .{{10,}} \|$", page, re.MULTILINE), key


def test_every_key_of_the_report_is_there() -> None:
    """Each property of the report and of what it holds has a row with a type and a meaning."""
    page = report.reference()
    for definition in report_schema()["$defs"].values():
        for key in _keys(definition):
            assert re.search(rf"^\| `{key}` \| [^|]+ \| \S.* \|$", page, re.MULTILINE), key


def test_every_command_is_there() -> None:
    """Each command has a section, and its options are listed in full."""
    page = cli.reference()
    assert all(f"\n## sentinel {name}\n" in page for name in COMMANDS)
    assert "| `--fail-on FAIL_ON` | none | Exit with status 3 " in page


def test_every_path_of_the_api_is_there() -> None:
    """Each operation of the OpenAPI document has a section, each refusal a row."""
    page, document = http.reference(), openapi()
    for path, methods in document["paths"].items():
        assert all(f"\n### {method.upper()} {path}\n" in page for method in methods)
    assert all(f"\n| {status} | " in page for status in document["components"]["responses"])
