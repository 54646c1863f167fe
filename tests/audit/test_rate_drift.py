"""The test of moving outcome rates is the chi-square test of a table, and small where nothing moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from sentinel.audit.files.columns import AuditColumns
from sentinel.audit.files.rows import AuditRows, RowDecoder
from sentinel.audit.times.rate_drift import FEWEST, FINE_PARTS, N_PARTS, RateDrift, rate_drift
from sentinel.config.model import Model
from sentinel.events.times import BAD_TIME
from sentinel.stats.estimate import NotEnough


def _rows(outcomes: np.ndarray[tuple[int], np.dtype[np.float64]], seconds: int = 60) -> AuditRows:
    """A row a minute, or at so many seconds from the next, with these outcomes."""
    columns = AuditColumns(numeric=(), categorical=(), outcome="outcome", predicted_at="at")
    at = np.datetime64("2026-01-05", "us") + np.arange(len(outcomes)) * np.timedelta64(seconds, "s")
    table = pa.table({"outcome": outcomes, "at": pa.array(at)})
    model = Model(name="m", version="1", task="regression")
    return RowDecoder(model, columns).decode(table, "train", np.arange(len(outcomes)))


def test_p_value_is_that_of_a_table() -> None:
    """For outcomes of 0 and 1 the statistic is Pearson's of the table of parts by outcome (scipy)."""
    rng = np.random.default_rng(1)
    outcomes = (rng.random(3_000) < np.linspace(0.3, 0.36, 3_000)).astype(np.float64)
    found = rate_drift(_rows(outcomes))
    assert isinstance(found, RateDrift)
    parts = outcomes.reshape(N_PARTS, -1).sum(axis=1)
    table = np.stack([parts, 3_000 / N_PARTS - parts])
    assert found.p_value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)
    np.testing.assert_allclose(found.means, parts / 300)


@pytest.mark.parametrize("swing", [0.2, 0.4, 0.8])
def test_spread_is_that_of_the_true_means(swing: float) -> None:
    """Half of the time is above, half below by some standard deviations: the spread found is that of the two levels."""
    rng = np.random.default_rng(2)
    level = np.where(np.arange(20_000) < 10_000, swing, -swing)
    found = rate_drift(_rows(level + rng.normal(size=20_000)))
    assert isinstance(found, RateDrift)
    assert found.spread == pytest.approx(swing / np.sqrt(1.0 + swing**2), abs=0.02)
    assert found.is_large


def test_steady_outcomes_are_hardly_ever_large() -> None:
    """Of 200 steady streams none passes a chance of 1e-4 (.02 expected)."""
    rng = np.random.default_rng(3)
    n_large = 0
    for _ in range(200):
        found = rate_drift(_rows((rng.random(1_000) < 0.2).astype(np.float64)))
        n_large += isinstance(found, RateDrift) and found.is_large
    assert n_large == 0


def test_shocks_of_a_day_are_found_that_longer_stretches_average_away() -> None:
    """Days that are up and down by turns leave ten stretches alike; forty of a day each show them, in full."""
    rng = np.random.default_rng(5)
    up = np.repeat(np.arange(40) % 2, 100)  # 40 days of 100 rows
    outcomes = (rng.random(4_000) < np.where(up, 0.4, 0.2)).astype(np.float64)
    found = rate_drift(_rows(outcomes, 865))
    assert isinstance(found, RateDrift)
    assert found.is_large
    assert len(found.means) == FINE_PARTS
    assert found.spread == pytest.approx(0.1 / outcomes.std(), abs=0.05)


def test_the_cycle_of_a_day_is_no_shock() -> None:
    """Nights below days return live: stretches shorter than a day are not looked at."""
    rng = np.random.default_rng(6)
    hour = np.arange(12_000) * 60 // 3_600 % 24  # a row a minute for 8 days
    found = rate_drift(_rows((rng.random(12_000) < np.where(hour < 12, 0.4, 0.2)).astype(np.float64)))
    assert isinstance(found, RateDrift)
    assert len(found.means) == N_PARTS


def test_order_of_rows_does_not_matter() -> None:
    """Times decide, not places in the file."""
    rng = np.random.default_rng(4)
    one = _rows(rng.normal(size=1_000))
    order = rng.permutation(1_000)
    other = replace(one, outcomes=one.outcomes[order], times=one.times[order])
    first, second = rate_drift(one), rate_drift(other)
    assert isinstance(first, RateDrift)
    assert isinstance(second, RateDrift)
    np.testing.assert_allclose(first.means, second.means)


def test_too_little_has_a_reason() -> None:
    """Few rows, rows without times, and outcomes that are all the same give a reason and no number."""
    few = _rows(np.ones(N_PARTS * FEWEST - 1))
    same = _rows(np.ones(1_000))
    timeless = replace(_rows(np.arange(1_000.0)), times=np.full(1_000, BAD_TIME))
    reasons = [found.reason for found in map(rate_drift, (few, same, timeless)) if isinstance(found, NotEnough)]
    assert reasons == [
        "too few rows have a time and an outcome",
        "all outcomes are the same",
        "too few rows have a time and an outcome",
    ]
