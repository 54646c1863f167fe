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
from tests.documents.fences import DOCUMENTS, ROOT, Block, blocks, named
from tests.documents.fences import load as load_program
from tests.support.prometheus import check_with

CHURN = EventSchema("churn", "7", tuple(Column(name, "numeric") for name in ("tenure_days", "tenure", "support_calls")))
RECEIVED_US = 1_795_867_200_000_000
"""2026-11-28T12:00:00Z: after all of them."""
_COMMAND = re.compile(r"(?:^(?:\$ )?(?:sudo )?|/bin/|^kubectl .* -- )(sentinel (?:[^\n\\]|\\\n)*)", re.MULTILINE)
_PROGRAM = re.compile(r"(deploy/\w+/\w+\.py) ((?:[^\n\\]|\\\n)*)")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_MENTIONED = re.compile(r"`(?:\S*/)?(sentinel (?!COMMAND)[^`]+)`")
_OURS = "apiVersion: sentinel/"


def _id(block: Block) -> str:
    return named(block.document)


def _commands() -> Iterator[tuple[str, str]]:
    for block in blocks("", "sh"):
        for command in _COMMAND.findall(block.text):
            yield named(block.document), re.sub(r"\s*\\\n\s*", " ", command)
    for block in blocks("yaml"):  # in a step of a workflow, or a hook
        for text in _texts(yaml.safe_load(block.text)):
            if text.startswith("sentinel "):
                yield named(block.document), text


def _programs() -> Iterator[tuple[str, str, str]]:
    for block in blocks("", "sh"):
        for program, arguments in _PROGRAM.findall(block.text):
            yield named(block.document), program, re.sub(r"\s*\\\n\s*", " ", arguments)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _mentioned() -> Iterator[tuple[str, str]]:
    """Each command that is named within a sentence, once for each of its alternatives."""
    for document in DOCUMENTS:
        if document.name == "CHANGELOG.md":  # it may name what is no more
            continue
        prose = _FENCED.sub("", document.read_text(encoding="utf-8"))
        for text in _MENTIONED.findall(prose):
            *words, last = re.sub(r"\s*\|\s*", "|", text).split()
            for alternative in last.split("|"):
                yield named(document), " ".join([*words, alternative])


def _configurations() -> list[Block]:
    return [block for block in blocks("yaml") if block.text.startswith(_OURS)]


def _parts() -> list[Block]:
    """What shows a section of a configuration alone."""
    return [block for block in blocks("yaml") if block.text.startswith(("models:", "state:", "grafana:"))]


def _scrapes() -> list[Block]:
    return [block for block in blocks("yaml") if block.text.startswith("scrape_configs:")]


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


@pytest.mark.parametrize(("document", "program", "arguments"), sorted(set(_programs())))
def test_arguments_of_programs_in_deploy_are_understood(document: str, program: str, arguments: str) -> None:
    """A program of deploy/ is called with arguments that it has; that for Spark has those of `sentinel spark`."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    if program == "deploy/spark/sentinel_spark.py":
        load("spark").add_arguments(parser)
    else:
        parser = load_program(ROOT / program)._parser()
    parser.parse_args(shlex.split(arguments))


@pytest.mark.parametrize(("document", "command"), sorted(set(_mentioned())))
def test_commands_that_are_mentioned_exist(document: str, command: str) -> None:
    """A command in a sentence is one that there is, at whatever depth, and has the options that stand with it."""
    name, *words = shlex.split(command)[1:]
    parser = argparse.ArgumentParser(allow_abbrev=False)
    load(name).add_arguments(parser)
    while words and (below := _below(parser)) and words[0] in below:
        parser = below[words.pop(0)]
    if words and _below(parser):
        assert words[0].startswith("-") or words[0].isupper(), f"no command {words[0]} in: {command}"
    known = {option for action in parser._actions for option in action.option_strings}
    assert {word for word in words if word.startswith("-")} <= known


def _below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


@pytest.mark.parametrize("block", _configurations(), ids=_id)
def test_configurations_load(block: Block, tmp_path: Path) -> None:
    """Every complete configuration is one that the strict loader takes, with the files of secrets that it names."""
    for name in ("kafka-password", "client-secret", "registry-password", "registry-token"):
        (tmp_path / name).write_text("secret\n", encoding="utf-8")
    path = tmp_path / "sentinel.yaml"
    path.write_text(block.text, encoding="utf-8")
    assert load_config(path).models


@pytest.mark.parametrize("block", _parts(), ids=_id)
def test_parts_of_configurations_load(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A section that is shown alone is taken within the smallest configuration."""
    for name in ("hash-key", "grafana-token"):
        (tmp_path / name).write_text("a3f1" * 16, encoding="utf-8")
    monkeypatch.setenv("GRAFANA_TOKEN", "secret")
    whole = {
        **yaml.safe_load((ROOT / "configs/minimal.yaml").read_text(encoding="utf-8")),
        **yaml.safe_load(block.text),
    }
    path = tmp_path / "sentinel.yaml"
    path.write_text(yaml.safe_dump(whole), encoding="utf-8")
    assert load_config(path).models


@pytest.mark.servers
@pytest.mark.parametrize("block", _scrapes(), ids=_id)
def test_scrape_configurations_are_taken(block: Block, prometheus_programs: None, tmp_path: Path) -> None:
    """Promtool finds no fault in what is shown for Prometheus, with the alert rules and files that it names."""
    for name in ("ca.crt", "password"):
        (tmp_path / name).touch()
    (tmp_path / "alerts.yaml").symlink_to(ROOT / "deploy/prometheus/alerts.yaml")
    path = tmp_path / "prometheus.yml"
    path.write_text(block.text, encoding="utf-8")
    assert "SUCCESS" in check_with("promtool", "check", "config", str(path))


def test_every_snippet_is_held_against_something() -> None:
    """No YAML in the documents is of a kind that nobody reads: ours are loaded here, those of others at least parse."""
    ours = [*_configurations(), *_parts(), *_scrapes(), *_web_files(), *_manifests()]
    others = [block for block in blocks("yaml") if block not in ours and not block.text.startswith("config:")]
    foreign = ("steps:", "repos:", "apiVersion: serving.kserve.io/", "spec:\n  predictor:", "svcOrchSpec:", "# Vector")
    assert [(named(block.document), block.text) for block in others if not block.text.startswith(foreign)] == []
    assert all(yaml.safe_load(block.text) for block in others)


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
