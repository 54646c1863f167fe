"""The homogeneity test against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.stats import chi2_contingency

from sentinel.stats.chisquare import ChiSquare, g_squared
from sentinel.stats.estimate import NotEnough


@pytest.mark.parametrize("seed", range(8))
def test_statistic_and_p_value_equal_scipy(seed: int) -> None:
    """G2 agrees with chi2_contingency to 1e-9, empty cells and empty columns included."""
    random = np.random.default_rng(seed)
    table = random.poisson(6.0, (2, 9)) * (random.random((2, 9)) < 0.8)
    table[:, 3] = 0
    kept = table[:, table.sum(axis=0) > 0]
    got = g_squared(table[0], table[1])
    reference = chi2_contingency(kept, correction=False, lambda_="log-likelihood")
    assert isinstance(got, ChiSquare)
    assert got.statistic == pytest.approx(reference.statistic, abs=1e-9)
    assert got.p_value == pytest.approx(reference.pvalue, abs=1e-9)
    assert got.degrees_of_freedom == reference.dof


def test_it_keeps_its_level_on_equal_laws() -> None:
    """3,000 pairs of 400 and 1,000 events over ten bins: size at .05 within .04 and .065."""
    random = np.random.default_rng(1)
    law = random.dirichlet(np.full(10, 5.0))
    pairs = list(zip(random.multinomial(400, law, 3000), random.multinomial(1000, law, 3000), strict=True))
    found = [g_squared(a, b) for a, b in pairs]
    assert 0.04 < np.mean([one.p_value < 0.05 for one in found if isinstance(one, ChiSquare)]) < 0.065


def test_one_bin_alone_has_nothing_to_differ() -> None:
    """All events of both sides in one bin: exactly 0 with no degree of freedom, and the chance is 1."""
    assert g_squared(np.array([0, 5]), np.array([0, 7])) == ChiSquare(0.0, 0, 1.0, 12)


def test_a_bin_of_one_event_counts() -> None:
    """Ten and one against ten and none of 21: 2 (10 ln(21/22) + ln(21/11) + 10 ln(21/20))."""
    found = g_squared(np.array([10, 1]), np.array([10, 0]))
    assert isinstance(found, ChiSquare)
    assert found.degrees_of_freedom == 1
    assert found.statistic == pytest.approx(2 * (10 * math.log(21 / 22) + math.log(21 / 11) + 10 * math.log(21 / 20)))


def test_an_empty_side_is_not_enough() -> None:
    """Nothing can be compared with nothing."""
    assert g_squared(np.array([0, 0]), np.array([3, 4])) == NotEnough("one side has no events", 0, 1)


@settings(deadline=None)
@given(
    npst.arrays(
        np.int64,
        st.tuples(st.just(2), st.integers(1, 9)),
        elements=st.integers(0, 9) | st.integers(0, 10**12),
    )
)
def test_every_table_gives_a_finite_result_or_a_reason(table: np.ndarray) -> None:
    """One bin, empty bins and 1e12 counts: finite statistic, p in 0..1."""
    got = g_squared(table[0], table[1])
    if isinstance(got, ChiSquare):
        assert math.isfinite(got.statistic)
        assert got.statistic >= 0
        assert 0 <= got.p_value <= 1
