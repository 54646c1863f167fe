"""Two by two tables: closed forms, scipy's Fisher test, and no infinity for empty cells."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sentinel.stats.contingency import ENOUGH_EXPECTED, independence_p_values, log_odds_ratio


def test_small_tables_have_the_exact_p_value_of_scipy() -> None:
    """Random tables with an expected count below ten: scipy's two-sided Fisher test, to rounding."""
    tables = np.random.default_rng(1).integers(0, 12, (60, 2, 2))
    for table, p_value in zip(tables, independence_p_values(tables), strict=True):
        assert p_value == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-9)


def test_large_tables_have_the_p_value_of_the_likelihood_ratio() -> None:
    """Where every expected count reaches ten: scipy's G test without a correction."""
    for table in np.random.default_rng(2).integers(30, 90, (20, 2, 2)):
        found = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
        assert found.expected_freq.min() >= ENOUGH_EXPECTED
        assert independence_p_values(table[None])[0] == pytest.approx(found.pvalue, rel=1e-9)


def test_log_odds_ratio_is_its_closed_form() -> None:
    """(20.5 * 30.5) / (10.5 * 5.5) by the half added to each cell; zero for a table of zeros."""
    tables = np.array([[[20, 10], [5, 30]], [[0, 0], [0, 0]]])
    assert log_odds_ratio(tables) == pytest.approx([np.log(20.5 * 30.5 / (10.5 * 5.5)), 0.0])


@pytest.mark.parametrize(
    "table", [[[0, 0], [0, 0]], [[0, 5], [0, 7]], [[9, 4], [0, 0]], [[0, 10**9], [10**9, 0]], [[10**9, 0], [0, 1]]]
)
def test_empty_cells_and_margins_stay_finite(table: list[list[int]]) -> None:
    """An empty margin says nothing (p = 1); any counts give a finite ratio and a p-value between 0 and 1."""
    tables = np.array([table])
    assert np.isfinite(log_odds_ratio(tables)).all()
    p_value = independence_p_values(tables)[0]
    assert 0.0 <= p_value <= 1.0
    if min(tables[0].sum(axis=0).min(), tables[0].sum(axis=1).min()) == 0:
        assert p_value == 1.0


def test_false_alarms_keep_their_rate() -> None:
    """Independent mismatches at 2 % of 800, outcomes at 10 %: p < .05 in at most 5 % of 2,000 tables (exact: below)."""
    rng = np.random.default_rng(3)
    mismatches = rng.binomial(800, 0.02, 2_000)
    positive = rng.binomial(mismatches, 0.1)
    others = rng.binomial(800 - mismatches, 0.1)
    tables = np.stack(
        [
            np.stack([800 - mismatches - others, others], axis=1),
            np.stack([mismatches - positive, positive], axis=1),
        ],
        axis=1,
    )
    n_alarms = int((independence_p_values(tables) < 0.05).sum())
    assert n_alarms <= 100 + 3 * np.sqrt(2_000 * 0.05 * 0.95)
