"""A watched stream is what the replay command would have seen of the same files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sentinel import cli
from sentinel.baseline.build import build_baseline
from sentinel.config import load_config
from sentinel.simulation.collection import planted_of
from sentinel.simulation.files import write_files
from sentinel.simulation.nuisances import Nuisances
from sentinel.simulation.plan import TrialPlan
from sentinel.simulation.runner import Watched, watch
from sentinel.simulation.scenario import SimulatedStream
from sentinel.simulation.trials import play
from tests.simulation.test_trials import PLAIN

SMALL = PLAIN | {"learner": "logistic", "n_train": 900, "n_validation": 900, "n_stream": 1_500, "n_features": 5}
PARTS = ("launch", "change", "shift", "score_drift", "features", "counterfactuals", "overlaps", "maturity")


def plan(*, absence_is_negative: bool) -> TrialPlan:
    """A leak in a small world whose events carry feature times, and whose features are recomputed afterwards."""
    nuisances = replace(Nuisances(**SMALL), absence_is_negative=absence_is_negative)
    return TrialPlan("conversions", "target_leakage", "null", "large", 0.0, None, 5, nuisances)


def replayed(simulated: SimulatedStream, folder: Path) -> dict[str, Any]:
    """The report of the command on the same rows; the filters' salt is of the baseline's time, so that is the same."""
    files = write_files(simulated, folder)
    assert files.backfills is not None
    baseline, report = folder / "a.baseline", folder / "report.json"
    model = load_config(files.config).models[0]
    build_baseline(model, files.validation, files.train, files.manifest, now_us=0).save(baseline)
    run = ["replay", "--config", files.config, "--baseline", baseline, "--stream", files.stream, "--quiet"]
    assert cli.main([str(part) for part in (*run, "--backfills", files.backfills, "--report", report)]) == 0
    found: dict[str, Any] = json.loads(report.read_bytes())
    return found


@pytest.mark.parametrize("absence_is_negative", [True, False])
def test_watching_is_replaying(tmp_path: Path, absence_is_negative: bool) -> None:
    """The last look holds, to the last digit, what the report of the command holds of the same files."""
    simulated = play(plan(absence_is_negative=absence_is_negative))
    assert simulated.absence == ("negative" if absence_is_negative else "missing")
    watched = watch(simulated, planted_of(plan(absence_is_negative=absence_is_negative), simulated))
    report = replayed(simulated, tmp_path)
    last = watched.looks[-1]
    seen = msgspec.to_builtins(last.evaluation)
    for part in PARTS:
        assert json.loads(json.dumps(seen[part])) == report[part], part
    assert json.loads(json.dumps(seen["findings"])) == [f for f in report["findings"] if f["slice"] == "all"]
    assert (last.n_predictions, last.n_outcomes) == (report["counts"]["predictions"], report["counts"]["joined"])
    assert any(feature.backfill is not None for feature in last.evaluation.features)
    assert any(feature.ages is not None for feature in last.evaluation.features)


@pytest.fixture(scope="module")
def watched() -> Watched:
    """One small leak."""
    simulated = play(plan(absence_is_negative=False))
    return watch(simulated, planted_of(plan(absence_is_negative=False), simulated), looks=(0.25, 1.0))


def test_looks_are_where_they_were_asked_for(watched: Watched) -> None:
    """One look a share: at a quarter of the events a quarter of the predictions are known, at the end all are."""
    first, last = watched.looks
    assert (first.fraction, last.fraction) == (0.25, 1.0)
    assert last.n_predictions == SMALL["n_stream"]
    assert 0 < first.n_predictions < SMALL["n_stream"] / 2
    assert first.at_us < last.at_us
    assert watched.n_events == last.n_outcomes == SMALL["n_stream"]


def test_the_alarm_is_dated(watched: Watched) -> None:
    """The planted gap passes the gate at some step, with no more positives than outcomes, and no later than the end."""
    assert watched.alarmed_at is not None
    assert watched.alarmed_at_positives is not None
    assert 0 < watched.alarmed_at_positives < watched.alarmed_at <= watched.n_events


def test_the_truth_is_only_carried_along(watched: Watched) -> None:
    """What is said to be planted does not change what is seen."""
    simulated = play(plan(absence_is_negative=False))
    lie = msgspec.structs.replace(watched.planted, cause="none", culprits=())
    other = watch(simulated, lie, looks=(0.25, 1.0))
    assert other.planted == lie
    assert msgspec.structs.replace(other, planted=watched.planted) == watched
