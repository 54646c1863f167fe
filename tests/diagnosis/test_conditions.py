"""Alerts from direct evidence: a change after launch, a feature from the future, a drift of scores or features."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from sentinel.config.alerts import Alerts
from sentinel.diagnosis.conditions import Condition, conditions, rivals
from sentinel.diagnosis.report import Cause, Verdict
from sentinel.diagnosis.verdict import diagnose
from sentinel.evaluation.evaluate import evaluate
from sentinel.evaluation.findings import Ages, Backfill, Change, Drift, Evaluation
from tests.evaluation.worlds import draw, offline, series, world_layout

LAYOUT = world_layout()
BASELINE = offline(LAYOUT, draw(LAYOUT, np.random.default_rng(1), 3_000))
QUIET = evaluate(BASELINE, series(LAYOUT, draw(LAYOUT, np.random.default_rng(2), 3_000)), Alerts())
COUNTS = {"predictions": 3_000, "joined": 3_000}
DRIFT = Drift(
    excess_psi=0.4, jensen_shannon=0.3, wasserstein=None, kolmogorov_smirnov=None, p_value=0.0, log_evidence=80.0,
    alarm=True,
)  # fmt: skip
AGES = Ages(
    n=0, offline_n=500, after_prediction_ratio=0.0, offline_after_prediction_ratio=0.3, median_seconds=None,
    offline_median_seconds=60.0, too_old_ratio=None,
)  # fmt: skip
BACKFILL = Backfill(n=400, mismatch_ratio=0.5, n_with_outcome=400, outcome_log_odds=3.0, p_value=1e-9, growth_p=1e-9)


def _raised(evaluation: Evaluation) -> dict[str, Condition]:
    verdict = diagnose(evaluation, BASELINE, COUNTS)
    return {condition.name: condition for condition in conditions(evaluation, verdict, COUNTS)}


def _with_feature(**fields: Any) -> Evaluation:
    first, *rest = QUIET.features
    return msgspec.structs.replace(QUIET, features=(msgspec.structs.replace(first, **fields), *rest))


def test_a_quiet_model_raises_none_of_them() -> None:
    """The world that all the others are twisted from."""
    names = {"SentinelPerformanceChanged", "SentinelFutureFeature", "SentinelDrift"}
    assert not names & _raised(QUIET).keys()


@pytest.mark.parametrize(
    ("by_auc", "confirmed", "by_own", "severity"),
    [
        (True, True, None, "critical"),
        (True, False, None, "warning"),
        (False, True, None, "warning"),
        (False, True, False, "warning"),
        (False, True, True, "critical"),  # a ranking: the question sees little of what its NDCG shows
        (True, False, True, "critical"),
    ],
)
def test_leakage_pages_where_the_gap_was_there_from_launch(
    by_auc: bool, confirmed: bool, by_own: bool | None, severity: str
) -> None:
    """At .8, by the AUC inside the launch window or by the task's own metric there, whatever the task."""
    window = msgspec.structs.replace(QUIET.launch, alarm=by_auc)
    own = None if by_own is None else msgspec.structs.replace(QUIET.launch, alarm=by_own)
    found = msgspec.structs.replace(
        QUIET, launch=window, confirmed=confirmed, own_launch=own, covered_seconds=7 * 86_400.0
    )
    raised = {condition.name: condition for condition in conditions(found, _leaking(), COUNTS)}
    assert raised["SentinelLeakageSuspected"].severity == severity


@pytest.mark.parametrize(
    ("days", "proven", "severity"),
    [
        (6.99, (), "warning"),
        (6.99, (Cause.TRAIN_SERVE_SKEW,), "warning"),
        (0.5, (Cause.TEMPORAL_LEAKAGE,), "critical"),
        (7.0, (), "critical"),
    ],
)
def test_a_gap_pages_after_a_whole_week_or_by_a_proof(days: float, proven: tuple[Cause, ...], severity: str) -> None:
    """Five weekdays look like a leak to a model that knows the weekend; the summary says what the page waits for."""
    headline = QUIET.findings[0]
    assert (headline.metric, headline.slice) == ("auc", "all")
    findings = (msgspec.structs.replace(headline, alarm=True, gap=0.15), *QUIET.findings[1:])
    window = msgspec.structs.replace(QUIET.launch, alarm=True)
    found = msgspec.structs.replace(
        QUIET, findings=findings, launch=window, confirmed=True, covered_seconds=days * 86_400.0
    )
    leaking = msgspec.structs.replace(_leaking(), proven=proven)
    raised = {condition.name: condition for condition in conditions(found, leaking, COUNTS)}
    for name in ("SentinelLeakageSuspected", "SentinelOfflineOnlineGap"):
        assert raised[name].severity == severity
        assert (f"the outcomes are of {days:.1f} days" in raised[name].summary) == (severity == "warning")


