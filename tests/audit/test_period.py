"""Validation rows from the time of the training rows are found, and weighed by what they gain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import period
from sentinel.audit.times.rate_drift import N_PARTS
from tests.audit.frames import START, look, rows

BY_TIME = {"split": {"protocol": "time"}}


def _files(share: float, *, loss: float = 0.0, seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A share of the validation rows from within the training time; for the others the score is partly noise."""
    rng = np.random.default_rng(seed)
    train = rows(3_000, seed)
    validation = rows(2_000, seed + 100, first_hour=3_000)
    n = int(share * len(validation))
    validation.loc[: n - 1, "predicted_at"] = (
        train["predicted_at"].iloc[np.sort(rng.choice(2_900, n, False))].to_numpy()
    )
    validation.loc[: n - 1, "predicted_at"] += pd.Timedelta(minutes=30)
    worse = 1 / (1 + np.exp(-rng.normal(size=len(validation))))
    honest = validation["score"].to_numpy()
    later = np.arange(len(validation)) >= n
    validation["score"] = np.where(later & (rng.random(len(validation)) < loss), worse, honest)
    return train, validation


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
def test_broken_split_by_time_is_critical_where_outcomes_move(share: float) -> None:
    """Where a split by time is stated, rows before the last training row break it at each strength.

    It is critical where the rate of outcomes moves over the training time, unless it is proven to gain nothing; of a
    steady stream other times are as good, and the statement alone is wrong.
    """
    train, validation = _files(share)
    moving = train.copy()
    rate = np.linspace(0.1, 0.7, len(train))
    moving["outcome"] = (np.random.default_rng(9).random(len(train)) < rate).astype(np.int64)
    for fitted, severity in ((moving, "critical"), (train, "warning")):
        (finding,) = look(period, validation, fitted, manifest=BY_TIME).findings
        assert finding.share is not None
        assert finding.share.value == pytest.approx(share)
        assert finding.n_rows == int(share * 2_000)
        gain = None if finding.inflation is None else finding.inflation.gain
        if gain is not None and (gain.upper < 0.005 or gain.lower > 0.0):
            severity = "warning" if gain.upper < 0.005 else "critical"  # what is measured goes before what is likely
        assert finding.severity == severity


def test_overlap_that_gains_is_critical_without_a_stated_split() -> None:
    """Rows after the training time are scored worse: the gain is measured, its interval covers what was planted."""
    train, validation = _files(0.5, loss=0.8)
    (finding,) = look(period, validation, train).findings
    assert finding.severity == "critical"
    assert finding.inflation is not None
    later = validation["predicted_at"] > train["predicted_at"].max()
    assert finding.inflation.n == int(later.sum())
    assert finding.inflation.gain.lower > 0.0


def test_split_by_time_that_holds_is_clear() -> None:
    """All validation rows after the last training row: clear, whatever is stated, for many seeds."""
    for seed in range(5):
        train, validation = _files(0.0, seed=seed)
        for manifest in (None, BY_TIME):
            assert look(period, validation, train, manifest=manifest).state == "clear"


def test_rows_of_the_same_moment_do_not_break_a_split() -> None:
    """Dates without a time of day make rows of both files share the day of the cut: that is said and no finding."""
    train, validation = _files(0.0)
    for frame in (train, validation):
        frame["predicted_at"] = frame["predicted_at"].dt.floor("D")
    result = look(period, validation, train.iloc[:-4], manifest=BY_TIME)
    assert result.state == "clear"
    assert "of the same moment" in result.detail


def test_one_stray_training_row_is_a_warning() -> None:
    """A single late training row puts all validation rows before it, but the rest of the training rows are earlier."""
    train, validation = _files(0.0)
    train.loc[17, "predicted_at"] = START + pd.Timedelta(days=4_000)
    (finding,) = look(period, validation, train, manifest=BY_TIME).findings
    assert finding.severity == "warning"


def test_random_split_of_a_steady_stream_is_only_information() -> None:
    """Training and validation rows of one law at random moments: good to know, never more, for many seeds."""
    severities = set()
    for seed in range(10):
        every = rows(4_500, seed)
        chosen = np.random.default_rng(seed).random(len(every)) < 1 / 3
        severities |= {finding.severity for finding in look(period, every[chosen], every[~chosen]).findings}
    assert severities == {"info"}


def test_random_split_of_a_moving_stream_is_a_warning() -> None:
    """Outcomes that triple over time are hidden by a random split: a warning, with the curve."""
    every = rows(4_500, 1)
    rng = np.random.default_rng(2)
    every["outcome"] = (rng.random(len(every)) < np.linspace(0.1, 0.6, len(every))).astype(np.int64)
    chosen = rng.random(len(every)) < 1 / 3
    (finding,) = look(period, every[chosen], every[~chosen]).findings
    assert finding.severity == "warning"
    (plot,) = finding.plots
    assert len(plot.x) == N_PARTS
    assert plot.series[0].y[0] < 0.2 < 0.5 < plot.series[0].y[-1]


def test_files_without_times_are_not_checked() -> None:
    """No training file, no column and only nulls say what to give."""
    frame = rows(200, 1)
    assert look(period, frame).needs == "--train"
    for nothing in (frame.drop(columns="predicted_at"), frame.assign(predicted_at=pd.Series(pd.NaT, frame.index))):
        result = look(period, frame, nothing)
        assert result.state == "not_checked"
        assert "columns.predicted_at" in (result.needs or "")


@pytest.mark.parametrize("outcome", [0, np.nan])
def test_outcomes_that_say_nothing_leave_the_gain_unknown(outcome: float) -> None:
    """One class or none: the overlap is counted all the same, and why no gain is known is said."""
    train, validation = _files(0.5)
    (finding,) = look(period, validation.assign(outcome=outcome), train.assign(outcome=outcome)).findings
    assert finding.inflation is None
    assert finding.no_inflation
    assert "is not known" in finding.detail


def test_batches_change_nothing() -> None:
    """Rows shown 100 at a time give what they give at once."""
    train, validation = _files(0.4)
    whole, parted = (look(period, validation, train, batch_rows=n) for n in (1 << 15, 100))
    assert whole.findings == parted.findings
