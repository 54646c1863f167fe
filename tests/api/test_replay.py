"""Frames say what files say: the same rows give the same baseline and the same report, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

import sentinel
from sentinel import cli
from sentinel.api import Baseline, Result
from sentinel.clock import SystemClock
from sentinel.diagnosis.report import to_json
from sentinel.errors import FatalError
from sentinel.events.schema import Task
from tests.api.conftest import Month
from tests.baseline.frames import scored_rows

LATER = pd.Timedelta(days=20)


def later_rows(n: int = 600, seed: int = 2) -> pd.DataFrame:
    """Rows like those of validation, twenty days later, with ids of their own."""
    rows = scored_rows(n, seed)
    rows["prediction_id"] = "live-" + rows["prediction_id"]
    rows["predicted_at"] += LATER
    rows["outcome_at"] += LATER
    return rows


@pytest.fixture(scope="module")
def small() -> Baseline:
    """A baseline of six hundred rows."""
    return sentinel.build_baseline(scored_rows(600), slices=["region"])


def test_the_planted_leak_is_named(result: Result) -> None:
    """From three frames to the verdict: target leakage, and the planted feature first among the culprits."""
    assert result.verdict.cause == "target_leakage"
    assert result.verdict.culprits[0].name == "cancellation_calls"
    assert "Verdict: target_leakage" in result.explain()
    assert repr(result).startswith("Result('churn', '1', target_leakage ")


def test_a_frame_and_its_file_give_the_same_report(
    month: Month, baseline: Baseline, result: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report of the command line on the files is that of the frames, byte for byte."""
    baseline.save(tmp_path / "churn.baseline")
    arguments = ["--config", month.files.config, "--baseline", tmp_path / "churn.baseline", "--quiet"]
    arguments += ["--stream", month.files.stream, "--report", tmp_path / "cli.json", "--html", tmp_path / "cli.html"]
    assert cli.main(["replay", *map(str, arguments)]) == 0
    result.to_json(tmp_path / "api.json")
    result.to_html(tmp_path / "api.html")
    for kind in ("json", "html"):
        assert (tmp_path / f"api.{kind}").read_bytes() == (tmp_path / f"cli.{kind}").read_bytes()
    assert capsys.readouterr().out == f"{result.explain()}\n"
    assert to_json(sentinel.read_report(tmp_path / "cli.json").report) == to_json(result.report)


