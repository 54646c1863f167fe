"""Features that lost each other's company are found, though each alone is as it was."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import pair_differences, range_differences
from tests.audit.frames import look, rows

N = 3_000


def _pair(seed: int, correlation: float, n: int = N) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of one time; two features of unit variance correlate in training, and not in validation."""
    every = rows(2 * n, seed).sample(frac=1.0, random_state=seed, ignore_index=True)
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, 2 * n))
    joined = correlation * first + np.sqrt(1.0 - correlation**2) * second
    every["income"], every["rent"] = first, np.where(np.arange(2 * n) < n, second, joined)
    return every.iloc[:n].reset_index(drop=True), every.iloc[n:].reset_index(drop=True)


@pytest.mark.parametrize("correlation", [0.5, 0.8, 0.99])
def test_features_that_lost_their_company_are_found(correlation: float) -> None:
    """A column that was shuffled in one file is named with its partner at each strength; each alone has not moved."""
    validation, train = _pair(1, correlation)
    assert look(range_differences, validation, train).state == "clear"
    (finding,) = look(pair_differences, validation, train).findings
    assert (finding.severity, finding.columns) == ("warning", ("income", "rent"))
    assert finding.plots[0].x == ("income with rent",)


def test_a_feature_that_moved_alone_is_not_its_business() -> None:
    """A step of one feature moves every pair that it is in, but no company: clear here, found by the range's check."""
    validation, train = _pair(2, 0.0)
    validation["income"] += 1.0
    assert look(pair_differences, validation, train).state == "clear"
    assert look(range_differences, validation, train).state == "found"


def test_honest_random_splits_are_clear() -> None:
    """Thirty random splits of correlated features raise no false alarm."""
    for seed in range(30):
        every = pd.concat(_pair(seed, 0.0, 300), ignore_index=True)
        every["rent"] = every["income"] + 0.3 * every["rent"]
        assert look(pair_differences, every.iloc[:300], every.iloc[300:]).state == "clear", seed


def test_what_time_brings_is_good_to_know() -> None:
    """The same loss is no fault where validation comes after training."""
    validation, train = _pair(3, 0.9)
    validation["predicted_at"] = train["predicted_at"].max() + pd.to_timedelta(np.arange(1, N + 1), unit="h")
    assert {one.severity for one in look(pair_differences, validation, train).findings} == {"info"}


def test_features_beyond_the_first_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of x, noise, income, rent and plan the first two are compared, and three are said to be passed over."""
    monkeypatch.setattr(pair_differences, "MOST_FEATURES", 2)
    result = look(pair_differences, *_pair(5, 0.0, 300))
    assert result.detail.startswith("2 features compared two by two, 3 more passed over, in up to 10,000 rows")


def test_odd_columns_do_no_harm() -> None:
    """Null, constant, infinite and huge columns, few rows and one file give results."""
    validation, train = _pair(4, 0.0, 300)
    for frame in (validation, train):
        frame["null"], frame["same"], frame["wild"] = np.nan, 1.0, np.where(np.arange(300) % 3 == 0, -np.inf, 1e308)
    assert look(pair_differences, validation, train).state == "clear"
    assert look(pair_differences, validation.head(3), train.head(3)).state == "clear"
    assert look(pair_differences, validation).needs == "--train"
