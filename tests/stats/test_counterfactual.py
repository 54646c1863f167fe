"""The repair of a leak explains what it should, with an interval that covers and never runs away."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from sentinel.stats.counterfactual import Repair, repair
from sentinel.stats.estimate import Estimate, NotEnough

VALUES = st.floats(0.0, 1.0)
VARIANCES = st.floats(1e-10, 0.25)


def explain(
    stated: Estimate, corrected: Estimate, live: Estimate, covariance: float = 0.0, *, higher_is_better: bool = True
) -> Repair:
    """Repair of three estimates, which is never NotEnough."""
    found = repair(stated, corrected, live, covariance=covariance, higher_is_better=higher_is_better)
    assert isinstance(found, Repair)
    return found


def test_evidence_is_the_ratio_of_two_normal_densities() -> None:
    """log_evidence is scipy's log density of live about the corrected estimate less that about the stated one."""
    stated, corrected, live = Estimate(0.9, 1e-4, 900), Estimate(0.8, 3e-4, 500), Estimate(0.82, 2e-4, 700)
    expected = norm.logpdf(0.82, 0.8, math.sqrt(5e-4)) - norm.logpdf(0.82, 0.9, math.sqrt(3e-4))
    assert explain(stated, corrected, live).log_evidence == pytest.approx(float(expected), abs=1e-12)


def test_interval_solves_fieller() -> None:
    """At either end the share r makes (A - r D) exactly 1.96 of its standard errors."""
    stated, corrected, live = Estimate(0.9, 1e-4, 900), Estimate(0.84, 3e-4, 500), Estimate(0.8, 2e-4, 700)
    found = explain(stated, corrected, live, 0.5e-4)
    assert found.lower is not None
    assert found.upper is not None
    removed, gap = 0.06, 0.1
    assert found.explained == pytest.approx(0.6, abs=1e-12)
    for share in (found.lower, found.upper):
        variance = 3e-4 - 2 * share * 0.5e-4 + share**2 * 3e-4  # var A, cov(A, D) = V0 - C, var D
        assert abs(removed - share * gap) == pytest.approx(1.959963985 * math.sqrt(variance), rel=1e-6)


@given(VALUES, VALUES, VALUES, VARIANCES, VARIANCES, VARIANCES, st.floats(-1.0, 1.0), st.booleans())
def test_all_is_finite(
    stated: float, corrected: float, live: float, v0: float, vh: float, v1: float, covariance: float, higher: bool
) -> None:
    """For any estimates and any covariance numbers are finite, and the share lies in its interval or is None."""
    found = explain(
        Estimate(stated, v0, 100),
        Estimate(corrected, vh, 50),
        Estimate(live, v1, 100),
        covariance,
        higher_is_better=higher,
    )
    assert math.isfinite(found.log_evidence)
    assert math.isfinite(found.remainder)
    if found.explained is None:
        assert found.lower is found.upper is None
        return
    assert found.lower is not None
    assert found.upper is not None
    assert math.isfinite(found.lower)
    assert math.isfinite(found.upper)
    slack = 1e-9 * (1.0 + abs(found.explained))
    assert found.lower - slack <= found.explained <= found.upper + slack


def test_no_share_of_a_gap_near_zero() -> None:
    """A gap of 1.9 standard errors has no share; its evidence and remainder are given all the same."""
    stated, corrected, live = Estimate(0.8, 1e-4, 900), Estimate(0.7, 1e-4, 500), Estimate(0.8 - 0.019, 0.0, 700)
    found = explain(stated, corrected, live)
    assert (found.explained, found.lower, found.upper) == (None, None, None)
    assert found.log_evidence < 0
    assert found.remainder == pytest.approx(-8.1, abs=1e-9)


def test_remainder_is_signed_by_the_metric() -> None:
    """Live below the corrected AUC is worse still, live below the corrected loss is better."""
    values = Estimate(0.9, 1e-4, 900), Estimate(0.8, 1e-4, 500), Estimate(0.7, 1e-4, 700)
    assert explain(*values).remainder > 0
    assert explain(*values, higher_is_better=False).remainder < 0


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_what_is_short_is_passed_on(missing: int) -> None:
    """The first estimate that is not there is the answer."""
    measured: list[Estimate | NotEnough] = [Estimate(0.9, 1e-4, 900)] * 3
    measured[missing] = NotEnough("too few positive outcomes", 3, 10)
    assert repair(*measured, covariance=0.0) == NotEnough("too few positive outcomes", 3, 10)


def test_interval_covers_where_the_corrected_rows_are_a_subset() -> None:
    """Means of 400 of 600 rows against those of all: at least 179 of 200 intervals hold the true share."""
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        clean, leaked, live = (rng.normal(mean, 1.0, n) for mean, n in ((0.3, 400), (1.2, 200), (0.2, 500)))
        rows = np.concatenate([clean, leaked])
        stated, corrected, online = (
            Estimate(float(x.mean()), float(x.var()) / len(x), len(x)) for x in (rows, clean, live)
        )
        found = explain(stated, corrected, online, min(stated.variance, corrected.variance * 400 / 600))
        truth = (0.6 - 0.3) / (0.6 - 0.2)
        if found.lower is None or found.upper is None:
            held += 1
            continue
        held += found.lower <= truth <= found.upper
    assert held >= 179  # P(Binomial(200, .95) < 179) = .001


def test_remainder_of_a_full_repair_is_standard_normal() -> None:
    """Where live equals the corrected law, the remainder has standard deviation 1 (300 draws, +- .13)."""
    rng = np.random.default_rng(9)
    remainders = [
        explain(
            Estimate(0.9, 1e-4, 900),
            Estimate(0.75 + 0.015 * rng.normal(), 0.015**2, 400),
            Estimate(0.75 + 0.01 * rng.normal(), 1e-4, 900),
        ).remainder
        for _ in range(300)
    ]
    assert np.std(remainders) == pytest.approx(1.0, abs=0.13)
    assert np.mean(remainders) == pytest.approx(0.0, abs=0.18)
