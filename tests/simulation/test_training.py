"""Training: the fit finds what was planted, keeps to its signs, and its temperature mends what is too sure."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.scorecard import build
from sentinel.diagnosis.signatures import MEANINGS
from sentinel.diagnosis.signatures.signal import Meaning
from sentinel.simulation import training
from sentinel.simulation.training import OPTIONAL, Run, fit, fit_temperature, optional_kinds, train


def test_fit_finds_the_log_odds() -> None:
    """Two classes whose feature is normal with means -1 and 1: the log-odds are 2 x, and the shares are kept."""
    rng = np.random.default_rng(1)
    y = (rng.random(20_000) < 0.25).astype(np.int64)
    x = np.stack([rng.normal(2.0 * y - 1.0), np.zeros(len(y))], axis=1)
    free = np.full((2, 2), np.inf)
    bias, weights = fit(x, y, 2, (-free, free), penalty=1e-9)
    assert weights[1, 0] - weights[0, 0] == pytest.approx(2.0, abs=0.1)
    assert bias[1] - bias[0] == pytest.approx(np.log(1 / 3), abs=0.1)


def test_forbidden_signs_are_kept() -> None:
    """A weight that may only be positive stays at zero where the data ask for a negative one."""
    rng = np.random.default_rng(2)
    y = (rng.random(2_000) < 0.5).astype(np.int64)
    x = np.stack([rng.normal(1.0 - y), np.zeros(len(y))], axis=1)
    lowest, highest = np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [np.inf, 0.0]])
    _, weights = fit(x, y, 2, (lowest, highest))
    assert weights[1, 0] == 0.0
    assert weights[0, 0] == 0.0


def test_a_new_wish_is_withheld_with_all_that_it_supplies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals that ask for what no listed kind asks for come and go together; one that asks for nothing stays."""
    new = (Meaning("moon", wanted="the moon"), Meaning("tide", wanted="the moon"), Meaning("sun"))
    monkeypatch.setattr(training, "MEANINGS", {**MEANINGS, **{meaning.name: meaning for meaning in new}})
    assert [*optional_kinds()] == [*OPTIONAL, ("moon", "tide")]


@pytest.mark.parametrize("factor", [0.7, 1.0, 2.5])
def test_temperature_undoes_a_factor(factor: float) -> None:
    """Logits that are a factor too large need just that temperature; those that are too small are left as they are."""
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(40_000, 3)) * 1.5
    odds = np.exp(logits)
    chances = np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)
    y = (rng.random((len(logits), 1)) > chances).sum(axis=1)
    assert fit_temperature(logits * factor, y) == pytest.approx(max(factor, 1.0), rel=0.05)


def test_trained_scorecard_tells_what_it_was_shown() -> None:
    """Launch gaps are leaks and later ones are drift: after training, so they are; and the file is one that loads."""
    rng = np.random.default_rng(4)
    names = list(MEANINGS)
    runs = []
    for i in range(200):
        cause = (Cause.TARGET_LEAKAGE, Cause.CONCEPT_DRIFT)[i % 2]
        values = np.full(len(names), np.nan)
        values[names.index("launch_evidence")] = rng.normal(2.0 if cause is Cause.TARGET_LEAKAGE else -2.0)
        runs.append(Run(values, cause, f"world/{i // 4}", "world"))
    file = train(runs, seed=1)
    card = build(file)
    assert card.families.weights[card.families.names.index("leakage"), names.index("launch_evidence")] > 0
    assert file.prior["target_leakage"] == pytest.approx(0.5)
