"""``sentinel decode`` shows what messages become."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
import pytest

from sentinel.cli import main
from tests.events.adapted import FORMATS
from tests.events.test_formats import EXAMPLES


def config(folder: Path, **formats: object) -> str:
    """A configuration without baselines."""
    path = folder / "sentinel.yaml"
    kafka = {"bootstrap_servers": ["127.0.0.1:9"], "topics": {"predictions": "p", "outcomes": "o"}, "formats": formats}
    models = [{"name": "churn", "version": "7"}]
    path.write_bytes(msgspec.yaml.encode({"apiVersion": "sentinel/v1", "models": models, "source": {"kafka": kafka}}))
    return str(path)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_dump_is_shown(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every dump of a topic is shown as its events, a line each."""
    role, settings, expected = EXAMPLES[name]
    topic = f"{role}s"
    path = config(tmp_path, **{topic: settings})
    assert main(["decode", str(FORMATS / f"{name}.jsonl"), "--config", path, "--topic", topic]) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert shown == expected


def test_a_single_message_takes_headers_and_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message from standard input, with what only the command line can say of it."""
    fields = {
        "model": {"constant": "churn"},
        "prediction_id": "$key",
        "version": "$header.v",
        "score": "p",
        "predicted_at": "at",
    }
    path = config(tmp_path, predictions={"shape": "fields", "fields": fields})
    body = io.BytesIO(b'{"p": 0.5, "at": 1700000000}')
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(body))
    assert main(["decode", "-", "--config", path, "--header", "V=7", "--key", "a"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["prediction_id"], shown["version"], shown["score"]) == ("a", "7", 0.5)


def test_what_is_refused_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A message that has no event, an event that breaks a rule, and a half that waits: each in words, by its offset."""
    path = config(tmp_path, predictions={"shape": "open-inference", "inference": {"model": "churn"}})
    tensor = {"name": "x", "shape": [1], "datatype": "FP64"}
    request = {"inputs": [tensor | {"data": [1.0]}]}
    bodies = [
        {"id": "a"} | request,
        {"id": "b", "outputs": []},
        {"id": "c", "request": request, "response": {"outputs": [tensor | {"data": [7.0]}]}},
    ]
    dump = [
        {"topic": "p", "offset": 40 + i, "ts": 1_700_000_000_000, "payload": json.dumps(b)}
        for i, b in enumerate(bodies)
    ]
    file = tmp_path / "dump.jsonl"
    file.write_text("\n".join(map(json.dumps, dump)), encoding="utf-8")
    assert main(["decode", str(file), "--config", path]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "offset 41: refused, missing_field: outputs is empty",
        "offset 40: a request that waits for its other half",
        "offset 42: refused, score_out_of_range: score is above 1: no probability",
    ]


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, and exit status 1."""
    assert main(["decode", str(tmp_path / "none"), "--config", config(tmp_path)]) == 1
    assert "none': No such file or directory" in capsys.readouterr().err


def test_a_configuration_without_source_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a source nothing says what messages look like."""
    path = tmp_path / "plain.yaml"
    path.write_text('apiVersion: sentinel/v1\nmodels: [{name: churn, version: "7"}]\n', encoding="utf-8")
    assert main(["decode", str(path), "--config", str(path)]) == 1
    assert "source is missing" in capsys.readouterr().err
