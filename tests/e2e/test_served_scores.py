"""Scores that are no predictions, from files to a verdict: stuck live, or outcomes named as scores offline."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from sentinel.diagnosis.report import Report
from tests.e2e.test_tasks import replayed
from tests.support.task_frames import Frames, regression_frames

TASKS = ("binary", "regression")
DEFAULT = {"binary": 0.237, "regression": 103.7}
"""What the broken server answers: a number like any other."""
ALL, LATER = slice(None), slice(3_000, None)


@cache
def honest(task: str) -> Frames:
    """An honest world; the binary one asks whether the amount is above 105."""
    frames = regression_frames(leaky=False)
    if task == "regression":
        return frames
    parts = (part.assign(score=1.0 / (1.0 + np.exp((105.0 - part["score"]) / 12.0)),
                         outcome=(part["outcome"] > 105.0).astype(float))
             for part in (frames.train, frames.validation, frames.stream))  # fmt: skip
    return Frames(*parts)


def with_scores(frame: pd.DataFrame, chosen: npt.NDArray[np.bool_], score: float) -> pd.DataFrame:
    """The same rows, with one score in those that were chosen."""
    return frame.assign(score=frame["score"].mask(chosen, score))


def served(task: str, rows: slice, directory: Path, score: float, ratio: float = 1.0) -> Report:
    """Replay the honest stream with that score in a share of these rows, whatever they are."""
    frames = honest(task)
    chosen = np.zeros(len(frames.stream), np.bool_)
    chosen[rows] = np.random.default_rng(5).random(len(chosen[rows])) < ratio
    return replayed(task, replace(frames, stream=with_scores(frames.stream, chosen, score)), directory)


def numbers(report: Report) -> list[float]:
    """Every number of the findings and probabilities."""
    found = [x for f in report.findings for v in (f.offline, f.online) for x in (v.value, v.lower, v.upper)]
    found += [x for f in report.findings for x in (f.gap, f.lower, f.upper, f.log_evidence)]
    return [x for x in found if x is not None] + list(report.verdict.probabilities.values())


@pytest.mark.parametrize(("task", "rows", "ratio", "cause"), [
    ("binary", ALL, 0.97, "train_serve_skew"),
    ("binary", ALL, 0.4, "train_serve_skew"),
    ("binary", LATER, 1.0, "data_quality_fault"),
    ("regression", ALL, 1.0, "train_serve_skew"),
    ("regression", LATER, 0.6, "data_quality_fault"),
])  # fmt: skip
def test_a_stuck_score_is_a_fault_of_serving(task: str, rows: slice, ratio: float, cause: str, tmp_path: Path) -> None:
    """One score in all or part of the predictions: skew from launch, a fault later, in these words, and finite."""
    report = served(task, rows, tmp_path, DEFAULT[task], ratio)
    assert report.verdict.cause == cause
    assert report.verdict.confidence > 0.8
    told = next(reason for reason in report.verdict.reasons if reason.startswith("the live score "))
    assert ("since launch" in told) == (cause == "train_serve_skew")
    assert not [a.name for a in report.alerts if a.name == "SentinelLeakageSuspected"]
    if rows == ALL:  # it must last three looks
        assert any(a.name == "SentinelDataQuality" and "the live score" in a.summary for a in report.alerts)
    assert all(map(math.isfinite, numbers(report)))


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_the_lowest_or_highest_score_is_told_by_its_outcomes(score: float, tmp_path: Path) -> None:
    """A default of 0 or 1 shares its bin with honest scores; outcomes as frequent as ever betray it."""
    report = served("binary", ALL, tmp_path, score)
    assert report.verdict.cause == "train_serve_skew"
    assert any("outcomes that are not those of such a score" in reason for reason in report.verdict.reasons)


@pytest.mark.parametrize("task", TASKS)
def test_scores_that_are_the_outcomes_are_a_target_leak(task: str, tmp_path: Path) -> None:
    """A validation file with the outcome in the place of the score: named as such, from launch, in these words."""
    frames = honest(task)
    copied = frames.validation.assign(score=frames.validation["outcome"])
    report = replayed(task, replace(frames, validation=copied), tmp_path)
    assert report.verdict.cause == "target_leakage"
    assert report.verdict.confidence > 0.8
    assert any("the offline scores are the outcomes" in reason for reason in report.verdict.reasons)
    assert all(map(math.isfinite, numbers(report)))


def test_a_copy_under_other_numbers_is_one_too(tmp_path: Path) -> None:
    """Scores of .2 and .7 that agree with every outcome."""
    frames = honest("binary")
    copied = frames.validation.assign(score=0.2 + 0.5 * frames.validation["outcome"])
    report = replayed("binary", replace(frames, validation=copied), tmp_path)
    assert report.verdict.cause == "target_leakage"
    assert any("the offline scores are the outcomes" in reason for reason in report.verdict.reasons)


def leaves(frame: pd.DataFrame, n: int = 5) -> pd.DataFrame:
    """The scores of a small tree: one of so many values."""
    cuts = np.array([0.15, 0.3, 0.5, 0.7])[: n - 1]
    means = np.array([0.08, 0.22, 0.4, 0.6, 0.85])[:n]
    return frame.assign(score=means[np.searchsorted(cuts, frame["score"].to_numpy())])


@pytest.mark.parametrize("n", [1, 2, 5])
def test_honest_scores_of_few_values_are_no_fault(n: int, tmp_path: Path) -> None:
    """A tree of few leaves, or of one, offline as live."""
    frames = honest("binary")
    few = replace(frames, validation=leaves(frames.validation, n), stream=leaves(frames.stream, n))
    report = replayed("binary", few, tmp_path)
    assert report.verdict.cause in ("none", "insufficient_evidence")
    assert not [a.name for a in report.alerts if a.severity != "info"]


def test_a_small_tree_that_meets_other_inputs_is_no_fault_of_serving(tmp_path: Path) -> None:
    """Live rows nearly all of one leaf, with the outcomes of that leaf."""
    frames = honest("binary")
    stream = leaves(frames.stream)
    rare = (stream["score"] != stream["score"].mode()[0]) & (np.arange(len(stream)) % 40 > 0)
    few = replace(frames, validation=leaves(frames.validation), stream=stream[~rare])
    report = replayed("binary", few, tmp_path)
    assert not [reason for reason in report.verdict.reasons if reason.startswith("the live score")]


@pytest.mark.parametrize("task", TASKS)
def test_an_honest_stream_is_left_alone(task: str, tmp_path: Path) -> None:
    """Neither stuck nor a copy: nothing is said of the score."""
    report = replayed(task, honest(task), tmp_path)
    assert report.verdict.cause == "none"
    assert not [reason for reason in report.verdict.reasons if "score" in reason]


def test_a_stuck_score_is_named_before_outcomes_come(tmp_path: Path) -> None:
    """Without one outcome live no gap can be computed, and the fault is named all the same."""
    frames = honest("binary")
    stream = with_scores(frames.stream, np.ones(len(frames.stream), np.bool_), 0.237)
    report = replayed("binary", replace(frames, stream=stream.assign(outcome=np.nan)), tmp_path)
    assert report.verdict.cause == "train_serve_skew"
    assert any(reason.startswith("no gap can be computed") for reason in report.verdict.reasons)
    assert any(reason.startswith("the live score ") for reason in report.verdict.reasons)