def test_frames_and_files_give_the_same_baseline(
    month: Month, baseline: Baseline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Built at the same moment, the baseline of the frames has the bytes of the one of the files."""
    monkeypatch.setattr(SystemClock, "now_us", lambda _: 0)
    given = (month.train, month.files.train)
    manifest = yaml.safe_load(month.files.manifest.read_text())
    built = [
        sentinel.build_baseline(validation, train, config=month.files.config, manifest=stated)
        for validation, train, stated in zip(
            (month.validation, month.files.validation), given, (manifest, month.files.manifest), strict=True
        )
    ]
    assert built[0].artifact.to_bytes() == built[1].artifact.to_bytes()
    assert built[0].artifact.meta.estimates == baseline.artifact.meta.estimates


def test_keywords_are_the_settings_of_the_configuration(month: Month, baseline: Baseline) -> None:
    """Arguments and a configuration file that say the same give the same counts."""
    model = yaml.safe_load(month.files.config.read_text())["models"][0]
    names = {"name": "model", "version": "version"}
    given = {names.get(key, key): value for key, value in model.items()}
    built = sentinel.build_baseline(month.validation, month.train, manifest=month.files.manifest, **given)
    assert built.settings == baseline.settings
    assert built.artifact.layout.digest == baseline.artifact.layout.digest


def test_outcomes_may_come_in_a_frame_of_their_own(small: Baseline) -> None:
    """One frame with its outcomes, and two frames, give the same report."""
    rows = later_rows()
    whole = sentinel.replay(rows, small)
    outcomes = rows[["prediction_id", "outcome", "outcome_at"]]
    parted = sentinel.replay(rows.drop(columns=["outcome", "outcome_at"]), small, outcomes=outcomes)
    assert to_json(parted.report) == to_json(whole.report)


def test_any_frame_and_any_index_will_do(small: Baseline) -> None:
    """An Arrow table, a frame that exports one, an index out of order and ids in the index change nothing."""

    class Exported:
        """A frame of another library."""

        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return table.__arrow_c_stream__(requested_schema)

    rows = later_rows()
    table = pa.Table.from_pandas(rows, preserve_index=False)
    shuffled = rows.set_axis(pd.RangeIndex(len(rows), 0, -1))
    forms = (table, Exported(), shuffled, rows.set_index(["prediction_id"]))
    wanted = to_json(sentinel.replay(rows, small).report)
    assert [to_json(sentinel.replay(form, small).report) == wanted for form in forms] == [True] * 4


def test_a_baseline_is_saved_and_loaded(small: Baseline, tmp_path: Path) -> None:
    """What was saved is what is loaded, and its path will do for a replay."""
    path = tmp_path / "small.baseline"
    small.save(path)
    loaded = sentinel.load_baseline(path, columns={"score": "p"}, alerts={"alpha": 0.001})
    assert loaded.digest == small.digest
    assert (loaded.settings.columns.score, loaded.settings.alerts.alpha) == ("p", 0.001)
    assert repr(loaded) == repr(small) == f"Baseline('model', '1', binary, 600 rows, {small.digest[:12]})"
    rows = later_rows()
    renamed = sentinel.replay(rows.rename(columns={"score": "p"}), path, columns={"score": "p"})
    assert to_json(renamed.report) == to_json(sentinel.replay(rows, small).report)


def test_columns_may_have_other_names(small: Baseline) -> None:
    """With ``columns`` a frame is read under the names that it has."""
    rows = scored_rows(600).rename(columns={"score": "p", "outcome": "y"})
    built = sentinel.build_baseline(rows, slices=["region"], columns={"score": "p", "outcome": "y"})
    assert built.artifact.meta.estimates == small.artifact.meta.estimates


def test_backfills_are_met(small: Baseline) -> None:
    """Features recomputed afterwards are joined by their id."""
    rows = later_rows()
    result = sentinel.replay(rows, small, backfills=rows[["prediction_id", "age"]])
    assert result.report.counts["backfills"] == len(rows)


def test_spans_of_time_may_be_timedeltas(small: Baseline) -> None:
    """A ``timedelta`` and the text of the configuration mean the same."""
    rows = later_rows(300)
    spans = [sentinel.replay(rows, small, outcome={"horizon": h}).report for h in (timedelta(days=5), "5d")]
    assert spans[0] == spans[1]
    assert spans[0].counts["joined"] < len(rows)


def test_a_model_scores_the_rows_again() -> None:
    """With ``predict`` a feature at its serving default is held against the offline estimate."""
    rows = scored_rows(600)
    stated = {"serving_defaults": {"visits": 0}}
    built = sentinel.build_baseline(rows, manifest=stated, predict=lambda frame: frame["score"])
    assert [repair.name for repair in built.artifact.meta.repairs] == ["feature:visits"]


def test_progress_is_told(small: Baseline) -> None:
    """Both steps tell how much is done, up to all of it."""
    told: dict[str, list[float]] = {"build": [], "replay": []}
    sentinel.build_baseline(scored_rows(600), progress=told["build"].append)
    sentinel.replay(later_rows(), small, progress=told["replay"].append)
    assert [max(shares) for shares in told.values()] == [1.0, 1.0]


def _amounts(rows: pd.DataFrame) -> pd.DataFrame:
    """A regression: the outcome is near the prediction."""
    return rows.assign(outcome=rows["score"] + rows["spend"] / 10)


def _classes(rows: pd.DataFrame) -> pd.DataFrame:
    """Three classes: the first as likely as the score, the others share the rest."""
    others = (1.0 - rows["score"]) / 2
    named = rows.assign(**{"scores.cat": rows["score"], "scores.dog": others, "scores.owl": others})
    return named.assign(outcome=np.where(rows["outcome"] == 1, "cat", np.where(rows["spend"] < 0, "dog", "owl")))


def _lists(rows: pd.DataFrame) -> pd.DataFrame:
    """A ranking: two items, of which the first one was relevant where the outcome says so."""
    items = [[{"id": "a", "score": score}, {"id": "b", "score": 0.3}] for score in rows["score"]]
    grades = [[{"id": "a", "grade": float(y)}, {"id": "b", "grade": 1.0 - y}] for y in rows["outcome"]]
    return rows.drop(columns=["score", "outcome"]).assign(
        items=pd.Series(items, rows.index), relevance=pd.Series(grades, rows.index)
    )


@pytest.mark.parametrize(
    ("task", "turned", "metric"),
    [("regression", _amounts, "r2"), ("multiclass", _classes, "macro_f1"), ("ranking", _lists, "ndcg")],
)
def test_every_task_is_replayed(task: Task, turned: Callable[[pd.DataFrame], pd.DataFrame], metric: str) -> None:
    """Frames of the other tasks go from rows to a verdict, each with its own metrics."""
    built = sentinel.build_baseline(turned(scored_rows(600)), task=task, slices=["region"])
    result = sentinel.replay(turned(later_rows(800)), built)
    assert result.report.task == task
    assert result.report.counts["joined"] == 800
    overall = {f.metric: f.online.value for f in result.report.findings if f.slice == "all"}
    assert overall[metric] is not None


def test_the_gate_stops_where_alerts_fire(result: Result) -> None:
    """``fail_on`` raises with the alerts and the verdict, where the command line exits with 3."""
    assert result.exit_status("critical") == 3
    with pytest.raises(
        sentinel.AlertFiringError, match=r"churn 1: target_leakage \(\d+%\)\. Sentinel\w+ \(critical"
    ) as e:
        result.fail_on("critical")
    assert e.value.alerts == result.firing("critical")
    assert {alert.severity for alert in e.value.alerts} == {"critical"}
    assert isinstance(e.value, FatalError)


def test_the_gate_opens_where_none_fires(small: Baseline) -> None:
    """Healthy rows pass, and the result goes on in the chain."""
    result = sentinel.replay(later_rows(), small)
    assert result.fail_on("warning") is result
    assert result.exit_status("warning") == 0
