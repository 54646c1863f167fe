"""Commands, configurations and events in the documents are ones that sentinel takes."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import yaml

from sentinel.audit.files.manifest import read_manifest
from sentinel.cli.commands import load
from sentinel.config import load_config
from sentinel.config.tokens import load_tokens
from sentinel.config.web_file import load_web_file
from sentinel.events import Column, EventSchema
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.messages import Messages, Role
from tests.documents.fences import ROOT, Block, blocks, named

CHURN = EventSchema("churn", "7", tuple(Column(name, "numeric") for name in ("tenure_days", "tenure", "support_calls")))
RECEIVED_US = 1_795_867_200_000_000
"""2026-11-28T12:00:00Z: after all of them."""
_COMMAND = re.compile(r"^(?:\$ )?(sentinel (?:[^\n\\]|\\\n)*)", re.MULTILINE)


def _id(block: Block) -> str:
    return named(block.document)


def _commands() -> Iterator[tuple[str, str]]:
    for block in blocks("", "sh"):
        for command in _COMMAND.findall(block.text):
            yield named(block.document), re.sub(r"\s*\\\n\s*", " ", command)


def _configurations() -> list[Block]:
    return [block for block in blocks("yaml") if "apiVersion:" in block.text]


def _web_files() -> list[Block]:
    keys = ("tls_server_config:", "http_server_config:", "basic_auth_users:")
    return [block for block in blocks("yaml") if block.text.startswith(keys)]


def _manifests() -> list[Block]:
    keys = ("split:", "serving_defaults:", "candidates:")
    return [block for block in blocks("yaml") if block.text.startswith(keys)]


def _events() -> list[str]:
    lines = [line for block in blocks("json") for line in block.text.splitlines() if line.startswith('{"kind"')]
    return [line for line in lines if '"version": "7"' in line or '"version"' not in line]


@pytest.mark.parametrize(("document", "command"), sorted(set(_commands())))
def test_commands_are_understood(document: str, command: str) -> None:
    """Every command line that begins with sentinel names a command and options that there are."""
    name, *words = shlex.split(command.partition(">")[0], comments=True)[1:]
    parser = argparse.ArgumentParser(allow_abbrev=False)
    load(name).add_arguments(parser)
    parser.parse_args(words)


@pytest.mark.parametrize("block", _configurations(), ids=_id)
def test_configurations_load(block: Block, tmp_path: Path) -> None:
    """Every complete configuration is one that the strict loader takes, with the files of secrets that it names."""
    for name in ("kafka-password", "client-secret", "registry-password", "registry-token"):
        (tmp_path / name).write_text("secret\n", encoding="utf-8")
    path = tmp_path / "sentinel.yaml"
    path.write_text(block.text, encoding="utf-8")
    assert load_config(path).models


def test_values_of_the_chart_are_an_example_that_is_rendered() -> None:
    """The values that are shown for the chart are those of its smallest example, which its own tests render."""
    (shown,) = (block.text for block in blocks("yaml") if block.text.startswith("config:"))
    example = (ROOT / "helm/sentinel/ci/minimal-values.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(shown) == yaml.safe_load(example)


@pytest.mark.parametrize("block", _web_files(), ids=_id)
def test_web_files_load(block: Block, tmp_path: Path) -> None:
    """Every web configuration file is one that the strict loader takes."""
    path = tmp_path / "web.yml"
    path.write_text(block.text, encoding="utf-8")
    assert load_web_file(path).basic_auth_users


def test_tokens_load(tmp_path: Path) -> None:
    """The file of tokens that is shown is one that is taken."""
    (shown,) = (block.text for block in blocks("text") if block.document.name == "secure-the-web.md")
    path = tmp_path / "tokens"
    path.write_text(shown, encoding="utf-8")
    assert list(load_tokens(path)) == ["prometheus", "deploy"]


@pytest.mark.parametrize("block", _manifests(), ids=_id)
def test_manifests_load(block: Block, tmp_path: Path) -> None:
    """Every manifest is one that the builder takes."""
    path = tmp_path / "manifest.yaml"
    path.write_text(block.text, encoding="utf-8")
    assert read_manifest(path)


def test_events_are_decoded() -> None:
    """Every event of model churn is read, and none becomes a dead letter."""
    lines = _events()
    assert {json.loads(line)["kind"] for line in lines} == {"prediction", "outcome", "backfill"}
    for line in lines:
        payload = msgspec.json.encode(json.loads(line))
        role: Role = "outcome" if '"outcome_at"' in line else "prediction"
        message = Messages("events", 0, role, range(1), [payload], [RECEIVED_US])
        assert JsonCodec([CHURN]).decode(message).dead_letters == [], line
