"""The audit in a notebook and in a test: from frames or files, shown, saved, read back, and as a gate."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import msgspec
import pandas as pd
import pyarrow as pa
import pytest

import sentinel
from sentinel import cli
from sentinel.api import AuditResult
from sentinel.errors import FatalError
from tests.audit import reports
from tests.audit.frames import rows

TRAIN = rows(600, 1)
HONEST = rows(400, 2, first_hour=600)
LEARNT = TRAIN.head(200).assign(score=0.05 + 0.9 * TRAIN["outcome"])
COPIED = pd.concat([HONEST.head(200), LEARNT], ignore_index=True)
"""Of which half are training rows whose outcome the model has learnt by heart."""
pytestmark = pytest.mark.filterwarnings("ignore:.*has no time zone:sentinel.DataWarning")


@pytest.fixture(scope="module")
def copied() -> AuditResult:
    """Rows of which half are copies."""
    return sentinel.check_leakage(TRAIN, COPIED, checks=["copies"])


def test_copies_are_found(copied: AuditResult) -> None:
    """The finding names the share of copies, the text is that of the command line, and the repr what it comes to."""
    (finding,) = copied.findings
    assert (finding.check, finding.severity, finding.n_rows) == ("copies", "critical", 200)
    assert "50.0% of validation rows" in copied.text()
    assert repr(copied) == "AuditResult('model', '1', critical, 1 findings)"
    assert (
        repr(sentinel.check_leakage(TRAIN, HONEST, checks=["copies"])) == "AuditResult('model', '1', clean, 0 findings)"
    )


def test_a_test_fails_with_the_table(copied: AuditResult) -> None:
    """``require_clean`` raises an error whose message is the table, and which holds the findings, also when pickled."""
    with pytest.raises(sentinel.LeakageFoundError) as caught:
        copied.require_clean()
    lines = str(caught.value).splitlines()
    assert lines[0] == "model 1: The offline estimate cannot be trusted."
    assert lines[1].startswith("severity  cause")
    assert lines[2].startswith("critical  duplicate leakage  ")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.findings) == (str(caught.value), copied.findings)
    assert isinstance(again, sentinel.SentinelError)


def test_a_clean_audit_passes() -> None:
    """Without a finding of that severity the result itself comes back, and the status is 0."""
    result = sentinel.check_leakage(TRAIN, HONEST, checks=["copies"])
    assert result.require_clean("info") is result
    assert result.exit_status("info") == 0
    noted = AuditResult(reports.report(reports.finding("info")))
    assert noted.require_clean() is noted
    assert (noted.exit_status("warning"), noted.exit_status("info")) == (0, 3)
    with pytest.raises(FatalError, match="fail_on is 'error': give 'critical', 'warning' or 'info'"):
        noted.require_clean("error")  # type: ignore[arg-type]


def test_a_check_that_fails_is_no_pass() -> None:
    """It is warned of and named, the others are made, and neither a test nor a gate lets it through."""

    def broken(frame: pd.DataFrame) -> None:
        raise KeyError(frame.columns[0])

    with pytest.warns(sentinel.DataWarning, match="the check explanations failed: --score-with: the model failed"):
        result = sentinel.check_leakage(TRAIN, HONEST, checks=["copies", "explanations"], score_with=broken)
    assert [check.name for check in result.failed] == ["explanations"]
    assert list(result.checks_frame()["state"]) == ["clear", "not_checked"]
    assert repr(result) == "AuditResult('model', '1', 1 checks failed, 0 findings)"
    with pytest.raises(FatalError, match="the check explanations failed: "):
        result.require_clean()
    assert result.exit_status("critical") == 1


def test_rows_without_an_outcome_are_not_passed_over() -> None:
    """A warning says that there is no such column, and how to name the one that there is."""
    renamed = HONEST.rename(columns={"outcome": "churned"})
    with pytest.warns(sentinel.DataWarning, match="There is no column 'outcome', "):
        result = sentinel.check_leakage(TRAIN, renamed, checks=["copies"])
    assert "There is no column" in result._repr_html_()


def test_frames_tables_and_files_are_alike(copied: AuditResult, tmp_path: Path) -> None:
    """The same rows give the same report, whatever holds them; so does the command line."""
    TRAIN.to_parquet(tmp_path / "train.parquet", index=False)
    COPIED.to_parquet(tmp_path / "validation.parquet", index=False)
    files = tmp_path / "train.parquet", str(tmp_path / "validation.parquet")
    tables = pa.Table.from_pandas(TRAIN), pa.Table.from_pandas(COPIED)
    for train, validation in (files, tables):
        again = sentinel.check_leakage(train, validation, checks=["copies"])
        assert again.findings == copied.findings
    (tmp_path / "s.yaml").write_text(
        "apiVersion: sentinel/v1\nmodels: [{name: model, version: '1'}]\n", encoding="utf-8"
    )
    names = ["--train", str(files[0]), "--validation", files[1], "--config", str(tmp_path / "s.yaml")]
    outputs = ["--json", str(tmp_path / "a.json"), "--quiet", "--check", "copies"]
    assert cli.main(["audit", *names, *outputs]) == 0
    assert sentinel.read_audit(tmp_path / "a.json").findings == copied.findings
    by_file = sentinel.check_leakage(*files, config=tmp_path / "s.yaml", checks=["copies"])
    assert by_file.findings == copied.findings


def test_columns_of_other_names_are_named(copied: AuditResult) -> None:
    """Score, outcome and entity are named in few words, other parts with ``columns``; the findings are the same."""
    names = {"score": "p", "outcome": "churned", "predicted_at": "day"}
    train, validation = TRAIN.rename(columns=names), COPIED.rename(columns=names)
    again = sentinel.check_leakage(
        train, validation, score="p", outcome="churned", columns={"predicted_at": "day"}, checks=["copies"]
    )
    assert again.findings == copied.findings


def test_without_training_rows(copied: AuditResult) -> None:
    """``None`` for the training rows is an audit of the rest, which says what it could not check."""
    alone = sentinel.check_leakage(None, COPIED, checks=["copies"])
    assert alone.report.train is None
    assert alone.checks_frame()[["state", "needs"]].to_numpy().tolist() == [["not_checked", "--train"]]
    assert copied.checks_frame()[["state", "n_findings"]].to_numpy().tolist() == [["found", 1]]


def test_frames_hold_every_finding() -> None:
    """Findings and their rows are frames with numbers as numbers; without any, the columns are still there."""
    result = AuditResult(reports.whole())
    frame = result.findings_frame()
    assert frame["severity"].tolist() == ["critical", "critical", "warning", "info"]
    assert frame["gain"].dtype == "float64"
    assert frame["gain"].isna().tolist() == [False, False, True, False]
    pairs = result.rows_frame()
    assert len(pairs) == 12 + 1 + 3
    assert pairs.query("finding == 1")["train"].isna().all()
    empty = AuditResult(reports.clean())
    assert (len(empty.findings_frame()), len(empty.rows_frame())) == (0, 0)
    assert list(empty.rows_frame().columns) == list(pairs.columns)


def test_it_is_saved_and_read_back(copied: AuditResult, tmp_path: Path) -> None:
    """The file is JSON of the report, the same as ``to_dict``, and an audit that is read is the one that was saved."""
    copied.save(tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_bytes()) == json.loads(msgspec.json.encode(copied.to_dict()))
    again = sentinel.read_audit(tmp_path / "a.json")
    assert again.report == copied.report
    assert again.text() == copied.text()


def test_the_page_shows_values_when_asked(copied: AuditResult, tmp_path: Path) -> None:
    """The page has no value unless it is asked to; an audit that was read from a file has none to show."""
    copied.to_html(tmp_path / "a.html")
    copied.to_html(tmp_path / "b.html", show_values=True)
    assert "p0<" not in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "p0<" in (tmp_path / "b.html").read_text(encoding="utf-8")
    copied.save(tmp_path / "a.json")
    read = sentinel.read_audit(tmp_path / "a.json")
    read.to_html(tmp_path / "c.html")
    assert (tmp_path / "c.html").read_text(encoding="utf-8") == (tmp_path / "a.html").read_text(encoding="utf-8")
    with pytest.raises(FatalError, match="this audit was read from a file, which holds no values"):
        read.to_html(tmp_path / "d.html", show_values=True)
    with pytest.raises(FatalError, match=r"cannot write \S+no/a\.html: No such file or directory"):
        copied.to_html(tmp_path / "no" / "a.html")


def test_a_notebook_shows_the_worst() -> None:
    """The last line of a cell is a short table, escaped, without a script, and with no more than ten findings."""
    shown = AuditResult(reports.whole())._repr_html_()
    assert "The offline estimate cannot be trusted." in shown
    assert shown.count("<tr>") == 5
    many = AuditResult(reports.report(*(reports.finding(title=f"n{at}") for at in range(12))))._repr_html_()
    assert many.count("<tr>") == 11
    assert "and 2 more" in many
    hostile = AuditResult(reports.hostile())._repr_html_()
    assert "<img" not in hostile
    assert "<script" not in hostile
    assert "no training rows" in AuditResult(reports.bare())._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"score": "p"}, "the validation rows have no column 'p' for score; mend: name the right one with columns="),
        ({"outcome": "plan"}, "the column 'plan' of the validation rows, the outcome, holds"),
        ({"config": "s.yaml", "score": "score"}, "columns and config are both given: the configuration file holds all"),
        ({"checks": ["copys"]}, "there is no check 'copys', did you mean 'copies'?"),
        ({"manifest": {"split": 3}}, "manifest:1: split must be a mapping"),
        ({"nonsense": 3}, "unknown key 'nonsense'"),
    ],
)
def test_mistakes_are_told_with_the_mend(arguments: dict[str, object], said: str) -> None:
    """A wrong argument is an error that names it."""
    with pytest.raises(sentinel.SentinelError) as caught:
        sentinel.check_leakage(TRAIN, COPIED, **{"checks": ["copies"], **arguments})  # type: ignore[arg-type]
    assert said in str(caught.value)


def test_what_is_assumed_is_warned_of() -> None:
    """Times without a zone are taken as UTC, and the warning points at the caller."""
    with pytest.warns(sentinel.DataWarning, match="'predicted_at' of the validation rows has no time zone") as caught:
        sentinel.check_leakage(TRAIN, COPIED, checks=["copies"])
    assert caught[0].filename == __file__


def test_progress_is_told() -> None:
    """The callable is told shares from 0 to 1, the last of which is 1."""
    told: list[float] = []
    sentinel.check_leakage(TRAIN, COPIED, checks=["copies"], progress=told.append)
    assert all(0 <= share <= 1 for share in told)
    assert told[-1] == 1.0
