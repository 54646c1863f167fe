"""Proofs: each from what proves it, at its bound and not short of it, and none from what explains nothing."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from sentinel.config.model import Alerts
from sentinel.diagnosis.evidence import Evidence, gather
from sentinel.diagnosis.proofs import BACKFILL_P, FEWEST_TIMES, LEAST_AFTER, RANGE_RISE, REPAIR_EVIDENCE, find_proofs
from sentinel.diagnosis.report import Cause
from sentinel.evaluation.findings import Ages, Backfill, Counterfactual, FeatureFinding, Value
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
    return Backfill(n=900, mismatch_ratio=0.25, n_with_outcome=900, outcome_log_odds=1.0, p_value=p_value)


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
        (repair(upper=0.99), []),  # surely not all of the gap
        (repair(lower=1.01, upper=1.4), []),  # surely more than the gap
        (repair(lower=None, upper=None, explained=None), []),
    ],
)
def test_a_repair_proves_its_cause(found: Counterfactual, expected: list[set[Cause]]) -> None:
    """Evident beyond twenty to one, and all of the gap within its interval."""
    assert proven(repairs=(found,)) == expected


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
    [("after_outcome", [{Cause.TARGET_LEAKAGE}]), ("after_prediction", []), ("at_prediction", []), (None, [])],
)
def test_declared_after_the_outcome_proves_a_target_leak(available: str | None, expected: list[set[Cause]]) -> None:
    """What people know counts where they say that it knows the outcome."""
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
