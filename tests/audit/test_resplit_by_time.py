"""A fit in time order shows what a random split hides where the world moves, and nothing where it stands still."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import resplit_by_time
from sentinel.errors import BaselineError
from tests.audit.frames import START, look, rows


def _by_hour(train: pd.DataFrame, asked: pd.DataFrame) -> Any:
    """Knows x, and adds the level of the twenty training rows nearest in time: it interpolates a moving world."""
    hours, when = ((one["predicted_at"] - START).dt.total_seconds().to_numpy() / 3_600 for one in (train, asked))
    order = np.argsort(hours, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(train["outcome"].to_numpy()[order])])
    at = np.clip(np.searchsorted(hours[order], when) - 10, 0, len(order) - 20)
    rate = (sums[at + 20] - sums[at] + 0.5) / 21.0
    return asked["x"].to_numpy() + np.log(rate / (1.0 - rate))


def _by_x(train: pd.DataFrame, asked: pd.DataFrame) -> Any:
    """Knows x alone."""
    return asked["x"].to_numpy()


def _moving(swing: float, seed: int = 1, n: int = 6_000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Outcomes follow x and a level that is high or low for 100 hours at a time; a random quarter is validation."""
    rng = np.random.default_rng(seed)
    every = rows(n, seed)
    level = np.repeat(rng.choice([-swing, swing], n // 100), 100)
    every["outcome"] = (rng.random(n) < 1.0 / (1.0 + np.exp(-every["x"] - level))).astype(np.int64)
    chosen = rng.random(n) < 0.25
    return every[~chosen].reset_index(drop=True), every[chosen].reset_index(drop=True)


@pytest.mark.parametrize("swing", [1.0, 1.5, 2.5])
def test_moving_world_is_critical(swing: float) -> None:
    """A model that interpolates the level loses it in time order, and loses it on the very same rows, too."""
    train, validation = _moving(swing)
    (finding,) = look(resplit_by_time, validation, train, fit_with=_by_hour).findings
    assert finding.severity == "critical"
    assert finding.inflation is not None
    assert finding.inflation.gain.lower > 0.0
    assert finding.inflation.gain.value == pytest.approx(finding.inflation.stated - finding.inflation.repaired)
    (plot,) = finding.plots
    assert plot.x == ("as split", "time, cut 1", "time, cut 2", "time, cut 3")


def test_steady_world_is_clear() -> None:
    """A model of x alone gives the same metric in any order: no finding, but for the 2.5 % that chance is allowed."""
    n_found = 0
    for seed in range(10):
        train, validation = _moving(0.0, seed)
        n_found += len(look(resplit_by_time, validation, train, fit_with=_by_x).findings)
    assert n_found <= 1


def test_harder_times_alone_are_no_critical_finding() -> None:
    """Later rows are noisier for every model: the split in time gives less, but no fit owes that to later rows."""
    rng = np.random.default_rng(3)
    every = rows(6_000, 3)
    late = np.arange(6_000) >= 4_500
    every.loc[late, "outcome"] = (rng.random(int(late.sum())) < 0.5).astype(np.int64)
    chosen = rng.random(6_000) < 0.25
    (finding,) = look(resplit_by_time, every[chosen], every[~chosen], fit_with=_by_x).findings
    assert finding.severity == "warning"
    assert "the rest to what later rows are like" in finding.detail


def test_split_in_time_order_needs_no_fit() -> None:
    """Files that are in time order are clear, and the fit is not called."""

    def never(train: pd.DataFrame, asked: pd.DataFrame) -> Any:
        raise AssertionError

    result = look(resplit_by_time, rows(500, 2, first_hour=500), rows(500, 1), fit_with=never)
    assert result.state == "clear"


def test_without_a_fit_the_stated_scores_are_told_by_time() -> None:
    """The check asks for --fit-with and says what the stated scores give in each fifth of the validation time."""
    train, validation = _moving(0.0)
    spoiled = np.where(np.arange(len(validation)) < 0.8 * len(validation), validation["score"], 0.5)
    result = look(resplit_by_time, validation.assign(score=spoiled), train)
    assert (result.state, result.needs) == ("not_checked", "--fit-with")
    course = [float(word) for word in result.detail.split("validation time: ")[1].split(";")[0].split(", ")]
    assert len(course) == 5
    assert min(course[:4]) > 0.6
    assert course[4] == pytest.approx(0.5, abs=0.01)
    assert "better than the last by 0." in result.detail


def test_files_that_cannot_be_ordered_are_not_checked() -> None:
    """No training file, no times, no outcomes: each says what is needed."""
    train, validation = _moving(0.0, n=600)
    assert look(resplit_by_time, validation, fit_with=_by_x).needs == "--train"
    for broken in (validation.drop(columns="predicted_at"), validation.assign(outcome=np.nan)):
        result = look(resplit_by_time, broken, train, fit_with=_by_x)
        assert result.state == "not_checked"
        assert "columns.predicted_at" in (result.needs or "")


def test_one_class_is_not_checked_and_failures_are_raised() -> None:
    """Outcomes of one class leave nothing to measure; a fit that fails ends the audit with its name."""
    train, validation = _moving(0.0, n=600)
    result = look(resplit_by_time, validation.assign(outcome=1), train.assign(outcome=1), fit_with=_by_x)
    assert result.state == "not_checked"
    with pytest.raises(BaselineError, match="--fit-with"):
        look(resplit_by_time, validation, train, fit_with=lambda _, asked: asked["nowhere"])
