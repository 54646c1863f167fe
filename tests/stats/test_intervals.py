"""Display intervals against scipy and by coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sentinel.stats.estimate import Estimate
from sentinel.stats.intervals import normal_interval, wilson_interval


@pytest.mark.parametrize(("successes", "n"), [(0, 12), (1, 12), (6, 12), (12, 12), (37, 4000), (0, 1), (1, 1)])
def test_wilson_equals_scipy(successes: int, n: int) -> None:
    """The score interval without continuity correction."""
    reference = stats.binomtest(successes, n).proportion_ci(0.9, method="wilson")
    assert wilson_interval(successes, n, 0.9) == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_normal_interval_is_cut_to_the_range() -> None:
    """1.959964 standard errors on both sides, never past the most a metric can be."""
    assert normal_interval(Estimate(0.5, 0.01, 30)) == pytest.approx((0.3040036, 0.6959964), abs=1e-7)
    assert normal_interval(Estimate(0.99, 0.01, 30), least=0.0, most=1.0).upper == 1.0
    assert normal_interval(Estimate(0.01, 0.01, 30), least=0.0, most=1.0).lower == 0.0


def test_wilson_covers() -> None:
    """At a rate of .03 and 100 events the 95 percent interval holds the truth in 93 to 97.5 percent."""
    counts = np.arange(101)
    held = [lower <= 0.03 <= upper for lower, upper in (wilson_interval(int(k), 100) for k in counts)]
    assert 0.93 < float(stats.binom.pmf(counts, 100, 0.03) @ held) < 0.975


@settings(deadline=None)
@given(st.integers(0, 10**12), st.floats(0, 1), st.floats(0.01, 0.999))
def test_wilson_always_holds_the_rate_inside_0_and_1(n: int, share: float, confidence: float) -> None:
    """No events give 0..1; otherwise an interval around the rate."""
    successes = min(int(share * n), n)
    lower, upper = wilson_interval(successes, n, confidence)
    assert 0 <= lower <= upper <= 1
    assert n == 0 or lower - 1e-9 <= successes / n <= upper + 1e-9


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_a_confidence_outside_its_range_is_an_error(confidence: float) -> None:
    """Certainty has no interval."""
    with pytest.raises(ValueError, match="confidence must be inside"):
        wilson_interval(1, 2, confidence)
