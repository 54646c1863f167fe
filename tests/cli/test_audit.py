"""``sentinel audit``: what it prints and writes, its exit status, and every fault in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pandas as pd
import pytest

from sentinel import cli
from sentinel.app.gate import EXIT_ALERT
from sentinel.audit.report.document import read_report
from tests.audit.frames import rows

Capture = pytest.CaptureFixture[str]
Audit = Callable[..., int]
CONFIG = "apiVersion: sentinel/v1\nmodels:\n  - {name: churn, version: '7'}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration, training rows, honest validation rows, and some of which half were learnt."""
    train, honest = rows(600, 1), rows(400, 2, first_hour=600)
    train.to_parquet(tmp_path / "train.parquet", index=False)
    honest.to_parquet(tmp_path / "honest.parquet", index=False)
    learnt = train.head(200).assign(score=0.05 + 0.9 * train["outcome"])
    pd.concat([honest.head(200), learnt]).to_parquet(tmp_path / "copied.parquet", index=False)
    (tmp_path / "sentinel.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def audit(folder: Path) -> Audit:
    """The command on one check, which is all that these tests need."""
    del folder

    def run(validation: str, *more: str, check: str = "copies") -> int:
        files = ["--config", "sentinel.yaml", "--train", "train.parquet", "--validation", f"{validation}.parquet"]
        return cli.main(["audit", *files, "--check", check, *more])

    return run


@pytest.mark.parametrize(
    ("validation", "more", "status"),
    [
        ("copied", (), 0),
        ("copied", ("--fail-on", "critical"), EXIT_ALERT),
        ("copied", ("--fail-on", "warning"), EXIT_ALERT),
        ("copied", ("--fail-on", "info"), EXIT_ALERT),
        ("honest", ("--fail-on", "info"), 0),
    ],
)
def test_the_exit_status_is_that_of_the_gate(validation: str, more: tuple[str, ...], status: int, audit: Audit) -> None:
    """Status 3 where there is a finding as grave as --fail-on says; without it, or without a finding, 0."""
    assert audit(validation, "--quiet", *more) == status


def test_the_table_goes_to_the_output_and_progress_to_the_other(audit: Audit, capsys: Capture) -> None:
    """Standard output holds the audit alone, standard error the progress, and --quiet silences that."""
    assert audit("copied") == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("audit       churn 7 (binary)\n")
    assert "50.0% of validation rows are also" in shown.out
    assert "audit [" in shown.err
    assert audit("copied", "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_all_outputs_hold_the_same(audit: Audit, folder: Path, capsys: Capture) -> None:
    """The file of --json is what --format json prints, is of the schema, and the page is of the same audit."""
    assert audit("copied", "--quiet", "--format", "json", "--json", "a.json", "--html", "a.html") == 0
    printed = capsys.readouterr().out
    assert printed == (folder / "a.json").read_text(encoding="utf-8")
    assert json.loads(printed)["kind"] == "AuditReport"
    report = read_report(folder / "a.json")
    page = (folder / "a.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert report.findings[0].detail in page
    assert cli.main(["schema", "audit"]) == 0
    jsonschema.validate(json.loads(printed), json.loads(capsys.readouterr().out))


def test_files_are_written_where_the_gate_fails(audit: Audit, folder: Path) -> None:
    """A pipeline that stops has its page to look at."""
    assert audit("copied", "--quiet", "--fail-on", "critical", "--html", "a.html") == EXIT_ALERT
    assert (folder / "a.html").stat().st_size > 1_000


def test_values_are_on_the_page_when_asked_for(audit: Audit, folder: Path) -> None:
    """The id of a copied row is on the page with --show-values, and not without; the JSON never has it."""
    assert audit("copied", "--quiet", "--html", "a.html", "--json", "a.json") == 0
    assert "p0<" not in (folder / "a.html").read_text(encoding="utf-8")
    assert audit("copied", "--quiet", "--html", "b.html", "--json", "b.json", "--show-values") == 0
    assert "p0<" in (folder / "b.html").read_text(encoding="utf-8")
    assert '"p0"' not in (folder / "b.json").read_text(encoding="utf-8")


def test_some_checks_may_be_left_out(audit: Audit, folder: Path) -> None:
    """--check and --skip may be given again and again; the report holds the checks that were made."""
    more = ("--quiet", "--json", "a.json", "--check", "constant_columns", "--skip", "copies")
    assert audit("copied", *more) == 0
    assert [check.name for check in read_report(folder / "a.json").checks] == ["constant_columns"]


def test_without_training_rows_the_rest_is_checked(folder: Path, capsys: Capture) -> None:
    """--validation alone is enough; what needs training rows says so and is no error."""
    arguments = ["--config", "sentinel.yaml", "--validation", "copied.parquet", "--check", "copies", "--quiet"]
    assert cli.main(["audit", *arguments, "--fail-on", "info"]) == 0
    assert "there are no training rows; give --train" in capsys.readouterr().out


def test_splits_are_proposed_when_asked_for(audit: Audit, capsys: Capture) -> None:
    """--propose-split adds splits with their code."""
    assert audit("honest", "--quiet", "--propose-split") == 0
    assert "\nOther splits\n" in capsys.readouterr().out


FAILING = "def model(rows):\n    raise KeyError('what')\n"


def _failing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (folder / "failing.py").write_text(FAILING, encoding="utf-8")
    monkeypatch.delitem(sys.modules, "failing", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])  # the command looks for modules in the working directory
    return "--score-with=failing:model"


def test_a_check_that_fails_is_no_pass(
    audit: Audit, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 1 and a line on standard error, whether a gate is asked for or not; the others are told and written."""
    option = _failing(folder, monkeypatch)
    for gate in ((), ("--fail-on", "critical")):
        more = ("--quiet", "--html", "a.html", option, "--check", "explanations", *gate)
        assert audit("honest", *more) == cli.EXIT_FAILED
        shown = capsys.readouterr()
        assert "sentinel: the check explanations failed: --score-with: the model failed" in shown.err
        assert "No leak was found, but 1 check failed: that is no all-clear." in shown.out
        assert "\nFailed\n  - explanations: " in shown.out
        assert "\nClear\n  - copies: " in shown.out
    assert 'id="broken"' in (folder / "a.html").read_text(encoding="utf-8")


def test_rows_without_an_outcome_are_not_passed_over(audit: Audit, folder: Path, capsys: Capture) -> None:
    """Where the outcome has another name hardly anything can be found: standard error says so, and how to name it."""
    frame = pd.read_parquet(folder / "honest.parquet").rename(columns={"outcome": "churned"})
    frame.to_parquet(folder / "renamed.parquet", index=False)
    assert audit("renamed", "--quiet", "--format", "json") == 0
    shown = capsys.readouterr()
    assert shown.err.startswith("sentinel: There is no column 'outcome', ")
    assert "(outcome: NAME, " in json.loads(shown.out)["notes"][0]


def test_a_finding_comes_before_a_check_that_fails(audit: Audit, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both happen the status is that of the finding, if the gate names it."""
    option = _failing(folder, monkeypatch)
    more = ("--quiet", option, "--check", "explanations")
    assert audit("copied", *more, "--fail-on", "critical") == EXIT_ALERT
    assert audit("copied", *more) == cli.EXIT_FAILED


def test_a_fit_that_fails_does_not_take_the_proposals_along(
    audit: Audit, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The splits are proposed, and in place of the metric stands why there is none."""
    _failing(folder, monkeypatch)
    assert audit("honest", "--quiet", "--propose-split", "--fit-with=failing:model") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "metric not known: --fit-with: the fit failed on " in told


def test_splits_need_scikit_learn_before_the_work(
    audit: Audit, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the command says so at once, and not after an hour of checks."""
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert audit("honest", "--propose-split") == cli.EXIT_FAILED
    said = "sentinel: proposals of splits need scikit-learn: pip install 'sentinel-leakage[audit]'\n"
    assert capsys.readouterr().err == said


def _break(folder: Path) -> None:
    (folder / "broken.parquet").write_bytes(b"PAR1 and no more")
    (folder / "empty.parquet").write_bytes(b"")
    (folder / "bad.yaml").write_text("split: 3\n", encoding="utf-8")
    (folder / "several.yaml").write_text(CONFIG + "  - {name: churn, version: '8'}\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--validation", "broken.parquet"), "sentinel: broken.parquet: cannot be read: "),
        (("--validation", "empty.parquet"), "sentinel: empty.parquet: cannot be read: "),
        (("--validation", "none.parquet"), "sentinel: none.parquet: cannot be read: "),
        (("--train", "none.csv"), "sentinel: none.csv: cannot be read: "),
        (("--manifest", "none.yaml"), "sentinel: none.yaml: cannot read the manifest: "),
        (("--manifest", "bad.yaml"), "sentinel: bad.yaml:1: split must be a mapping"),
        (("--config", "none.yaml"), "sentinel: none.yaml: "),
        (
            ("--config", "several.yaml"),
            "sentinel: several models fit --model * --version *; the configuration has churn",
        ),
        (("--html", "no/a.html"), "sentinel: cannot write no/a.html: there is no such folder"),
        (("--json", "."), "sentinel: cannot write .: it is a folder"),
        (("--json", "a", "--html", "a"), "sentinel: --html and --json both name a: give each a file of its own"),
        (("--json", "train.parquet"), "sentinel: --train and --json both name train.parquet: "),
        (("--show-values",), "sentinel: --show-values shows them on the page alone: name one with --html"),
        (("--unpickle-pipeline",), "sentinel: --unpickle-pipeline is about the file of --pipeline: name one"),
        (("--pipeline", "none.skops"), "sentinel: none.skops: cannot read the pipeline: "),
        (("--master", "local[2]"), "sentinel: --master and --conf are for --engine spark"),
        (("--check", "copys"), "sentinel: there is no check 'copys', did you mean 'copies'?; there are: "),
        (("--skip", "copies"), "sentinel: no check is left"),
        (("--score-with", "none:predict"), "sentinel: cannot import 'none': "),
        (("--fit-with", "fit"), "sentinel: 'fit' names no callable: write it like scoring:predict"),
    ],
)
def test_faults_are_one_line(
    arguments: tuple[str, ...], said: str, audit: Audit, folder: Path, capsys: Capture
) -> None:
    """Whatever is wrong is told in one line before any work, with status 1; nothing is printed or written."""
    _break(folder)
    before = sorted(folder.iterdir())
    assert audit("copied", "--quiet", *arguments) == cli.EXIT_FAILED
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(said)
    assert shown.err.count("\n") == 1
    assert sorted(path for path in folder.iterdir() if path.name != "__pycache__") == before


def test_a_wrong_argument_is_a_usage_error(audit: Audit, capsys: Capture) -> None:
    """A severity that there is not is refused by the parser, with status 2."""
    assert audit("copied", "--fail-on", "fatal") == 2
    assert "invalid choice: 'fatal'" in capsys.readouterr().err
