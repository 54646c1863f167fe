"""A regression that loses accuracy near the top: the question of yes or no hardly moves, the task's own metrics do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sentinel.diagnosis.words import explain
from tests.e2e.test_tasks import replayed
from tests.support.task_frames import precise_frames


@pytest.fixture(scope="module", params=[0.90, 0.99])
def share(request: pytest.FixtureRequest) -> float:
    """Share of the live outcome's variance that predictions explain; .99 offline."""
    value: float = request.param
    return value


def test_a_loss_near_the_top_alerts_by_its_own_metrics(share: float, tmp_path: Path) -> None:
    """From .99 to .90: a warning for each of the four metrics, once; not for the twin that stays at .99."""
    report = replayed("regression", precise_frames(live_r2=share), tmp_path)
    gaps = [(a.metric, a.severity) for a in report.alerts if a.name == "SentinelOfflineOnlineGap" and a.metric != "auc"]
    worse = share < 0.99
    assert sorted(gaps) == [(m, "warning") for m in ("explained_variance", "mae", "r2", "rmse")] * worse
    found = {f.metric: f for f in report.findings if f.slice == "all"}
    assert found["r2"].online.value == pytest.approx(share, abs=0.01)
    assert set(report.verdict.minimum_detectable_gap) >= {"auc", "r2", "explained_variance", "mae", "rmse"}
    if worse:
        assert report.verdict.cause != "none"
        assert found["auc"].gap is not None
        assert found["auc"].gap < 0.04
    else:
        assert report.alerts == ()
        assert report.verdict.cause == "none"


def test_residuals_are_told(share: float, tmp_path: Path) -> None:
    """Noise is normal: the live 95 % quantile is 1.645 deviations, offline as live, and the parts of MAE add up."""
    report = replayed("regression", precise_frames(live_r2=share), tmp_path)
    residuals = report.residuals
    assert residuals is not None
    assert residuals.beyond_ratio is not None
    assert residuals.excess_psi is not None
    deviation = 10.0 * np.sqrt(1.0 / 0.99 - 1.0)
    assert residuals.offline_quantiles["p95"] == pytest.approx(1.645 * deviation, rel=0.1)
    assert residuals.offline_quantiles["p50"] == pytest.approx(0.0, abs=0.1 * deviation)
    assert "How predictions miss" in explain(report)
    [mae] = [f for f in report.findings if f.metric == "mae" and f.slice == "all"]
    assert (residuals.n, residuals.offline_n) == (mae.online.n, mae.offline.n)
    assert report.maturity is not None
    assert report.maturity.seconds == 86_400
    assert residuals.n == report.maturity.n_outcomes < report.counts["joined"]  # the youngest day's wait
    parts = (mae.parts.score_mix, mae.parts.outcome, mae.parts.label_selection)
    assert mae.gap == pytest.approx(sum(part or 0.0 for part in parts), abs=1e-6)
    live = 10.0 * np.sqrt(1.0 / share - 1.0)
    assert residuals.quantiles["p05"] == pytest.approx(-1.645 * live, rel=0.1)
    if share < 0.99:
        assert residuals.beyond_ratio > 0.1  # 3.3 offline deviations are one live one
        assert residuals.excess_psi > 0.25
        assert mae.parts.outcome == pytest.approx(mae.gap, rel=0.1)
    else:
        assert residuals.beyond_ratio < 0.005
        assert residuals.excess_psi < 0.05
