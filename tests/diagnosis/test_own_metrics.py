"""The metrics of a task's own in verdict and alerts, and what they lack."""

from __future__ import annotations

import msgspec
import pytest

from sentinel.diagnosis.own_metrics import describe_gap, own_findings, raised, wishes
from sentinel.evaluation.findings import Calibration, Evaluation, Finding, Value
from tests.exposition.reports import report

WORTH = 0.07
"""AUC: the default tolerance and tau."""


def value(number: float | None, n: int = 1_000) -> Value:
    """An estimate, or none."""
    return Value(value=number, lower=number, upper=number, n=n, reason=None if number is not None else "too few rows")


def finding(metric: str, offline: float | None = 0.9, *, alarm: bool = False, detectable: float = 0.01) -> Finding:
    """A finding over all traffic."""
    return Finding(
        metric=metric,
        slice="all",
        offline=value(offline),
        online=value(0.8),
        gap=0.1,
        lower=0.05,
        upper=0.15,
        log_evidence=9.0,
        minimum_detectable_gap=detectable,
        alarm=alarm,
    )


def evaluation(*findings: Finding) -> Evaluation:
    """An evaluation of these findings and nothing else worth a word."""
    template = report()
    nothing = value(None, 0)
    calibration = Calibration(slope=nothing, intercept=nothing)
    return Evaluation(
        findings=findings,
        features=(),
        launch=template.launch,
        offline_calibration=calibration,
        online_calibration=calibration,
    )


@pytest.mark.parametrize(
    ("metrics", "own"),
    [
        (("auc", "accuracy", "log_loss"), ()),
        (("auc", "r2", "explained_variance", "rmse"), ("explained_variance", "r2", "rmse")),
        (("auc", "accuracy", "macro_auc", "log_loss"), ("macro_auc", "accuracy")),
        (("mrr", "auc", "ndcg"), ("ndcg", "mrr")),
    ],
)
def test_only_the_tasks_own_metrics_count(metrics: tuple[str, ...], own: tuple[str, ...]) -> None:
    """The accuracy of a binary model is none of them: its question is the task."""
    found = evaluation(*(finding(name, alarm=True) for name in metrics))
    assert tuple(f.metric for f in own_findings(found)) == own
    assert tuple(f.metric for f in raised(found)) == own


def test_a_slice_is_not_all_traffic() -> None:
    """Findings of slices and quiet findings raise nothing."""
    sliced = msgspec.structs.replace(finding("ndcg", alarm=True), slice="region=EU")
    assert raised(evaluation(finding("ndcg"), finding("mrr"), sliced)) == ()


@pytest.mark.parametrize(
    ("gap", "lower", "upper", "told"),
    [
        (0.1, 0.05, 0.15, "worse by 0.100 (95 % 0.050 to 0.150 at every look)"),
        (-0.1, -0.15, 0.05, "better by 0.100 (95 % -0.050 to 0.150 at every look)"),
    ],
)
def test_a_gap_is_told_by_its_way(gap: float, lower: float, upper: float, told: str) -> None:
    """Live that is better than offline is not "worse by" a negative number; the bounds turn with it."""
    found = msgspec.structs.replace(finding("ndcg"), gap=gap, lower=lower, upper=upper)
    assert describe_gap(found).endswith(f"offline on 1000 rows: {told}")


def test_wishes_name_what_is_too_small() -> None:
    """.1 R2 is judged where .05 AUC is, so .14 is worth knowing; an estimate that is not there is asked for."""
    found = evaluation(finding("explained_variance", None), finding("r2", detectable=0.15), finding("mae", 2.0))
    first, second = wishes(found, WORTH)
    assert first.startswith("an offline explained_variance: too few rows")
    assert "no gap below 0.15 r2 can ever be proven, 0.14 is wanted" in second
    assert not list(wishes(evaluation(finding("ndcg"), finding("mrr")), WORTH))
