"""Answers in the training: what was mislearnt moves, and a few answers spoil no temperature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sentinel.diagnosis.answers import TaughtCase, encode_cases
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.scorecard import build
from sentinel.diagnosis.signatures import MEANINGS
from sentinel.diagnosis.signatures.signal import Signal
from sentinel.errors import CorruptArtifactError, FatalError
from sentinel.simulation.answers import WORTH, YOURS, answered_runs, weighed
from sentinel.simulation.training import Run, _folds, train
from sentinel.stats.arrays import Floats

NAMES = list(MEANINGS)
WORLDS = ("linear", "trees")


def _values(**signals: float) -> Floats:
    values = np.full(len(NAMES), np.nan)
    for name, value in signals.items():
        values[NAMES.index(name)] = value
    return values


def _simulated(rng: np.random.Generator) -> list[Run]:
    """Worlds in which a gap from launch on is a leak, whatever was served, and a later one is drift."""
    runs = []
    for i in range(200):
        cause = (Cause.TARGET_LEAKAGE, Cause.CONCEPT_DRIFT)[i % 2]
        at_launch = rng.normal(2.0 if cause is Cause.TARGET_LEAKAGE else -2.0)
        values = _values(launch_evidence=at_launch, served_differently_since_launch=rng.normal(0.0, 0.5))
        runs.append(Run(values, cause, f"{WORLDS[i // 100]}/{i // 4}", WORLDS[i // 100]))
    return runs


def _case(model: str, served: float, cause: Cause = Cause.TRAIN_SERVE_SKEW) -> TaughtCase:
    signals: dict[str, float | None] = {"launch_evidence": 2.0, "served_differently_since_launch": served}
    return TaughtCase(
        model=model, version="1", at="2026-11-20T12:00:00Z", through=None, named=Cause.TARGET_LEAKAGE, cause=cause,
        scorecard="d", signals={**signals, "growth": None, "a_signal_of_another_version": 1.0},
    )  # fmt: skip


def test_a_mislearnt_case_moves(tmp_path: Path) -> None:
    """What simulation taught to call a leak is called skew after six answers; a plain leak is still called one."""
    path = tmp_path / "answers.jsonl"
    path.write_bytes(encode_cases(_case(f"m{i}", 2.0 + 0.1 * i) for i in range(6)))
    runs, answers = _simulated(np.random.default_rng(5)), answered_runs(path)
    mislearnt, plain = ({n: Signal(n, None) for n in NAMES} for _ in range(2))
    for signals, served in ((mislearnt, 2.2), (plain, 0.0)):
        signals["launch_evidence"] = Signal("launch_evidence", 2.0)
        signals["served_differently_since_launch"] = Signal("served_differently_since_launch", served)
    before, after = build(train(runs)), build(train([*runs, *weighed(answers)]))
    leak, skew = Cause.TARGET_LEAKAGE, Cause.TRAIN_SERVE_SKEW
    first, then = before.score(mislearnt).probabilities, after.score(mislearnt).probabilities
    assert first[leak] == max(first.values())
    assert then[skew] == max(then.values())
    still = after.score(plain).probabilities
    assert still[leak] == max(still.values())


def test_a_file_becomes_runs(tmp_path: Path) -> None:
    """Missing and absent signals are missing, those of another version are left out, a model version is one world."""
    path = tmp_path / "answers.jsonl"
    path.write_bytes(encode_cases([_case("a", 1.5), _case("a", 0.5, Cause.NONE), _case("b", 0.0)]))
    runs = answered_runs(path)
    assert [run.world for run in runs] == ["yours/a@1", "yours/a@1", "yours/b@1"]
    assert [run.cause for run in runs] == [Cause.TRAIN_SERVE_SKEW, Cause.NONE, Cause.TRAIN_SERVE_SKEW]
    assert {run.generator for run in runs} == {YOURS}
    np.testing.assert_array_equal(runs[0].values, _values(launch_evidence=2.0, served_differently_since_launch=1.5))
    assert len(weighed(runs)) == 3 * WORTH


def test_a_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    """It names the file, and the line."""
    path = tmp_path / "answers.jsonl"
    with pytest.raises(FatalError, match=r"answers\.jsonl: cannot be read"):
        answered_runs(path)
    path.write_text("{}\n", encoding="utf-8")
    with pytest.raises(CorruptArtifactError, match=r"answers\.jsonl, line 1: no answer to a verdict"):
        answered_runs(path)


@pytest.mark.parametrize("generators", [WORLDS, WORLDS[:1]])
def test_a_few_answers_are_no_part_of_their_own(generators: tuple[str, ...]) -> None:
    """They are dealt out to the parts of the others, a model's together; with many they are a part like the others."""
    empty = _values()
    runs = [Run(empty, Cause.NONE, f"{name}/{i // 5}", name) for name in generators for i in range(100)]
    few = [Run(empty, Cause.NONE, f"{YOURS}/{i // 2}", YOURS) for i in range(18)]
    folds = _folds([*runs, *few], np.random.default_rng(6))
    theirs, yours = folds[: len(runs)], folds[len(runs) :]
    assert set(yours.tolist()) <= set(theirs.tolist())
    assert len(set(yours.tolist())) > 1
    assert (yours[::2] == yours[1::2]).all()
    many = [Run(empty, Cause.NONE, f"{YOURS}/{i}", YOURS) for i in range(50)]
    folds = _folds([*runs, *many], np.random.default_rng(6))
    assert set(folds[len(runs) :].tolist()).isdisjoint(folds[: len(runs)].tolist())
