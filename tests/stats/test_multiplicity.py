"""e-BH against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sentinel.stats.multiplicity import e_bh, log_mean_evidence

EVIDENCE = npst.arrays(np.float64, st.integers(0, 30), elements=st.floats(-30, 30))


def naive(evidence: np.ndarray, share: float) -> set[int]:
    """The definition, one k after the other."""
    order = sorted(range(evidence.size), key=lambda i: -evidence[i])
    best = 0
    for k in range(1, evidence.size + 1):
        if np.exp(evidence[order[k - 1]]) >= evidence.size / (k * share) * (1 - 1e-12):
            best = k
    return set(order[:best])


@settings(deadline=None)
@given(EVIDENCE, st.floats(0.01, 0.99))
def test_e_bh_is_its_definition(evidence: np.ndarray, share: float) -> None:
    """The vectorised version finds what the loop finds."""
    assert set(np.flatnonzero(e_bh(evidence, share)).tolist()) == naive(evidence, share)


@settings(deadline=None)
@given(EVIDENCE, st.integers(0, 29))
def test_more_evidence_never_loses_a_finding(evidence: np.ndarray, where: int) -> None:
    """e-BH is monotone: raising one e-value keeps every finding."""
    raised = evidence.copy()
    raised[where % evidence.size if evidence.size else slice(0)] += 5.0
    assert (e_bh(raised) | ~e_bh(evidence)).all()


def test_enormous_and_tiny_evidence_stays_finite() -> None:
    """1e300 nats do not overflow, and -1e300 is no finding."""
    assert e_bh(np.array([1e300, -1e300])).tolist() == [True, False]
    assert log_mean_evidence(np.array([1e300, -1e300])) == 1e300
    assert log_mean_evidence(np.array([])) == 0.0


def test_the_share_of_false_findings_is_kept_under_dependence() -> None:
    """190 null slices that share noise, 10 real ones: mean false share under .1, most real ones found."""
    random = np.random.default_rng(8)
    truth = np.zeros(200)
    truth[:10] = 5.0
    shares, power = [], []
    for _ in range(2000):
        z = truth + np.sqrt(0.5) * random.normal() + np.sqrt(0.5) * random.normal(size=200)
        found = e_bh(3.0 * z - 4.5, 0.1)  # exp(3 z - 4.5) has mean one under N(0, 1)
        shares.append(found[10:].sum() / max(int(found.sum()), 1))
        power.append(found[:10].mean())
    assert np.mean(shares) < 0.1
    assert np.mean(power) > 0.5


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_outside_its_range_is_an_error(share: float) -> None:
    """Nothing is found at 0 and everything at 1."""
    with pytest.raises(ValueError, match="false_share must be inside"):
        e_bh(np.array([1.0]), share)
