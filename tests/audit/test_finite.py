"""Whatever a check makes of odd rows, its report can be written and read again."""

from __future__ import annotations

import math
from typing import Literal

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sentinel.audit.findings import CheckResult, Finding, Inflation, Interval, Plot, RowPair, Series
from sentinel.audit.finite import finite
from sentinel.audit.report.document import from_json, to_json
from sentinel.audit.scan import Given, audit
from sentinel.config.model import Model
from tests.audit.frames import rows

GOOD = Interval(value=0.5, lower=0.4, upper=0.6)
WHOLE = Finding(
    check="c",
    cause="target_leakage",
    severity="critical",
    title="t",
    detail="d",
    mend="m",
    share=GOOD,
    chance=0.1,
    inflation=Inflation(metric="auc", stated=0.9, repaired=0.8, gain=GOOD, n=10),
    rows=(RowPair(train=1, similarity=0.9),),
    plots=(
        Plot(kind="line", title="t", x_label="x", y_label="y", x=(1.0, "a"), series=(Series(name="s", y=(1.0, 2.0)),)),
    ),
)


def _result(finding: Finding) -> CheckResult:
    return CheckResult(name="c", state="found", detail="d", findings=(finding,))


def test_numbers_are_left_as_they_are() -> None:
    """A finding of numbers goes through untouched."""
    result = _result(WHOLE)
    assert finite(result) is result


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_known(wrong: float) -> None:
    """Each place that a number may stand in: the rest stays, and the lost inflation has a reason."""
    bad = Interval(value=0.5, lower=wrong, upper=0.6)
    replace = msgspec.structs.replace
    inflation = replace(WHOLE.inflation, gain=bad) if WHOLE.inflation else None
    plot = replace(WHOLE.plots[0], series=(Series(name="s", y=(1.0, wrong)),))
    broken = replace(
        WHOLE, share=bad, chance=wrong, inflation=inflation, rows=(RowPair(train=1, similarity=wrong),), plots=(plot,)
    )
    (cleaned,) = finite(_result(broken)).findings
    assert (cleaned.share, cleaned.chance, cleaned.inflation, cleaned.plots) == (None, None, None, ())
    assert cleaned.no_inflation
    assert cleaned.rows == (RowPair(train=1, similarity=0.0),)
    assert cleaned.title == WHOLE.title
    for one in (
        replace(WHOLE, share=bad),
        replace(WHOLE, plots=(replace(plot, x=(wrong, "a"), series=WHOLE.plots[0].series),)),
    ):
        assert b"null" not in msgspec.json.encode(finite(_result(one)).findings[0].plots)
        assert finite(_result(one)) != _result(one)


def _odd(n: int, seed: int, task: str) -> pd.DataFrame:
    """Numbers of every kind that breaks arithmetic, copies, entities, a constant and a hole."""
    rng = np.random.default_rng(seed)
    frame = rows(n, seed, group=lambda rng, n: np.array([f"u{i}" for i in rng.integers(0, n // 3, n)]))
    wild = np.array([np.nan, np.inf, -np.inf, 1e308, -1e308, 0.0, 5e-324])
    frame["wild"] = wild[rng.integers(0, len(wild), n)]
    frame["endless"], frame["none"], frame["same"] = np.inf, np.nan, 1.0
    frame["tiny"] = rng.normal(size=n) * 1e-300
    frame["told"] = frame["outcome"] + 0.01 * rng.normal(size=n)
    frame["score"] = np.where(rng.random(n) < 0.1, wild[rng.integers(0, len(wild), n)], frame["score"])
    if task == "regression":
        frame["outcome"] = np.where(rng.random(n) < 0.1, wild[rng.integers(0, len(wild), n)], frame["x"])
    return frame


@pytest.mark.parametrize("n", [3, 40, 900])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_reports_of_odd_rows_are_read_as_they_were_written(n: int, task: Literal["binary", "regression"]) -> None:
    """All checks over rows that break arithmetic: no null where a number belongs, and the report reads back equal."""
    train, judged = _odd(n, 1, task), _odd(n, 2, task)
    validation = pd.concat([judged, train.iloc[: n // 5]], ignore_index=True)
    for first, second in ((train, validation), (train.assign(outcome=1), validation), (train, train)):
        given = (pa.Table.from_pandas(frame, preserve_index=False) for frame in (second, first))
        report = audit(Given(Model(name="m", version="1", task=task), *given), now_us=0)
        assert from_json(to_json(report)) == report
