"""Laws of the both-sides Bayes factor, and its formula against numerical integration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from sentinel.stats.bayes import (
    anytime_interval,
    log_bayes_factor,
    log_bayes_factor_two_sided,
    minimum_detectable_gap,
    z_threshold,
)

GAP = st.floats(-0.5, 0.5)
SCALE = st.floats(0.002, 0.3)
ANY = st.floats(allow_nan=False, allow_infinity=False)
LARGEST = float(np.finfo(np.float64).max)
NOT_NEGATIVE = st.floats(0.0, allow_nan=False, allow_infinity=False)


def mixture(gap: float, variance: float, tau: float, *, one_sided: bool) -> float:
    """Log ratio of densities, the gap of the alternative integrated out numerically."""
    spread = math.sqrt(variance)
    prior = stats.halfnorm(scale=tau) if one_sided else stats.norm(scale=tau)
    peak = gap * tau**2 / (tau**2 + variance)
    width = spread * tau / math.hypot(spread, tau)
    low, high = (max(peak - 12 * width, 0.0) if one_sided else peak - 12 * width), max(peak, 0.0) + 12 * width
    reference = stats.norm.logpdf(gap, scale=spread)
    area, _ = integrate.quad(
        lambda true: prior.pdf(true) * math.exp(stats.norm.logpdf(gap, loc=true, scale=spread) - reference),
        low,
        high,
        epsabs=0,
        epsrel=1e-12,
        limit=200,
    )
    return math.log(area)


@pytest.mark.parametrize("gap", [-0.03, 0.0, 0.01, 0.04, 0.12])
@pytest.mark.parametrize("spread", [0.004, 0.02, 0.1])
@pytest.mark.parametrize("tau", [0.02, 0.05])
def test_the_formula_is_the_integral_over_the_prior(gap: float, spread: float, tau: float) -> None:
    """One- and two-sided log evidence equal the numerically integrated mixture to 1e-9."""
    one = float(log_bayes_factor(gap, spread**2, tau))
    two = float(log_bayes_factor_two_sided(gap, spread**2, tau))
    assert one == pytest.approx(mixture(gap, spread**2, tau, one_sided=True), abs=1e-9)
    assert two == pytest.approx(mixture(gap, spread**2, tau, one_sided=False), abs=1e-9)


@settings(deadline=None)
@given(GAP, GAP, SCALE, SCALE)
def test_one_sided_evidence_grows_with_the_gap(first: float, second: float, spread: float, tau: float) -> None:
    """A worse live side is never less evidence."""
    low, high = sorted([first, second])
    there, back = log_bayes_factor(low, spread**2, tau), log_bayes_factor(high, spread**2, tau)
    assert there <= back + 1e-9


@settings(deadline=None)
@given(SCALE, SCALE)
def test_no_gap_is_evidence_for_no_gap(spread: float, tau: float) -> None:
    """At a gap of zero both factors are below one; the one-sided is the two-sided there."""
    one, two = log_bayes_factor(0.0, spread**2, tau), log_bayes_factor_two_sided(0.0, spread**2, tau)
    assert one < 0
    assert one == pytest.approx(two, abs=1e-12)


@settings(deadline=None)
@given(GAP, SCALE, SCALE)
def test_two_sided_evidence_is_symmetric_and_the_mean_of_both_directions(gap: float, spread: float, tau: float) -> None:
    """A normal prior is half of each half-normal: exp(two) = (exp(one(D)) + exp(one(-D))) / 2."""
    two = log_bayes_factor_two_sided(gap, spread**2, tau)
    assert two == log_bayes_factor_two_sided(-gap, spread**2, tau)
    both = np.logaddexp(log_bayes_factor(gap, spread**2, tau), log_bayes_factor(-gap, spread**2, tau))
    assert two == pytest.approx(both - math.log(2), rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(GAP, SCALE, SCALE, st.floats(0, 0.1))
def test_a_tolerance_shifts_the_gap(gap: float, spread: float, tau: float, tolerance: float) -> None:
    """Evidence beyond a tolerance is the evidence of what exceeds it."""
    shifted = log_bayes_factor(gap - tolerance, spread**2, tau)
    assert log_bayes_factor(gap, spread**2, tau, tolerance) == pytest.approx(shifted, abs=1e-12)


def test_under_no_gap_the_mean_factor_is_one() -> None:
    """E BF = 1 when D ~ N(0, s2): the e-value property, by integration over D."""
    grid = np.linspace(-0.5, 0.5, 200_001)
    density = stats.norm.pdf(grid, scale=0.02)
    for factor in (log_bayes_factor, log_bayes_factor_two_sided):
        mean = integrate.trapezoid(density * np.exp(factor(grid, 0.02**2, 0.05)), grid)
        assert mean == pytest.approx(1.0, abs=1e-6)


def test_the_interval_is_what_the_two_sided_factor_does_not_reject() -> None:
    """At either end the evidence against that gap is exactly 1 / alpha."""
    lower, upper = anytime_interval(0.03, 0.0004, 0.05, alpha=0.01)
    for end in (lower, upper):
        assert log_bayes_factor_two_sided(0.03 - end, 0.0004, 0.05) == pytest.approx(math.log(100), abs=1e-9)


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("spread", [0.001, 0.01, 0.05, 0.3])
def test_the_minimum_detectable_gap_is_where_the_evidence_suffices(alpha: float, spread: float) -> None:
    """The root agrees with scipy's bracketing search to 1e-9, and the tolerance adds to it."""
    expected = optimize.brentq(
        lambda gap: float(log_bayes_factor(gap, spread**2, 0.05)) + math.log(alpha), 0.0, 50.0, xtol=1e-14
    )
    assert minimum_detectable_gap(spread**2, 0.05, alpha) == pytest.approx(expected, abs=1e-9)
    assert minimum_detectable_gap(spread**2, 0.05, alpha, 0.02) == pytest.approx(expected + 0.02, abs=1e-9)
    assert z_threshold(spread**2, 0.05, alpha) == pytest.approx(expected / spread, rel=1e-9)


