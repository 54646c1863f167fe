"""Each task from a file to a verdict: a planted leak is named, its honest twin is left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sentinel.app.models import watch
from sentinel.app.replay import replay
from sentinel.baseline.artifact import Baseline
from sentinel.baseline.build import build_baseline
from sentinel.clock import SystemClock
from sentinel.config import load_config
from sentinel.diagnosis.report import Report, from_json, to_json
from sentinel.events.codecs.arrow import ArrowCodec
from sentinel.ingest.replay import ReplaySource
from tests.support.task_frames import LEAKED, Frames, multiclass_frames, ranking_frames, regression_frames

FRAMES: dict[str, Callable[..., Frames]] = {
    "regression": regression_frames,
    "multiclass": multiclass_frames,
    "ranking": ranking_frames,
}
OWN = {
    "regression": ("r2", "explained_variance", "mae", "rmse"),
    "multiclass": ("macro_auc", "macro_f1", "accuracy"),
    "ranking": ("ndcg", "mrr"),
}
"""Metrics of the task's own that a planted leak must move."""


DECLARED = {"ranking": f"    features: {{{LEAKED}: {{available: after_outcome}}}}\n"}
"""A feature of the whole list says little about one item of it: that it was no skew, its owner has to say."""


def run(task: str, directory: Path, *, leaky: bool, **options: float) -> Report:
    """Build a baseline of a simulated world and replay its stream."""
    declared = DECLARED.get(task, "") if leaky else ""
    return replayed(task, FRAMES[task](leaky=leaky, **options), directory, declared)


def replayed(task: str, frames: Frames, directory: Path, declared: str = "") -> Report:
    """Build a baseline of frames and replay their stream."""
    paths = frames.write(directory)
    config = directory / "sentinel.yaml"
    model = f'  - name: m\n    version: "1"\n    task: {task}\n    slices: [region]\n{declared}'
    config.write_text(f"apiVersion: sentinel/v1\nmodels:\n{model}")
    settings = load_config(config).models[0]
    build_baseline(settings, paths["validation"], paths["train"], now_us=0).save(directory / "baseline")
    watched = watch(settings, Baseline.load(directory / "baseline"))
    codec = ArrowCodec(watched.plan.layout.schema, settings.columns)
    source = ReplaySource(paths["stream"], paths["stream"], codec, settings.columns)
    return from_json(to_json(replay(watched, source, SystemClock(), outcomes_per_look=1_500)))


@pytest.mark.parametrize("task", FRAMES)
def test_a_planted_leak_is_named_with_its_feature(task: str, tmp_path: Path) -> None:
    """A feature that only the future knows, missing live: target leakage, that feature first, paged from launch."""
    report = run(task, tmp_path, leaky=True)
    assert report.task == task
    assert report.counts["joined"] == report.counts["predictions"] == 6_000
    assert report.verdict.cause == "target_leakage"
    assert report.verdict.culprits[0].name == LEAKED
    raised = {(f.metric, f.slice) for f in report.findings if f.alarm}
    assert {(metric, "all") for metric in ("auc", *OWN[task])} <= raised
    assert any(a.name == "SentinelLeakageSuspected" and a.severity == "critical" for a in report.alerts)


@pytest.mark.parametrize("task", FRAMES)
def test_the_honest_twin_is_left_alone(task: str, tmp_path: Path) -> None:
    """The same world without that feature: no cause, no finding over all traffic, no leakage alert."""
    report = run(task, tmp_path, leaky=False)
    assert report.verdict.cause == "none"
    assert not [f.metric for f in report.findings if f.alarm and f.slice == "all"]
    assert not [a.name for a in report.alerts if a.severity != "info"]


def test_a_shift_of_all_amounts_is_no_leak(tmp_path: Path) -> None:
    """Outcomes that all rose by half a deviation cost R2 and MAE, yet rank as promised: label shift, not leakage."""
    report = run("regression", tmp_path, leaky=False, shift=15.0)
    raised = {f.metric for f in report.findings if f.alarm and f.slice == "all"}
    assert raised == {"r2", "mae", "rmse"}
    assert report.verdict.cause == "label_shift"
    assert not [a.name for a in report.alerts if a.name == "SentinelLeakageSuspected"]


def test_each_class_is_held_against_its_own_estimate(tmp_path: Path) -> None:
    """A multiclass report has area and F1 of every class, under the name of the class."""
    report = run("multiclass", tmp_path, leaky=False)
    found = {(f.metric, f.slice) for f in report.findings if f.slice.startswith("outcome=")}
    assert found == {(m, f"outcome={c}") for m in ("class_auc", "class_f1") for c in ("bird", "cat", "dog")}
