"""Rules that were taken over from real streams: what they add to the log-odds, and where they do not hold."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import pytest

from sentinel.config.alerts import Alerts
from sentinel.diagnosis.evidence import BROAD_DRIFT, REVERSIBLE_AUC, Evidence, gather
from sentinel.diagnosis.proofs import Proof
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.scorecard import shipped
from sentinel.diagnosis.signatures import read_signals
from sentinel.diagnosis.verdict import INPUTS_MOVED, NO_LAUNCH_GAP, REVERSED, score
from sentinel.evaluation.findings import FeatureFinding
from tests.diagnosis.test_conditions import DRIFT
from tests.diagnosis.test_mix import split, valued
from tests.diagnosis.test_proofs import feature
from tests.evaluation.worlds import Meta


def gap_at_launch(*features: FeatureFinding) -> Evidence:
    """A gap that has been there from launch on, and has been confirmed."""
    found = msgspec.structs.replace(split(0.0, 0.01), features=features, confirmed=True)
    return gather(found, Meta(), {"predictions": 5_000, "joined": 5_000}, Alerts())


def leak_odds(evidence: Evidence, like: Evidence, *proofs: Proof) -> float:
    """Log-odds of leakage, weighed by the signals of another evidence: what differs are the rules alone."""
    found = score(evidence, proofs, read_signals(like), shipped(), {}).probabilities
    leaks = sum(p for cause, p in found.items() if cause.family == "leakage")
    return math.log(leaks / (1.0 - leaks))


def test_a_launch_gap_that_did_not_last_is_no_leak() -> None:
    """Its evidence inside the launch window counts no more once four windows have not borne it out."""
    stood = gap_at_launch()
    assert leak_odds(replace(stood, retracted=True), stood) - leak_odds(stood, stood) == pytest.approx(-NO_LAUNCH_GAP)


@pytest.mark.parametrize(
    ("before", "after", "against"),
    [
        (0.7, 0.4, REVERSED),  # as good the other way round as half of what it was
        (0.7, 0.401, 0.0),
        (0.7, 0.5, 0.0),  # useless is what a leak becomes
        (REVERSIBLE_AUC - 0.001, 0.3, 0.0),  # weak features turn around by themselves
    ],
)
def test_a_good_feature_that_is_turned_around_is_no_leak(before: float, after: float, against: float) -> None:
    """A leak leaves nothing behind; values that are swapped or mean something else rank the other way."""
    evidence = gap_at_launch(feature(offline_auc=valued(before), online_auc=valued(after)))
    plain = replace(evidence, suspects=())
    assert leak_odds(plain, evidence) - leak_odds(evidence, evidence) == pytest.approx(against, abs=1e-9)


@pytest.mark.parametrize(("psi", "more"), [(BROAD_DRIFT, INPUTS_MOVED), (BROAD_DRIFT - 0.001, 0.0)])
def test_other_inputs_weigh_more_where_an_input_has_moved(psi: float, more: float) -> None:
    """A feature that is served as ever, means what it meant, and is distributed otherwise: other cases have come."""
    moved = msgspec.structs.replace(DRIFT, excess_psi=psi)
    mix = replace(gap_at_launch(feature(lost=False, drift=moved)), is_mix=True)
    still = replace(mix, evaluation=msgspec.structs.replace(mix.evaluation, features=()))
    assert leak_odds(still, mix) - leak_odds(mix, mix) == pytest.approx(more, abs=1e-9)


def test_a_proof_of_a_leak_overrules_both() -> None:
    """What names the leak by what it is stands, whatever the launch and the features look like."""
    stood = gap_at_launch(feature(offline_auc=valued(0.7), online_auc=valued(0.3)))
    proof = Proof((Cause.GROUP_LEAKAGE,), "proven")
    assert leak_odds(replace(stood, retracted=True), stood, proof) == pytest.approx(
        leak_odds(replace(stood, suspects=()), stood, proof)
    )