def test_the_threshold_in_standard_errors_is_flat() -> None:
    """For standard errors of .1 to 1 tau it takes 2.7 to 3.4 of them at alpha .05 and 3.4 to 4.2 at .01."""
    spreads = np.linspace(0.005, 0.05, 40)
    assert z_threshold(spreads**2, 0.05, 0.05).min() > 2.7
    assert z_threshold(spreads**2, 0.05, 0.05).max() < 3.4
    assert z_threshold(spreads**2, 0.05, 0.01).min() > 3.3
    assert z_threshold(spreads**2, 0.05, 0.01).max() < 4.2


@settings(deadline=None)
@given(gap=ANY, variance=NOT_NEGATIVE, tau=NOT_NEGATIVE, tolerance=ANY, alpha=st.floats(1e-300, 0.999))
@example(gap=-LARGEST, variance=1.0, tau=1.0, tolerance=LARGEST, alpha=0.05)
@example(gap=LARGEST, variance=0.0, tau=0.0, tolerance=-LARGEST, alpha=1e-300)
def test_every_finite_input_gives_finite_numbers(
    gap: float, variance: float, tau: float, tolerance: float, alpha: float
) -> None:
    """Zero variances and the largest floats included, without a warning."""
    results = [
        log_bayes_factor(gap, variance, tau, tolerance),
        log_bayes_factor_two_sided(gap, variance, tau),
        *anytime_interval(gap, variance, tau, alpha),
        z_threshold(variance, tau, alpha),
        minimum_detectable_gap(variance, tau, alpha, tolerance),
    ]
    assert np.isfinite(results).all()


def test_arrays_broadcast() -> None:
    """Gaps of many slices against tolerances of many rules: one table, equal to the scalar calls."""
    gaps, tolerances = np.array([0.0, 0.02, 0.1]), np.array([[0.0], [0.02]])
    table = log_bayes_factor(gaps, 0.0001, 0.05, tolerances)
    assert table.shape == (2, 3)
    assert table[1, 2] == log_bayes_factor(0.1, 0.0001, 0.05, 0.02)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_a_level_outside_its_range_is_an_error(alpha: float) -> None:
    """There is no threshold at alpha 0, and every look would pass at 1."""
    with pytest.raises(ValueError, match="alpha must be inside"):
        z_threshold(0.0001, 0.05, alpha)


def test_looking_at_every_step_keeps_the_level() -> None:
    """4,000 Brownian streams of 400 looks with an uncertain baseline: false alarms at .05 stay under .05."""
    random = np.random.default_rng(20)
    offline = random.normal(scale=1 / math.sqrt(500), size=(4000, 1))
    seen = np.arange(1, 401) * 25
    live = np.cumsum(random.normal(scale=5.0, size=(4000, 400)), axis=1) / seen
    evidence = log_bayes_factor(live - offline, 1 / 500 + 1 / seen, 0.1)
    alarms = (evidence >= math.log(20)).any(axis=1).mean()
    assert 0.005 < alarms < 0.05
