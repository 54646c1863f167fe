"""Proofs: each from what proves it, at its bound and not short of it, and none from what explains nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from sentinel.baseline.evidence import StaticEvidence
from sentinel.config.alerts import Alerts
from sentinel.diagnosis.evidence import BROAD_DRIFT, Evidence, gather
from sentinel.diagnosis.proofs import (
    BACKFILL_P,
    COPIED,
    EXPECTED_EXPLAINS,
    EXPLAINS,
    FEWEST_TIMES,
    LEAST_AFTER,
    RANGE_RISE,
    REPAIR_EVIDENCE,
    Proof,
    find_proofs,
    find_score_proofs,
)
from sentinel.diagnosis.report import Cause
from sentinel.evaluation.findings import Ages, Backfill, Counterfactual, Drift, FeatureFinding, StuckScore, Value
from tests.diagnosis.test_mix import split
from tests.evaluation.worlds import Meta

KNEW = {Cause.TARGET_LEAKAGE, Cause.TEMPORAL_LEAKAGE}
EPSILON = 1e-9


def feature(*, lost: bool = True, **changes: Any) -> FeatureFinding:
    """One that knew .8 offline and, where it was lost, .6 live, ten standard errors less."""
    online = 0.6 if lost else 0.8
    plain = FeatureFinding(
        name="balance",
        kind="numeric",
        offline_auc=Value(value=0.8, lower=0.79, upper=0.81, n=5_000),
        online_auc=Value(value=online, lower=online - 0.01, upper=online + 0.01, n=5_000),
        collapse=10.0 if lost else 0.0,
        offline_missing_ratio=0.0,
        online_missing_ratio=0.0,
        offline_top_share=0.1,
        online_top_share=0.1,
        online_top_bin="[0, 1)",
        online_unseen_ratio=0.0,
    )
    return msgspec.structs.replace(plain, **changes)


def ages(n: int = FEWEST_TIMES, after: float = LEAST_AFTER) -> Ages:
    """Times of the offline rows, some of which lie after the prediction."""
    return Ages(
        n=900,
        offline_n=n,
        after_prediction_ratio=0.0,
        offline_after_prediction_ratio=after,
        median_seconds=60.0,
        offline_median_seconds=60.0,
        too_old_ratio=None,
    )


def backfill(p_value: float | None) -> Backfill:
    """Recomputed values of which a quarter differ."""
    return Backfill(n=900, mismatch_ratio=0.25, n_with_outcome=900, outcome_log_odds=1.0, p_value=0.0, growth_p=p_value)


def repair(**changes: Any) -> Counterfactual:
    """A repair that may explain all of the gap, just beyond doubt."""
    plain = Counterfactual(
        name="groups",
        cause="group_leakage",
        corrected=Value(value=0.81, lower=0.79, upper=0.83, n=900),
        log_evidence=REPAIR_EVIDENCE + EPSILON,
        explained=0.9,
        lower=0.7,
        upper=1.0,
        remainder=0.5,
    )
    return msgspec.structs.replace(plain, **changes)


def proven(*features: FeatureFinding, repairs: tuple[Counterfactual, ...] = ()) -> list[set[Cause]]:
    """The causes of each proof."""
    found = msgspec.structs.replace(split(0.0, 0.01), features=features, counterfactuals=repairs)
    counts = {"predictions": 5_000, "joined": 5_000}
    evidence: Evidence = gather(found, Meta(), counts, Alerts())
    return [set(proof.causes) for proof in find_proofs(evidence)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (repair(), [{Cause.GROUP_LEAKAGE}]),
        (repair(log_evidence=REPAIR_EVIDENCE), []),  # odds of 20 are not beyond 20
        (repair(log_evidence=None), []),
        (repair(upper=0.99), [{Cause.GROUP_LEAKAGE}]),  # surely not all of the gap: there may be a second cause
        (repair(explained=EXPLAINS), [{Cause.GROUP_LEAKAGE}]),
        (repair(explained=EXPLAINS - EPSILON), []),
        (repair(lower=1.01, upper=1.4), []),  # surely more than the gap
        (repair(lower=None, upper=None, explained=None), []),
        (repair(cause="selection_optimism", explained=EXPECTED_EXPLAINS), [{Cause.SELECTION_OPTIMISM}]),
        (repair(cause="selection_optimism", explained=EXPECTED_EXPLAINS - EPSILON), []),  # reckoned, not measured
        (repair(cause="selection_optimism", upper=1.0 - EPSILON), []),  # surely not all of the gap
    ],
)
def test_a_repair_proves_its_cause(found: Counterfactual, expected: list[set[Cause]]) -> None:
    """Evident beyond twenty to one, at least half of the gap, and not surely more than all of it."""
    assert proven(repairs=(found,)) == expected


@pytest.mark.parametrize(
    ("copied", "expected"),
    [
        (None, [Cause.GROUP_LEAKAGE, Cause.DUPLICATE_LEAKAGE, Cause.TEMPORAL_LEAKAGE]),
        (COPIED, [Cause.DUPLICATE_LEAKAGE]),  # copies name an entity and lie in the training period, too
        (COPIED - EPSILON, [Cause.GROUP_LEAKAGE, Cause.TEMPORAL_LEAKAGE]),  # entities that change little repeat
    ],
)
def test_the_same_rows_are_blamed_once(copied: float | None, expected: list[Cause]) -> None:
    """Rows with the inputs and the time of a training row are copies; without their time they are repeats."""
    repairs = tuple(
        repair(name=cause, cause=cause) for cause in ("group_leakage", "duplicate_leakage", "temporal_leakage")
    )
    found = msgspec.structs.replace(split(0.0, 0.01), counterfactuals=repairs)
    evidence = gather(found, Meta(), {"predictions": 5_000, "joined": 5_000}, Alerts())
    evidence = replace(evidence, static=StaticEvidence(copied_ratio=copied))
    assert [proof.causes for proof in find_proofs(evidence)] == [(cause,) for cause in expected]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (ages(), [KNEW]),
        (ages(n=FEWEST_TIMES - 1), []),  # too few times
        (ages(after=LEAST_AFTER - EPSILON), []),  # single ones are clocks
        (None, []),
    ],
)
def test_offline_times_after_the_prediction_prove_a_future_feature(
    found: Ages | None, expected: list[set[Cause]]
) -> None:
    """One in a hundred of fifty times, of a feature that was lost."""
    assert proven(feature(ages=found)) == expected


@pytest.mark.parametrize(
    ("p_value", "expected"), [(BACKFILL_P / 2, [KNEW]), (BACKFILL_P, []), (1.0, []), (math.nan, []), (None, [])]
)
def test_recomputed_values_that_depend_on_the_outcome_prove_one(
    p_value: float | None, expected: list[set[Cause]]
) -> None:
    """A mismatch that knows the outcome, never one that does not, nor one that could not be tested."""
    assert proven(feature(backfill=backfill(p_value))) == expected


@pytest.mark.parametrize(
    ("available", "expected"),
    [
        ("after_outcome", [{Cause.TARGET_LEAKAGE}]),
        ("after_prediction", [{Cause.TEMPORAL_LEAKAGE}]),
        ("at_prediction", []),
        (None, []),
    ],
)
def test_declared_too_late_proves_a_leak(available: str | None, expected: list[set[Cause]]) -> None:
    """What people know counts where they say that it knows the outcome, or what comes after the prediction."""
    assert proven(feature(available=available)) == expected


@pytest.mark.parametrize(
    ("live", "offline", "expected"),
    [
        (RANGE_RISE, None, [{Cause.TRAIN_SERVE_SKEW}]),
        (RANGE_RISE, 0.0, [{Cause.TRAIN_SERVE_SKEW}]),
        (RANGE_RISE - EPSILON, 0.0, []),
        (1.0, 0.75, []),  # a range that the offline rows did not keep either
        (None, None, []),
    ],
)
@pytest.mark.parametrize("lost", [True, False])
def test_half_more_outside_the_declared_range_proves_skew(
    live: float | None, offline: float | None, expected: list[set[Cause]], lost: bool
) -> None:
    """A unit, not a stray, whether or not the feature has lost what it knew."""
    found = feature(lost=lost, outside_range_ratio=live, offline_outside_range_ratio=offline)
    assert proven(found) == expected


def stuck(**changes: Any) -> StuckScore:
    """Nearly all live scores in one narrow span since launch."""
    plain = StuckScore(
        lower=0.118, upper=0.124, ratio=0.97, offline_ratio=0.02, offline_top_ratio=0.03, n=4_000,
        since="2026-11-01T00:00:00Z", until=None, from_launch=True, whole=True, contradicted=False,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def of_scores(*features: FeatureFinding, **changes: Any) -> list[Proof]:
    """The proofs of an evaluation with these scores."""
    found = msgspec.structs.replace(split(0.0, 0.01), features=features, **changes)
    return list(find_score_proofs(gather(found, Meta(), {"predictions": 5_000, "joined": 5_000}, Alerts())))


STILL, MOVED = (
    feature(lost=False, drift=Drift(
        excess_psi=index, jensen_shannon=0.0, wasserstein=None, kolmogorov_smirnov=None, p_value=1.0, log_evidence=0.0,
    )) for index in (0.0, BROAD_DRIFT)
)  # fmt: skip


@pytest.mark.parametrize(
    ("score", "features", "expected"),
    [
        (stuck(), (), Cause.TRAIN_SERVE_SKEW),
        (stuck(from_launch=False), (), Cause.DATA_QUALITY_FAULT),
        (stuck(), (MOVED,), Cause.TRAIN_SERVE_SKEW),
        (stuck(), (STILL, feature(lost=False, online_missing_ratio=1.0)), None),  # the model answers to that
        (stuck(whole=False), (STILL,), Cause.TRAIN_SERVE_SKEW),
        (stuck(whole=False), (STILL, MOVED), None),  # new customers without a history
        (stuck(whole=False), (), None),  # nobody knows their inputs
        (stuck(whole=False, contradicted=True), (STILL, MOVED), Cause.TRAIN_SERVE_SKEW),
        (None, (STILL,), None),
    ],
)
def test_a_stuck_score_proves_a_fault_of_serving(
    score: StuckScore | None, features: tuple[FeatureFinding, ...], expected: Cause | None
) -> None:
    """From launch skew, later a fault; not where inputs may be why."""
    assert [proof.causes for proof in of_scores(*features, stuck_score=score)] == [(expected,)] * bool(expected)


def test_a_stuck_score_is_told_with_both_shares() -> None:
    """Where, in how many predictions, since when, and how it was offline."""
    over = stuck(from_launch=False, until="2026-11-02T00:00:00Z")
    told = (stuck(), over, stuck(lower=None), stuck(upper=None))
    first, later, low, high = (of_scores(stuck_score=one)[0].words for one in told)
    tail = "2% offline, where no such span holds more than 3%"
    assert first == f"the live score lies between 0.118 and 0.124 in 97% of predictions since launch, {tail}"
    assert "since 2026-11-01T00:00:00Z until 2026-11-02T00:00:00Z, " in later
    assert low.startswith("the live score is below 0.124 in ")
    assert high.startswith("the live score is 0.118 or more in ")


def test_offline_scores_that_are_the_outcomes_prove_a_target_leak() -> None:
    """Said with what to look at; not where live is as good, which no copy could be."""
    (proof,) = of_scores(offline_scores_are_outcomes=True)
    assert proof.causes == (Cause.TARGET_LEAKAGE,)
    assert "check which column of the validation file is named as the score" in proof.words
    headline = split(0.0, 0.01).findings[0]
    same = (msgspec.structs.replace(headline, gap=0.0),)
    assert of_scores(offline_scores_are_outcomes=True, findings=same) == []


def test_a_feature_that_lost_nothing_proves_nothing() -> None:
    """Times, recomputed values and declarations of a feature as good as ever have cost nothing: it is not blamed."""
    kept = feature(lost=False, ages=ages(after=1.0), backfill=backfill(0.0), available="after_outcome")
    assert proven(kept) == []


def test_a_feature_that_was_never_measured_proves_nothing() -> None:
    """Without an association there is no loss, whatever else is known."""
    nothing = Value(value=None, lower=None, upper=None, n=0, reason="one class")
    blank = feature(offline_auc=nothing, online_auc=nothing, collapse=None, ages=ages(after=1.0))
    assert proven(blank) == []


def test_each_proof_stands_for_itself() -> None:
    """A repair, times and recomputed values are three proofs, and each has words of its own."""
    found = msgspec.structs.replace(
        split(0.0, 0.01), features=(feature(ages=ages(), backfill=backfill(0.0)),), counterfactuals=(repair(),)
    )
    proofs = find_proofs(gather(found, Meta(), {"predictions": 5_000, "joined": 5_000}, Alerts()))
    assert [set(proof.causes) for proof in proofs] == [{Cause.GROUP_LEAKAGE}, KNEW, KNEW]
    assert len({proof.words for proof in proofs}) == 3
    assert all("'balance'" in proof.words for proof in proofs[1:])
