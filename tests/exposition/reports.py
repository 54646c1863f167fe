"""Small reports with known numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sentinel.diagnosis.report import Alert, BaselineReference, Cause, Culprit, Report, TimelinePoint, Verdict
from sentinel.evaluation.findings import (
    Ages,
    Backfill,
    Change,
    Counterfactual,
    Drift,
    Fault,
    FeatureFinding,
    Finding,
    LaunchWindow,
    Maturity,
    Overlap,
    Parts,
    Shift,
    Value,
)

NO_VALUE = Value(value=None, lower=None, upper=None, n=12, reason="12 outcomes of the 200 needed")
LEAKAGE_ALERT = Alert(
    name="SentinelLeakageSuspected",
    severity="critical",
    metric="auc",
    slice="all",
    cause=Cause.TARGET_LEAKAGE,
    fired_at="2026-11-20T12:00:00Z",
    n_outcomes=1_000,
)


def finding(
    slice_name: str = "all", *, metric: str = "auc", gap: float | None = 0.125, log_evidence: float | None = 9.5
) -> Finding:
    """An AUC of .9 offline, .775 live; without a gap the live side is not known."""
    offline = Value(value=0.9, lower=0.875, upper=0.925, n=2_000)
    online = NO_VALUE if gap is None else Value(value=0.9 - gap, lower=0.75, upper=0.8, n=1_000)
    return Finding(
        metric=metric,
        slice=slice_name,
        offline=offline,
        online=online,
        gap=gap,
        lower=None if gap is None else 0.0625,
        upper=None if gap is None else 0.1875,
        log_evidence=log_evidence,
        minimum_detectable_gap=0.03125,
    )


def feature(name: str = "tenure_days", *, collapse: float | None = 8.25) -> FeatureFinding:
    """A feature that knew the outcome offline and no longer does."""
    return FeatureFinding(
        name=name,
        kind="numeric",
        offline_auc=Value(value=0.875, lower=0.85, upper=0.9, n=2_000),
        online_auc=Value(value=0.5, lower=0.45, upper=0.55, n=1_000),
        collapse=collapse,
        offline_missing_ratio=0.0,
        online_missing_ratio=0.25,
        offline_top_share=0.125,
        online_top_share=0.75,
        online_top_bin="0 to 1",
        online_unseen_ratio=0.0625,
    )


def report(
    model: str = "churn",
    version: str = "7",
    *,
    findings: Sequence[Finding] | None = None,
    features: Sequence[FeatureFinding] = (),
    alerts: Sequence[Alert] = (),
    culprits: Sequence[Culprit] = (),
) -> Report:
    """A model version that is suspected of a target leak."""
    return Report(
        model=model,
        version=version,
        through="2026-11-20T12:00:00Z",
        generated_by="sentinel test",
        baseline=BaselineReference(digest="d", created_at="2026-11-01T00:00:00Z", n_rows=2_000, split_protocol=None),
        counts={"predictions": 5_000, "outcomes": 1_000},
        verdict=Verdict(
            cause=Cause.TARGET_LEAKAGE,
            family="leakage",
            confidence=0.75,
            probabilities={Cause.TARGET_LEAKAGE: 0.75, Cause.CONCEPT_DRIFT: 0.25},
            culprits=tuple(culprits),
            reasons=("tenure_days lost its association",),
        ),
        findings=tuple([finding()] if findings is None else findings),
        features=tuple(features),
        launch=LaunchWindow(complete=True, n_outcomes=1_000, through=None, gap=0.125, log_evidence=9.5, alarm=True),
        alerts=tuple(alerts),
        timeline=(
            TimelinePoint(
                at="2026-11-20T12:00:00Z",
                n_predictions=5_000,
                n_outcomes=1_000,
                metric="auc",
                online=0.775,
                gap=0.125,
                lower=0.0625,
                upper=0.1875,
                log_evidence=9.5,
                cause=Cause.TARGET_LEAKAGE,
            ),
        ),
    )


def full_report(model: str = "churn", version: str = "7") -> Report:
    """One in which every metric of a report has a series."""
    expected = Value(value=0.875, lower=0.85, upper=0.9, n=5_000)
    intervals = {"score_mix": (0.0, 0.05), "outcome": (0.0625, 0.1375)}
    parts = Parts(slice_mix=0.0, score_mix=0.025, outcome=0.1, label_selection=0.0, intervals=intervals)
    complete = msgspec.structs.replace(finding(), expected=expected, parts=parts)
    drift = Drift(
        excess_psi=0.5, jensen_shannon=0.25, wasserstein=1.5, kolmogorov_smirnov=0.375, p_value=0.0, log_evidence=90.0
    )
    fault = Fault(
        kind="missing", ratio=0.5, offline_ratio=0.0, n=500, since="2026-11-19T00:00:00Z", until=None, from_launch=False
    )
    ages = Ages(
        n=100, offline_n=50, after_prediction_ratio=0.0, offline_after_prediction_ratio=0.5, median_seconds=60.0,
        offline_median_seconds=-60.0, too_old_ratio=None,
    )  # fmt: skip
    backfill = Backfill(n=100, mismatch_ratio=0.25, n_with_outcome=50, outcome_log_odds=None, p_value=None)
    moved = msgspec.structs.replace(feature(), drift=drift, faults=(fault,), ages=ages, backfill=backfill)
    evidence: dict[str, Any] = {
        "change": Change(none=0.0, launch=0.875, later=0.125),
        "counterfactuals": (
            Counterfactual(
                name="duplicates", cause="duplicate_leakage", corrected=expected, log_evidence=3.5, explained=0.75,
                lower=0.5, upper=1.0, remainder=0.5,
            ),
        ),
        "shift": Shift(kind="concept", level=0.5, slope=-0.25),
        "maturity": Maturity(
            seconds=604_800.0, n_mature=2_000, n_outcomes=1_000, coverage_ratio=0.5, lowest_coverage_ratio=0.25,
            delay_ratio=1.5,
        ),
        "overlaps": (
            Overlap(
                of="rows", offline_ratio=0.5, online_ratio=0.0, seen=expected, unseen=expected, contrast=None
            ),
        ),
    }  # fmt: skip
    made = report(
        model,
        version,
        findings=[complete, finding("region=EU", log_evidence=1.5)],
        features=[moved],
        alerts=[LEAKAGE_ALERT],
        culprits=[Culprit(kind="feature", name="tenure_days", weight=1.0)],
    )
    counts = {**made.counts, "joined": 1_000, "duplicates": 3}
    return msgspec.structs.replace(made, counts=counts, score_drift=drift, **evidence)
