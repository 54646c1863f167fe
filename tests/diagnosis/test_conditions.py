"""Alerts from direct evidence: a change after launch, a feature from the future, a drift of scores or features."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from sentinel.config.model import Alerts
from sentinel.diagnosis.conditions import Condition, conditions
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
BACKFILL = Backfill(n=400, mismatch_ratio=0.5, n_with_outcome=400, outcome_log_odds=3.0, p_value=1e-9)


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


@pytest.mark.parametrize(("alarm", "loss_alarm", "severity"), [(True, False, "warning"), (False, True, "info")])
def test_a_change_warns_by_ranking_and_informs_by_loss(alarm: bool, loss_alarm: bool, severity: str) -> None:
    """The mean loss also moves with the base rate, so alone it is no warning."""
    change = Change(none=0.0, launch=0.1, later=0.9, onset="2026-12-01T00:00:00Z", alarm=alarm, loss_alarm=loss_alarm)
    raised = _raised(msgspec.structs.replace(QUIET, change=change))["SentinelPerformanceChanged"]
    assert raised.severity == severity
    assert "2026-12-01T00:00:00Z" in raised.summary


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
    """Served wrongly is another matter than knowing too much."""
    once = msgspec.structs.replace(BACKFILL, p_value=0.2)
    assert "SentinelFutureFeature" not in _raised(_with_feature(backfill=once))


def test_drift_of_scores_warns_and_of_features_informs() -> None:
    """A feature moves in two harmless streams of three; decisions hang on the scores."""
    assert _raised(_with_feature(drift=DRIFT))["SentinelDrift"].severity == "info"
    moved = msgspec.structs.replace(QUIET, score_drift=DRIFT)
    assert _raised(moved)["SentinelDrift"].severity == "warning"
    slight = msgspec.structs.replace(DRIFT, excess_psi=0.15)
    assert "SentinelDrift" not in _raised(_with_feature(drift=slight))
