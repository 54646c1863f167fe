"""Rows that no one expects end no check of entities or times with an error, nor in a critical finding by chance."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import (
    entities,
    entity_names,
    feature_times,
    outcome_windows,
    period,
    reference_period,
    resplit_by_time,
)
from sentinel.config.audit import Audit
from tests.audit.frames import look, rows

CHECKS = (entities, entity_names, feature_times, outcome_windows, period, reference_period, resplit_by_time)
MANIFEST = {"go_live": "2026-01-10T00:00:00Z", "split": {"protocol": "group"}}


def _rows() -> pd.DataFrame:
    frame = rows(200, 1, group=lambda rng, n: np.array([f"u{i}" for i in rng.integers(0, 60, n)]))
    return frame.assign(x_at=frame["predicted_at"], due=frame["predicted_at"])


def _times(value: str) -> pd.Series[Any]:
    return pd.Series(np.full(200, np.datetime64(value, "us")))


ODD: dict[str, pd.DataFrame] = {
    "one row": _rows()[:1],
    "scores of infinity": _rows().assign(score=np.inf),
    "scores that are all the same": _rows().assign(score=0.5),
    "values of infinity": _rows().assign(x=np.inf, noise=-1e308),
    "times at the end of the calendar": _rows().assign(predicted_at=_times("9999-12-31"), x_at=_times("0001-01-01")),
    "times that are words": _rows().assign(predicted_at="soon"),
    "times that are huge numbers": _rows().assign(predicted_at=1e300),
    "entities that are fractions": _rows().assign(group=np.arange(200) / 2.0),
    "outcomes that are neither": _rows().assign(outcome=2),
    "nothing but nulls": pd.DataFrame({name: pd.Series([None] * 200, dtype=object) for name in _rows().columns}),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.NAME)
@pytest.mark.parametrize("kind", sorted(ODD))
def test_odd_rows_are_no_error(kind: str, check: ModuleType) -> None:
    """In either file, for outcomes of classes and numbers: a result, and nothing critical."""
    settings = Audit(known_at={"x": "x_at"})
    for validation, train in ((ODD[kind], _rows()), (_rows(), ODD[kind])):
        for task in ("binary", "regression"):
            result = look(
                check,
                validation,
                train,
                task=task,
                settings=settings,
                manifest=MANIFEST,
                fit_with=lambda _, asked: np.arange(len(asked), dtype=np.float64),
            )
            assert all(finding.severity != "critical" for finding in result.findings)
