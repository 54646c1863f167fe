"""What is said to have been measured is held against what the rows give."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from sentinel.audit.check import Started
from sentinel.audit.checks import stated_metrics
from sentinel.audit.findings import CheckResult
from sentinel.audit.scan import Given, audit
from sentinel.config.columns import Columns
from sentinel.config.model import Model
from sentinel.events.schema import Task

N = 4_000


def _binary(seed: int, n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.random(n)
    return pd.DataFrame({"x": rng.normal(size=n), "score": score, "outcome": (rng.random(n) < score).astype(np.int64)})


def _check(frame: pd.DataFrame, stated: dict[str, float], task: Task = "binary") -> CheckResult:
    model = Model(name="m", version="1", task=task, columns=Columns())
    given = Given(model, pa.Table.from_pandas(frame, preserve_index=False), manifest={"stated_metrics": stated})
    (result,) = audit(given, now_us=0, checks=[cast(Started, stated_metrics)]).checks
    return result


@pytest.mark.parametrize("seed", range(10))
def test_area_of_these_rows_is_clear_to_three_digits(seed: int) -> None:
    """scikit-learn's area of the same rows, as people write it, is never found."""
    frame = _binary(seed)
    result = _check(frame, {"auc": round(float(roc_auc_score(frame["outcome"], frame["score"])), 3)})
    assert result.state == "clear"


@pytest.mark.parametrize(("more", "severity"), [(0.005, "info"), (0.05, "warning"), (0.15, "warning")])
def test_area_that_looks_better_is_found(more: float, severity: str) -> None:
    """Within what chance moves such an area it is information; beyond it a warning: 95 % of .83 is about +- .013."""
    frame = _binary(1)
    area = float(roc_auc_score(frame["outcome"], frame["score"]))
    (finding,) = _check(frame, {"auc": area + more}).findings
    assert finding.severity == severity
    assert "looks better than it is" in finding.detail


def test_area_that_looks_worse_is_information() -> None:
    """Whoever states too little misleads nobody into going live."""
    (finding,) = _check(_binary(1), {"auc": 0.6}).findings
    assert finding.severity == "info"
    assert "looks better" not in finding.detail


def test_error_of_a_regression_looks_better_when_small() -> None:
    """Scores that miss by one have a root mean square error of one; half of it flatters."""
    rng = np.random.default_rng(2)
    outcomes = rng.normal(size=N)
    frame = pd.DataFrame({"x": rng.normal(size=N), "score": outcomes + rng.choice([-1, 1], N), "outcome": outcomes})
    assert _check(frame, {"rmse": 1.001}, "regression").state == "clear"
    (finding,) = _check(frame, {"rmse": 0.5}, "regression").findings
    assert finding.severity == "warning"


def test_without_a_stated_metric_or_scores_nothing_is_compared() -> None:
    """The result says what to give."""
    assert _check(_binary(1), {"rmse": 1.0}).needs == "stated_metrics: {auc: ...}"
    result = _check(_binary(1).drop(columns="score"), {"auc": 0.8})
    assert (result.state, result.detail) == ("not_checked", "the validation rows have no score")


def test_one_class_is_not_checked() -> None:
    """An area of one class is none."""
    assert _check(_binary(1).assign(outcome=1), {"auc": 0.8}).state == "not_checked"


def test_scores_that_are_missing_are_passed_over() -> None:
    """NaN and infinite scores leave the area of the others."""
    frame = _binary(3)
    area = float(roc_auc_score(frame["outcome"], frame["score"]))
    spoiled = pd.concat([frame, frame[:200].assign(score=np.nan), frame[:200].assign(score=np.inf)], ignore_index=True)
    assert _check(spoiled, {"auc": area}).state == "clear"