def test_a_drift_says_nothing_of_weeks() -> None:
    """What would not page in a month either is not said to wait for a week."""
    found = msgspec.structs.replace(QUIET, launch=msgspec.structs.replace(QUIET.launch, alarm=False))
    raised = {condition.name: condition for condition in conditions(found, _leaking(), COUNTS)}
    assert "week" not in raised["SentinelLeakageSuspected"].summary


@pytest.mark.parametrize(
    ("others", "told"),
    [
        (
            {"concept_drift": 0.04, "train_serve_skew": 0.009, "none": 0.02},
            "could also be concept_drift (4%) or none (2%)",
        ),
        ({"concept_drift": 0.04, "train_serve_skew": 0.004}, "could also be concept_drift (4%)"),
        ({"train_serve_skew": 0.009}, "no other cause is as likely as 1%"),
    ],
)
def test_only_causes_worth_naming_are_rivals(others: dict[str, float], told: str) -> None:
    """The two likeliest, none of them below a hundredth: nobody looks into a cause of 0 %."""
    verdict = _leaking()
    sure = dict.fromkeys(verdict.probabilities, 0.0) | others
    sure["target_leakage"] = 1.0 - sum(others.values())
    assert rivals(msgspec.structs.replace(verdict, probabilities=sure)) == told


def _leaking() -> Verdict:
    verdict = diagnose(QUIET, BASELINE, COUNTS)
    leak = dict.fromkeys(verdict.probabilities, 0.0) | {"target_leakage": 0.8, "train_serve_skew": 0.2}
    return msgspec.structs.replace(verdict, cause=Cause.TARGET_LEAKAGE, probabilities=leak)


@pytest.mark.parametrize(("alarm", "loss_alarm", "severity"), [(True, False, "warning"), (False, True, "info")])
def test_a_change_warns_by_ranking_and_informs_by_loss(alarm: bool, loss_alarm: bool, severity: str) -> None:
    """The mean loss also moves with the base rate, so alone it is no warning."""
    change = Change(none=0.0, launch=0.1, later=0.9, onset="2026-12-01T00:00:00Z", alarm=alarm, loss_alarm=loss_alarm)
    raised = _raised(msgspec.structs.replace(QUIET, change=change))["SentinelPerformanceChanged"]
    assert raised.severity == severity
    assert "2026-12-01T00:00:00Z" in raised.summary


def test_a_change_says_by_how_much() -> None:
    """What ranking has lost since, not only what it is short of offline."""
    change = Change(none=0.0, launch=0.1, later=0.9, onset="2026-12-01T00:00:00Z", alarm=True, drop=0.08)
    summary = _raised(msgspec.structs.replace(QUIET, change=change))["SentinelPerformanceChanged"].summary
    assert summary.startswith(
        "ranking has become worse by 0.080 AUC since launch, likeliest since 2026-12-01T00:00:00Z"
    )


@pytest.mark.parametrize(
    ("fields", "severity", "said"),
    [
        ({"ages": AGES}, "critical", "written after the prediction in 30% of offline rows"),
        ({"backfill": BACKFILL}, "critical", "differs when recomputed in 50%"),
        ({"available": "after_outcome"}, "warning", "declared to be available after outcome"),
    ],
)
def test_a_feature_from_the_future_is_raised(fields: dict[str, Any], severity: str, said: str) -> None:
    """Proven by its times or its backfill it pages, declared it warns."""
    raised = _raised(_with_feature(**fields))["SentinelFutureFeature"]
    assert raised.severity == severity
    assert said in raised.summary


def test_a_backfill_that_differs_whatever_the_outcome_is_no_future() -> None:
    """Served wrongly is another matter than knowing too much, even where the mismatch depends on the outcome."""
    once = msgspec.structs.replace(BACKFILL, growth_p=0.2)
    assert "SentinelFutureFeature" not in _raised(_with_feature(backfill=once))


def test_drift_of_scores_warns_and_of_features_informs() -> None:
    """A feature moves in two harmless streams of three; decisions hang on the scores."""
    assert _raised(_with_feature(drift=DRIFT))["SentinelDrift"].severity == "info"
    moved = _raised(msgspec.structs.replace(QUIET, score_drift=DRIFT))["SentinelDrift"]
    assert moved.severity == "warning"
    assert moved.summary.endswith(
        "the scores (0.40); alone it costs nothing; it could be a fault in the data, or the season"
    )
    slight = msgspec.structs.replace(DRIFT, excess_psi=0.15)
    assert "SentinelDrift" not in _raised(_with_feature(drift=slight))
