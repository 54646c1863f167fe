"""Scored rows in two files, and one check made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from sentinel.audit.check import FitWith, ScoreWith, Started
from sentinel.audit.findings import CheckResult
from sentinel.audit.scan import Given, audit
from sentinel.config.audit import Audit
from sentinel.config.model import Model

START = pd.Timestamp("2026-01-05")
HOUR = pd.Timedelta(hours=1)


def rows(
    n: int,
    seed: int,
    *,
    group: Callable[[np.random.Generator, int], np.ndarray[Any, Any]] | None = None,
    first_hour: int = 0,
) -> pd.DataFrame:
    """One row an hour, with a feature that drives the outcome and a score that knows it: an honest AUC of about .76."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    at = START + HOUR * (first_hour + np.arange(n))
    frame = pd.DataFrame(
        {
            "prediction_id": [f"p{first_hour + i}" for i in range(n)],
            "predicted_at": at,
            "outcome_at": at + HOUR,
            "score": 1.0 / (1.0 + np.exp(-x)),
            "outcome": (rng.random(n) < 1.0 / (1.0 + np.exp(-x))).astype(np.int64),
            "x": x,
            "noise": rng.normal(size=n),
            "plan": rng.choice(["a", "b", "c"], n),
        }
    )
    if group is not None:
        frame["group"] = group(rng, n)
    return frame


def look(
    check: ModuleType,
    validation: pd.DataFrame,
    train: pd.DataFrame | None = None,
    *,
    task: Literal["binary", "multiclass", "regression", "ranking"] = "binary",
    settings: Audit | None = None,
    manifest: Mapping[str, Any] | None = None,
    score_with: ScoreWith | None = None,
    fit_with: FitWith | None = None,
    batch_rows: int = 1 << 15,
) -> CheckResult:
    """What one check says of the rows."""
    model = Model(name="m", version="1", task=task, audit=settings or Audit())
    given = Given(
        model,
        pa.Table.from_pandas(validation, preserve_index=False),
        None if train is None else pa.Table.from_pandas(train, preserve_index=False),
        manifest=manifest,
        score_with=score_with,
        fit_with=fit_with,
    )
    (result,) = audit(given, now_us=0, checks=[cast(Started, check)], batch_rows=batch_rows).checks
    return result
