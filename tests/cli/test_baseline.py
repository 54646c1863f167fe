"""``sentinel baseline``: from files to an artifact, and the artifact in words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sentinel import cli
from sentinel.baseline.artifact import Baseline
from sentinel.config.alerts import Alerts
from sentinel.evaluation.gap import compare
from sentinel.simulation import simulate
from sentinel.simulation.files import Files, write_files
from sentinel.stats.estimate import Estimate, NotEnough

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files of a simulated world with a leak."""
    simulated = simulate("target_leakage", seed=4, n_train=1_000, n_validation=1_000, n_stream=100)
    return write_files(simulated, tmp_path_factory.mktemp("world"))


def _build(files: Files, output: Path, *more: str) -> int:
    arguments = ["--config", files.config, "--validation", files.validation, "--output", output]
    return cli.main(["baseline", "build", *map(str, arguments), *more])


def test_build_writes_the_artifact_and_says_what_it_promises(files: Files, tmp_path: Path, capsys: Capture) -> None:
    """The file is there and loads; standard output has its place and the headline, standard error the progress."""
    output = tmp_path / "b.baseline"
    assert _build(files, output, "--train", str(files.train), "--manifest", str(files.manifest)) == 0
    baseline = Baseline.load(output)
    printed = capsys.readouterr()
    assert printed.out.startswith(f"wrote {output} (")
    assert baseline.digest[:12] in printed.out
    (auc,) = [e.value for e in baseline.meta.estimates if (e.metric, e.slice) == ("auc", "all")]
    assert f"{auc:.4f}" in printed.out
    assert "counting" in printed.err
    assert baseline.meta.n_train_rows == 1_000
    assert baseline.meta.manifest["candidates"] == 1


def test_training_rows_are_audited_unless_asked_not_to(files: Files, tmp_path: Path, capsys: Capture) -> None:
    """What the audit says is printed with the headline, and left out of the file and the text by --no-audit."""
    given = ("--train", str(files.train), "--manifest", str(files.manifest))
    assert _build(files, tmp_path / "a", *given) == 0
    assert "audit       " in capsys.readouterr().out
    assert _build(files, tmp_path / "b", *given, "--no-audit") == 0
    assert "audit       " not in capsys.readouterr().out
    found = [Baseline.load(tmp_path / name).meta.audit for name in "ab"]
    assert [one is None for one in found] == [False, True]


