"""A report in words fits a terminal, and its schema is the one that is checked in."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from sentinel import cli
from sentinel.diagnosis.report import BaselineReference, Cause, Report, SecondCause, from_json, report_schema, to_json
from sentinel.diagnosis.words import WIDTH, explain
from sentinel.simulation import SCENARIOS
from tests.diagnosis.streams import watch

CHECKED_IN = Path(__file__).parents[2] / "docs" / "reference" / "report.schema.json"


def report(scenario: str) -> Report:
    """The report at the end of a simulated stream."""
    seen = watch(scenario)
    return Report(
        model="churn",
        version="7",
        through="2026-11-26T12:00:00Z",
        generated_by="a test",
        baseline=BaselineReference(
            digest="0" * 64, created_at="2026-11-01T00:00:00Z", n_rows=4_000, split_protocol=None
        ),
        counts={"predictions": seen.n_outcomes, "joined": seen.n_outcomes},
        verdict=seen.verdict,
        findings=seen.evaluation.findings,
        features=seen.evaluation.features,
        launch=seen.evaluation.launch,
        alerts=seen.alerts,
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_report_fits_a_terminal(name: str) -> None:
    """No line is wider than a hundred columns, and the verdict stands near the top."""
    lines = explain(report(name)).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert any(line.startswith(f"Verdict: {watch(name).verdict.cause.value} (") for line in lines[:5])


def test_leak_is_explained_with_its_numbers() -> None:
    """The words hold the feature, both AUCs, the alert, and what would settle it."""
    text = explain(report("target_leakage"))
    headline = watch("target_leakage").evaluation.headline("auc")
    assert headline is not None
    for part in (
        "feature 'cancellation_calls'",
        f"{headline.offline.value:.3f}",
        f"{headline.online.value:.3f}",
        "SentinelLeakageSuspected (critical)",
        "What would settle it",
    ):
        assert part in text


def test_a_slice_that_was_found_says_so() -> None:
    """A discovered slice stands among those with a gap, marked, so that nobody searches the configuration for it."""
    base = report("clean")
    (gap,) = [f for f in base.findings if (f.metric, f.slice) == ("log_loss", "all")]
    found = msgspec.structs.replace(gap, slice="tenure_days=[0,30)", alarm=True, discovered=True)
    words = explain(msgspec.structs.replace(base, findings=(*base.findings, found)))
    assert "tenure_days=[0,30) (found, not configured), log_loss:" in " ".join(words.split())


def test_a_second_cause_is_told() -> None:
    """What the first cause leaves is named below it, with its meaning."""
    base = report("clean")
    second = SecondCause(cause=Cause.LABEL_SHIFT, probability=0.4)
    words = explain(msgspec.structs.replace(base, verdict=msgspec.structs.replace(base.verdict, second=second)))
    told = "Beside it: label_shift (40%): outcomes became more or less frequent; the ranking is as good as it was"
    assert told in " ".join(words.split())
    assert "Beside it" not in explain(
        msgspec.structs.replace(base, verdict=msgspec.structs.replace(base.verdict, second=None))
    )


def test_control_characters_are_not_printed() -> None:
    """A name from the data cannot steer the reader's terminal."""
    plain = report("clean")
    evil = msgspec.structs.replace(plain.features[0], name="x\x1b[2J\u202e")
    text = explain(msgspec.structs.replace(plain, features=(evil,)))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_explain_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the words of the report in the file."""
    path = tmp_path / "report.json"
    path.write_bytes(to_json(report("clean")))
    assert cli.main(["explain", "--report", str(path)]) == 0
    assert capsys.readouterr().out == explain(report("clean"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{}", "is no sentinel report"),
        (b"\xff\x00", "is no sentinel report"),
        (b"[" * 100_000, "is no sentinel report"),
    ],
)
def test_bad_report_is_one_line(content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no report is said in one line, with status 1."""
    path = tmp_path / "report.json"
    path.write_bytes(content)
    assert cli.main(["explain", "--report", str(path)]) == 1
    error = capsys.readouterr().err
    assert "is no sentinel report" in error
    assert error.count("\n") == 1


def test_missing_report_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is said in one line."""
    assert cli.main(["explain", "--report", str(tmp_path / "no.json")]) == 1
    assert capsys.readouterr().err == f"sentinel: cannot read {tmp_path / 'no.json'}: No such file or directory\n"


def test_schema_is_checked_in() -> None:
    """docs/reference/report.schema.json is what `sentinel schema report` prints."""
    printed = json.dumps(report_schema(), indent=2, ensure_ascii=False) + "\n"
    assert CHECKED_IN.read_text(encoding="utf-8") == printed, "run: sentinel schema report > docs/reference/…"


@pytest.mark.parametrize("name", SCENARIOS)
def test_reports_obey_the_schema(name: str) -> None:
    """Every report validates against the schema and is read back as it was."""
    data = to_json(report(name))
    jsonschema.validate(json.loads(data), json.loads(json.dumps(report_schema())))
    assert from_json(data) == report(name)
