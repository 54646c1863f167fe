"""The scorecard: what it refuses to load, and what its weights may and may not do."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.scorecard import (
    FAMILIES,
    NAMED,
    Column,
    ScorecardError,
    ScorecardFile,
    Weights,
    build,
    load,
    shipped,
)
from sentinel.diagnosis.signatures import MEANINGS, Signal


def file(**changes: object) -> ScorecardFile:
    """A scorecard in which one signal speaks for leakage, one for duplicates, and its absence for nothing."""
    plain = ScorecardFile(
        sentinel="test",
        trained={},
        prior={cause.value: 1 / len(NAMED) for cause in NAMED},
        temperatures={"family": 1.0, "leakage": 1.0, "pipeline": 1.0, "drift": 1.0},
        signals={name: Column(mean=0.0, scale=1.0) for name in MEANINGS},
        families={name: Weights() for name in FAMILIES} | {"leakage": Weights(values={"launch_evidence": 2.0})},
        causes={c.value: Weights() for c in NAMED} | {"duplicate_leakage": Weights(values={"row_contrast": 1.0})},
    )
    return msgspec.structs.replace(plain, **changes).sealed()


def signals(**values: float) -> dict[str, Signal]:
    """Every signal missing but these."""
    return {name: Signal(name, values.get(name)) for name in MEANINGS}


def test_evidence_moves_the_family_and_then_the_cause() -> None:
    """By hand: the odds of leakage are e**2 per other family, those of duplicates e per other leak."""
    found = build(file()).score(signals(launch_evidence=1.0, row_contrast=1.0)).probabilities
    leakage = math.exp(2) / (math.exp(2) + 3)
    assert sum(p for c, p in found.items() if c.family == "leakage") == pytest.approx(leakage)
    assert found[Cause.DUPLICATE_LEAKAGE] == pytest.approx(leakage * math.e / (math.e + 5))


def test_missing_is_not_zero() -> None:
    """A missing signal leaves the odds as the mean of training does, which here is 3, not 0."""
    signal = {name: Column(mean=0.0, scale=1.0) for name in MEANINGS} | {"launch_evidence": Column(mean=3.0, scale=1.0)}
    card = build(file(signals=signal))
    absent, at_mean, at_zero = (card.score(s).probabilities[Cause.NONE] for s in (
        signals(), signals(launch_evidence=3.0), signals(launch_evidence=0.0)))  # fmt: skip
    assert absent == pytest.approx(at_mean)
    assert absent < at_zero


def test_proof_multiplies_the_odds_of_its_cause_alone() -> None:
    """Log 50 on one of twelve equal causes: its odds against each other cause are fifty times what they were."""
    card = build(file())
    before = card.score(signals()).probabilities
    after = card.score(signals(), {Cause.GROUP_LEAKAGE: math.log(50.0)}).probabilities
    for other in set(NAMED) - {Cause.GROUP_LEAKAGE}:
        odds = [p[Cause.GROUP_LEAKAGE] / p[other] for p in (before, after)]
        assert odds[1] / odds[0] == pytest.approx(50.0)


def test_prior_multiplies_the_odds() -> None:
    """A cause held three times as likely beforehand has three times the odds after."""
    card = build(file())
    before, after = (card.score(signals(), None, p).probabilities for p in ({}, {"concept_drift": 3.0}))
    odds = [p[Cause.CONCEPT_DRIFT] / p[Cause.NONE] for p in (before, after)]
    assert odds[1] / odds[0] == pytest.approx(3.0)


def test_reasons_are_what_speaks_for_the_cause() -> None:
    """Only signals that are there and pull towards the cause are reasons, the strongest first."""
    scored = build(file()).score(signals(launch_evidence=1.0, row_contrast=3.0))
    assert [name for name, _ in scored.reasons(Cause.DUPLICATE_LEAKAGE)] == ["row_contrast", "launch_evidence"]
    assert scored.reasons(Cause.NONE) == []


def test_other_signals_are_refused() -> None:
    """A scorecard with a signal that nobody reads any more is an error that names it, and those it lacks."""
    names = {name: Column(mean=0.0, scale=1.0) for name in MEANINGS if name != "growth"} | {
        "moon": Column(mean=0.0, scale=1.0)
    }
    with pytest.raises(ScorecardError, match="unknown here: moon; absent there: growth"):
        build(file(signals=names))


def test_a_signal_that_is_newer_than_the_file_has_no_weight() -> None:
    """A scorecard trained before a signal was known says the same, whatever that signal reads."""
    known = {name: Column(mean=0.0, scale=1.0) for name in MEANINGS if name != "score_stuck_later"}
    card = build(file(signals=known))
    low, high, absent = (card.score(s).probabilities for s in (
        signals(score_stuck_later=0.0), signals(score_stuck_later=1.0), signals()))  # fmt: skip
    assert low == high == absent
    assert low == build(file()).score(signals()).probabilities


def test_altered_file_is_refused() -> None:
    """Coefficients that were changed after training no longer fit the digest."""
    data = file().to_json().replace(b'"launch_evidence":2.0', b'"launch_evidence":3.0')
    data = data.replace(b'"launch_evidence": 2.0', b'"launch_evidence": 3.0')
    with pytest.raises(ScorecardError, match="altered"):
        load(data)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff"])
def test_no_scorecard_is_refused(data: bytes) -> None:
    """What is no scorecard is said so."""
    with pytest.raises(ScorecardError, match="cannot be read"):
        load(data)


def test_shipped_scorecard_obeys_the_meanings() -> None:
    """No shipped weight has a sign that its signal's meaning forbids, and none stands where nothing was listed."""
    card = shipped()
    n = len(card.signals)
    for level, is_family in ((card.families, True), *((level, False) for level in card.causes.values())):
        for i, name in enumerate(level.names):
            for j, signal in enumerate(card.signals):
                meaning = MEANINGS[signal]
                direction = (meaning.families if is_family else meaning.causes).get(name)
                weight = level.weights[i, j]
                assert direction is not None or (weight == 0.0 and level.weights[i, n + j] == 0.0)
                assert not (direction == "+" and weight < 0)
                assert not (direction == "-" and weight > 0)


@given(st.dictionaries(st.sampled_from(sorted(MEANINGS)), st.floats(-1e6, 1e6)))
def test_probabilities_whatever_the_signals(values: dict[str, float]) -> None:
    """However far out the signals are, the shipped scorecard gives probabilities that sum to one."""
    found = shipped().score(signals(**values)).probabilities
    assert set(found) == set(NAMED)
    assert all(math.isfinite(p) and p >= 0 for p in found.values())
    assert sum(found.values()) == pytest.approx(1.0)


def test_more_launch_evidence_never_speaks_against_leakage() -> None:
    """With everything else missing, the probability of leakage grows with the evidence in the launch window."""
    card = shipped()
    leakage = []
    for value in np.linspace(-4, 4, 9):
        found = card.score(signals(launch_evidence=float(value))).probabilities
        leakage.append(sum(p for c, p in found.items() if c.family == "leakage"))
    assert leakage == sorted(leakage)


def test_a_signal_keeps_its_words() -> None:
    """A signal without its value is still the same signal."""
    assert replace(Signal("growth", 1.0, "it grew"), value=None).words == "it grew"
