"""A second cause: what the first leaves of the gap is weighed again, and nothing is named where it leaves nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import pytest

from sentinel.config.alerts import Alerts
from sentinel.diagnosis.evidence import Evidence, gather
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.scorecard import FAMILIES, NAMED, Scorecard, Weights, build
from sentinel.diagnosis.second import BESIDE, LEAST_PROBABILITY, find_second
from sentinel.diagnosis.signatures import MEANINGS, Signal, read_signals
from sentinel.diagnosis.signatures.gap import TYPICAL_GAP
from sentinel.evaluation.findings import Change, Counterfactual, LaunchWindow, Value
from tests.diagnosis.test_mix import split
from tests.diagnosis.test_scorecard import file
from tests.evaluation.worlds import Meta

FLAT = build(file(families={name: Weights() for name in FAMILIES}, causes={c.value: Weights() for c in NAMED}))
"""Twelve causes: a quarter for each family, shared equally among its members, whatever the evidence."""


def repair(explained: float, remainder: float) -> Counterfactual:
    """Without the copies, the offline estimate explains this share of the gap of .10."""
    corrected = 0.9 - 0.1 * explained
    return Counterfactual(
        name="duplicates",
        cause="duplicate_leakage",
        corrected=Value(value=corrected, lower=corrected - 0.01, upper=corrected + 0.01, n=3_000),
        log_evidence=30.0,
        explained=explained,
        lower=explained - 0.15,
        upper=explained + 0.15,
        remainder=remainder,
    )


def evidence(*repairs: Counterfactual, change: Change | None = None) -> Evidence:
    """A gap of .10, most of it not from other scores, with these repairs."""
    found = msgspec.structs.replace(split(0.0, 0.01), counterfactuals=repairs, change=change)
    return gather(found, Meta(), {"predictions": 5_000, "joined": 5_000}, Alerts())


def drift_card(log_odds: float) -> Scorecard:
    """Speaks of drift, and of concept drift in it, once the change evidence is one standard deviation out."""
    speaks = Weights(values={"change_evidence": log_odds})
    return build(
        file(
            families={name: Weights() for name in FAMILIES} | {"drift": speaks},
            causes={c.value: Weights() for c in NAMED} | {"concept_drift": speaks},
        )
    )


def signals_of(found: Evidence, **values: float) -> dict[str, Signal]:
    """Its signals, with some set by hand."""
    read = read_signals(found)
    return read | {name: replace(read[name], value=value) for name, value in values.items()}


def test_the_rest_of_a_gap_is_scored() -> None:
    """By hand: 60 % explained, five errors are left; drift has odds e**2, the five other leaks keep 5/6 of theirs."""
    found = evidence(repair(0.6, 5.0))
    second = find_second(Cause.DUPLICATE_LEAKAGE, found, signals_of(found, change_evidence=1.0), drift_card(2.0), {})
    assert second is not None
    assert second.cause is Cause.CONCEPT_DRIFT
    drift = math.exp(2) / (math.exp(2) + 2 + 5 / 6)
    assert second.probability == pytest.approx(drift * math.exp(2) / (math.exp(2) + 2))
    assert second.probability >= LEAST_PROBABILITY


@pytest.mark.parametrize(
    ("explained", "remainder", "why"),
    [(1.0, 0.2, "all"), (0.97, 5.0, "too little"), (0.6, 2.9, "too unsure"), (1.4, 6.0, "more than all")],
)
def test_nothing_left_is_nothing_named(explained: float, remainder: float, why: str) -> None:
    """Where all is explained, or the rest is small or within three standard errors, there is no second cause."""
    found = evidence(repair(explained, remainder))
    second = find_second(Cause.DUPLICATE_LEAKAGE, found, signals_of(found, change_evidence=1.0), drift_card(2.0), {})
    assert second is None, why


@pytest.mark.parametrize(("prior", "named"), [(1.0, False), (1.9, True)])
def test_only_a_likely_second_is_named(prior: float, named: bool) -> None:
    """By hand: of 17 sixths, none left out, a skew held p times as likely has 3 p in 14 + 3 p: .18, and .29 at 1.9."""
    unlikely = {"none": 1e-9, "train_serve_skew": prior}
    found = evidence(repair(0.6, 5.0))
    second = find_second(Cause.DUPLICATE_LEAKAGE, found, read_signals(found), FLAT, unlikely)
    assert (second is not None) is named
    assert second is None or second.probability == pytest.approx(3 * prior / (14 + 3 * prior))


def test_none_is_no_second_cause() -> None:
    """By hand: at equal odds none has 6 in 23 and any cause 3 at most: nothing is named."""
    found = evidence(repair(0.6, 5.0))
    assert find_second(Cause.DUPLICATE_LEAKAGE, found, read_signals(found), FLAT, {}) is None


def test_the_rest_is_weighed_at_its_own_size() -> None:
    """Four tenths of .10 are left: the gap's size enters as that of .04, in doublings of the typical one."""
    card = build(
        file(
            families={name: Weights() for name in FAMILIES} | {"pipeline": Weights(values={"gap_size": -10.0})},
            causes={c.value: Weights() for c in NAMED},
        )
    )
    found = evidence(repair(0.6, 5.0))
    second = find_second(Cause.DUPLICATE_LEAKAGE, found, read_signals(found), card, {})
    assert second is not None
    assert second.cause.family == "pipeline"
    pipeline = math.exp(-10.0 * math.log2(0.04 / TYPICAL_GAP))
    assert second.probability == pytest.approx(pipeline / (pipeline + 2 + 5 / 6) / 2)


