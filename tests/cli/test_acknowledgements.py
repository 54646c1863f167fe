"""``sentinel acknowledgements``: listed, exported, verified; and trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentinel import cli
from sentinel.cli import benchmark
from sentinel.clock import ManualClock
from sentinel.diagnosis.answers import decode_cases
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures import MEANINGS
from sentinel.pipeline.audit_log import FILE, AuditLog
from sentinel.simulation import training
from sentinel.simulation.training import Run

Capture = pytest.CaptureFixture[str]
EVIDENCE = {"signals": dict.fromkeys(MEANINGS, 0.5), "weighed": True}


def _answer(log: AuditLog, answer: str, *, note: str = "so it is", **fields: Any) -> None:
    told = {
        "model": "churn", "version": "1", "answer": answer, "note": note, "true_cause": None, "cause": "concept_drift",
        "confidence": 0.75, "probabilities": {"concept_drift": 0.75}, "scorecard": "s", "through": None,
        "baseline": "b", "evidence": EVIDENCE,
    }  # fmt: skip
    log.append("acknowledgement", "alice", {**told, **fields})


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    """An empty log."""
    return AuditLog(tmp_path, ManualClock(0))


def _run(command: str, state: Path, *more: str | Path) -> int:
    return cli.main(["acknowledgements", command, "--state", str(state), *map(str, more)])


def test_answers_are_listed(tmp_path: Path, log: AuditLog, capsys: Capture) -> None:
    """A line each, whatever the note holds; as JSON with everything."""
    log.append("configuration", "start", {"changed": []})
    assert _run("list", tmp_path) == 0
    assert capsys.readouterr().out == "nobody has answered yet\n"
    _answer(log, "expected_drift", note="new\nprices")
    assert _run("list", tmp_path) == 0
    assert capsys.readouterr().out == (
        "1970-01-01T00:00:00Z  churn 1  concept_drift 0.75  expected_drift  alice: new prices\n"
    )
    assert _run("list", tmp_path, "--format", "json") == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["sequence"], told["note"]) == (2, "new\nprices")


def test_the_last_answer_to_a_matter_is_exported(tmp_path: Path, log: AuditLog, capsys: Capture) -> None:
    """A correction replaces; what tells no cause, or has no evidence, is left out and counted."""
    _answer(log, "confirmed")
    _answer(log, "false_alarm")
    _answer(log, "confirmed", model="other")
    _answer(log, "fixed", model="third")
    _answer(log, "confirmed", model="fourth", evidence={"signals": {}, "weighed": False})
    output = tmp_path / "answers.jsonl"
    assert _run("export", tmp_path, "--output", output) == 0
    assert f"wrote {output}: 2 cases from 5 answers\n" in capsys.readouterr().out
    cases = decode_cases(output.read_bytes())
    assert [(case.model, case.cause) for case in cases] == [("churn", Cause.NONE), ("other", Cause.CONCEPT_DRIFT)]
    assert "so it is" not in output.read_text(encoding="utf-8")
    assert _run("export", tmp_path, "--output", tmp_path) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_an_altered_log_fails_the_check(tmp_path: Path, log: AuditLog, capsys: Capture) -> None:
    """Exit status 0 and the end of the chain while it is whole; 1 and the line when it is not."""
    _answer(log, "confirmed")
    _answer(log, "false_alarm")
    assert _run("verify", tmp_path) == 0
    assert capsys.readouterr().out.startswith("2 entries, 0 faults; the last is 2, sha256 ")
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes().replace(b'"confirmed"', b'"fixed"'))
    assert _run("verify", tmp_path) == 1
    assert "audit.jsonl, line 2: entry 2 does not carry the hash" in capsys.readouterr().out
    assert _run("list", tmp_path) == 0
    assert "one of them was altered" in capsys.readouterr().err


def test_an_entry_that_is_no_answer_is_passed_over(tmp_path: Path, log: AuditLog, capsys: Capture) -> None:
    """One that somebody chained anew after altering it stops neither the list nor the export."""
    _answer(log, "certainly")
    _answer(log, "confirmed", evidence={"signals": 1})
    _answer(log, "confirmed", model="other")
    assert _run("list", tmp_path) == 0
    assert [line.split("  ")[1] for line in capsys.readouterr().out.splitlines()] == ["churn 1", "other 1"]
    assert _run("export", tmp_path, "--output", tmp_path / "out.jsonl") == 0
    assert "1 cases from 3 answers" in capsys.readouterr().out


def test_a_directory_without_a_log_is_one_line(tmp_path: Path, capsys: Capture) -> None:
    """It says what to name."""
    assert _run("list", tmp_path / "none") == 1
    assert "there is no audit log; name the `state.directory`" in capsys.readouterr().err


def test_answers_are_trained_on(
    tmp_path: Path, log: AuditLog, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scorecard says how many it learnt from; without training they are refused, and a bad file before any work."""
    values = np.random.default_rng(7).normal(size=(40, len(MEANINGS)))
    causes = (Cause.CONCEPT_DRIFT, Cause.TARGET_LEAKAGE)
    looks = [Run(row, causes[i % 2], f"linear/{i}", "linear") for i, row in enumerate(values)]
    monkeypatch.setattr(benchmark, "_watched", lambda *_: [])
    monkeypatch.setattr(training, "runs_of", lambda _: looks)
    _answer(log, "confirmed")
    output, card = tmp_path / "answers.jsonl", tmp_path / "card.json"
    _run("export", tmp_path, "--output", output)
    common = ["benchmark", "--processes", "1", "--trials", "1", "--answers", str(output)]
    assert cli.main([*common, "--train", str(card)]) == 0
    assert "trained on 40 looks that passed the gate and 1 answers, digest" in capsys.readouterr().out
    trained = json.loads(card.read_bytes())["trained"]
    assert (trained["runs"], trained["answers"]) == (40, 1)
    assert cli.main(common) == 1
    assert "--answers belongs to --train" in capsys.readouterr().err
    output.write_text("{}\n", encoding="utf-8")
    assert cli.main([*common, "--train", str(card)]) == 1
    assert "line 1: no answer to a verdict" in capsys.readouterr().err