def test_quiet_says_nothing_on_standard_error(files: Files, tmp_path: Path, capsys: Capture) -> None:
    """A job log stays clean."""
    assert _build(files, tmp_path / "b", "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_show_in_words(files: Files, tmp_path: Path, capsys: Capture) -> None:
    """The text names model, rows, split, headline, slices worst first and features strongest first."""
    output = tmp_path / "b"
    assert _build(files, output, "--manifest", str(files.manifest)) == 0
    capsys.readouterr()
    assert cli.main(["baseline", "show", str(output)]) == 0
    text = capsys.readouterr().out
    for part in (
        "1,000 rows",
        "split       by ",
        "awaited",
        "auc ",
        "slice (worst AUC first)",
        "feature (strongest first)",
    ):
        assert part in text
    assert re.search(r"awaited \d+d(\d+h)?$", text, re.MULTILINE)
    baseline = Baseline.load(output)
    by_slice = {e.slice: e.value for e in baseline.meta.estimates if e.metric == "auc" and e.value and e.slice != "all"}
    worst_first = sorted(by_slice, key=lambda name: by_slice[name] or 0.0)
    places = [text.index(f"\n{name} ") for name in worst_first]
    assert places == sorted(places)


def test_show_as_json(files: Files, tmp_path: Path, capsys: Capture) -> None:
    """Other programs read the same facts, without counts and without infinities."""
    output = tmp_path / "b"
    assert _build(files, output) == 0
    capsys.readouterr()
    assert cli.main(["baseline", "show", str(output), "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    baseline = Baseline.load(output)
    assert shown["digest"] == baseline.digest
    assert shown["n_rows"] == 1_000
    assert [row["name"] for row in shown["features"]] != []
    assert shown["estimates"][0]["metric"] == "auc"
    assert shown["estimates"][0]["minimum_detectable_gap"] > 0


def _smallest(output: Path, capsys: Capture, *more: str) -> dict[str, float | None]:
    capsys.readouterr()
    assert cli.main(["baseline", "show", str(output), "--format", "json", *more]) == 0
    estimates = json.loads(capsys.readouterr().out)["estimates"]
    return {row["metric"]: row["minimum_detectable_gap"] for row in estimates if row["slice"] == "all"}


def test_the_smallest_gap_is_that_of_the_report(files: Files, tmp_path: Path, capsys: Capture) -> None:
    """Each metric over all traffic has the same smallest gap in the baseline and in a report, by the same alerts."""
    output = tmp_path / "b"
    assert _build(files, output) == 0
    baseline = Baseline.load(output)
    found = {
        e.metric: compare(e.metric, Estimate(e.value, e.variance, e.n), NotEnough("none yet", 0, 1), Alerts())
        for e in baseline.meta.estimates
        if e.slice == "all" and e.value is not None and e.variance is not None
    }
    shown = _smallest(output, capsys)
    assert {name: shown[name] for name in found} == {n: finding.minimum_detectable_gap for n, finding in found.items()}
    assert {"auc", "log_loss"} <= {name for name, gap in shown.items() if gap is not None}
    assert shown["calibration_error"] is None  # its gap is no evidence


def test_the_smallest_gap_follows_the_configured_alerts(files: Files, tmp_path: Path, capsys: Capture) -> None:
    """Where a smaller gap is no finding, a smaller gap cannot be proven: the tolerance is part of it."""
    output, config = tmp_path / "b", tmp_path / "c.yaml"
    assert _build(files, output) == 0
    config.write_text(files.config.read_text() + "    alerts: {tolerance: 0.12}\n")
    by_default, configured = _smallest(output, capsys), _smallest(output, capsys, "--config", str(config))
    assert by_default["auc"] is not None
    assert configured["auc"] == pytest.approx(by_default["auc"] + 0.1)  # the default tolerance is .02
    assert cli.main(["baseline", "show", str(output), "--config", str(config)]) == 0
    assert "alpha 0.01, tau 0.05, tolerance 0.12)" in capsys.readouterr().out


def test_a_model_has_to_be_chosen_among_several(files: Files, tmp_path: Path, capsys: Capture) -> None:
    """With two versions the command asks which, and takes --version."""
    config = tmp_path / "two.yaml"
    config.write_text(
        'apiVersion: sentinel/v1\nmodels:\n  - {name: churn, version: "1"}\n  - {name: churn, version: "2"}\n'
    )
    arguments = ["baseline", "build", "--config", str(config), "--validation", str(files.validation), "--quiet"]
    arguments += ["--output", str(tmp_path / "b")]
    assert cli.main(arguments) == 1
    assert "several models fit" in capsys.readouterr().err
    assert cli.main([*arguments, "--version", "2"]) == 0
    assert Baseline.load(tmp_path / "b").meta.version == "2"


def test_the_model_scores_the_rows_again(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A callable of the working directory is imported, called, and its estimate is in the artifact."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "scoring_again.py").write_text(
        "class Model:\n    @staticmethod\n    def predict(rows):\n        return rows['score']\n"
    )
    leak = Baseline.load(_built(files, tmp_path / "first")).layout.features[0].name
    (tmp_path / "m.yaml").write_text(f"serving_defaults: {{{leak}: null}}")
    assert _build(files, tmp_path / "b", "--manifest", "m.yaml", "--score-with", "scoring_again:Model.predict") == 0
    baseline = Baseline.load(tmp_path / "b")
    (found,) = baseline.meta.repairs
    (auc,) = [e.value for e in baseline.meta.estimates if (e.metric, e.slice) == ("auc", "all")]
    assert (found.name, found.value) == (f"feature:{leak}", auc)


def _built(files: Files, output: Path) -> Path:
    assert _build(files, output, "--quiet") == 0
    return output


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("scoring", "'scoring' names no callable: write it like scoring:predict"),
        ("no_such_module:predict", "cannot import 'no_such_module': ModuleNotFoundError"),
        ("math:pi", "the module 'math' holds no callable 'pi'"),
    ],
)
def test_a_model_that_is_not_there(files: Files, tmp_path: Path, capsys: Capture, name: str, fault: str) -> None:
    """One line says what cannot be called."""
    assert _build(files, tmp_path / "b", "--quiet", "--score-with", name) == 1
    assert fault in capsys.readouterr().err


@pytest.mark.parametrize("command", ["build", "show"])
def test_faults_are_one_line_and_status_1(files: Files, tmp_path: Path, capsys: Capture, command: str) -> None:
    """A file that is not there ends in one line that names it."""
    gone = str(tmp_path / "gone.parquet")
    build = ["build", "--config", str(files.config), "--validation", gone, "--output", str(tmp_path / "b")]
    assert cli.main(["baseline", *(build if command == "build" else ["show", gone])]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("sentinel: ")
    assert output.err.count("\n") == 1
    assert gone in output.err