def test_the_first_is_not_its_own_second() -> None:
    """However loud its signals are, and they are withheld, the first cause is never named again."""
    names = [name for name, meaning in MEANINGS.items() if meaning.causes.get("duplicate_leakage") == "+"]
    loud = Weights(values=dict.fromkeys(names, 3.0))
    card = build(
        file(
            families={name: Weights() for name in FAMILIES} | {"leakage": loud},
            causes={c.value: Weights() for c in NAMED} | {"duplicate_leakage": loud},
        )
    )
    found = evidence(repair(0.6, 5.0))
    loudest = signals_of(found, **dict.fromkeys(names, 4.0))
    assert find_second(Cause.DUPLICATE_LEAKAGE, found, loudest, card, {}) is None


def test_a_prior_on_the_second_counts() -> None:
    """A cause held three times as likely beforehand has three times the odds as a second one."""
    found = evidence(repair(0.6, 5.0))
    signals = signals_of(found, change_evidence=1.0)
    plain, lifted = (
        find_second(Cause.DUPLICATE_LEAKAGE, found, signals, drift_card(2.0), priors)
        for priors in ({}, {"concept_drift": 3.0})
    )
    assert plain is not None
    assert lifted is not None
    odds = [p / (1 - p) for p in (plain.probability, lifted.probability)]
    assert odds[1] / odds[0] == pytest.approx(3.0)


def test_a_drop_after_a_leak_is_a_second_cause() -> None:
    """A leak explains what was there at launch; a proven drop of .03 later is weighed without the launch's signals."""
    change = Change(none=0.0, launch=0.9, later=0.1, drop=0.03, log_evidence=9.0, alarm=True)
    found = evidence(change=change)
    signals = signals_of(found, change_evidence=1.0, launch_evidence=4.0)
    drift, leakage = Weights(values={"change_evidence": 2.0}), Weights(values={"launch_evidence": 2.0})
    card = build(
        file(
            families={name: Weights() for name in FAMILIES} | {"drift": drift, "leakage": leakage},
            causes={c.value: Weights() for c in NAMED} | {"concept_drift": drift, "group_leakage": leakage},
        )
    )
    second = find_second(Cause.TARGET_LEAKAGE, found, signals, card, {})
    assert second is not None
    assert second.cause is Cause.CONCEPT_DRIFT
    quiet = msgspec.structs.replace(change, alarm=False)
    assert find_second(Cause.TARGET_LEAKAGE, evidence(change=quiet), signals, card, {}) is None


def test_a_drift_from_launch_on_has_no_second() -> None:
    """A gap at launch is no second cause beside a drift unless something changed after it, too."""
    at_launch = LaunchWindow(complete=True, n_outcomes=900, through=None, gap=0.09, log_evidence=9.0, alarm=True)
    leaks = Weights(values={"launch_evidence": 3.0})
    card = build(
        file(
            families={name: Weights() for name in FAMILIES} | {"leakage": leaks},
            causes={c.value: Weights() for c in NAMED} | {"target_leakage": leaks},
        )
    )
    base = evidence()
    early = replace(base, launch=at_launch, at_launch=True)
    loud = signals_of(early, launch_evidence=2.0)
    assert find_second(Cause.CONCEPT_DRIFT, early, loud, card, {}) is None
    both = find_second(Cause.CONCEPT_DRIFT, replace(early, changed=True), loud, card, {})
    assert both is not None
    assert both.cause is Cause.TARGET_LEAKAGE


@pytest.mark.parametrize(
    ("first", "coverage", "expected"),
    [
        (Cause.DUPLICATE_LEAKAGE, 1.0, Cause.LABEL_SHIFT),
        (Cause.LABEL_SHIFT, 1.0, None),  # it is the first already
        (Cause.DUPLICATE_LEAKAGE, 0.5, None),  # early outcomes alone may double a rate
    ],
)
def test_other_outcomes_at_equal_scores_show_beside_any_gap(
    first: Cause, coverage: float, expected: Cause | None
) -> None:
    """A sure change of rate and level is named with the share of such that were right."""
    found = replace(evidence(repair(1.0, 0.2)), rate_shift=0.6, level_shift=0.7, coverage=coverage)
    second = find_second(first, found, read_signals(found), FLAT, {})
    assert (second.cause if second else None) is expected
    assert second is None or second.probability == BESIDE
