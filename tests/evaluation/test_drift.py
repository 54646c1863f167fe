"""Drift of features and scores: what moves is measured and raised, what does not is left alone."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from scipy import stats

from sentinel.evaluation.drift import SCORE, judge_drifts, of_feature
from sentinel.evaluation.findings import Drift
from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import BIN_ABOVE, BIN_BELOW, N_SPECIAL
from tests.evaluation.worlds import count, draw, world_layout


def _numbers(drift: Drift) -> list[float]:
    return [value for value in msgspec.structs.astuple(drift) if isinstance(value, float)]


def test_two_samples_of_one_world_raise_nothing() -> None:
    """Three features and the score, 5,000 events a side, twenty draws: no alarm, and evidence against a change."""
    layout = world_layout()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = judge_drifts(layout, count(layout, draw(layout, rng, 5_000)), count(layout, draw(layout, rng, 5_000)))
        assert list(found) == [of_feature(f"x{i}") for i in range(3)] + [SCORE]
        assert not any(drift.alarm for drift in found.values())
        assert max(drift.log_evidence or 0.0 for drift in found.values()) < 3.0


def test_one_moved_feature_is_raised_alone() -> None:
    """Feature x1 moves up by one bin: the index is that of the two laws, the distance a third of the quartiles'."""
    layout, rng = world_layout(), np.random.default_rng(5)
    offline, moved = draw(layout, rng, 10_000), draw(layout, rng, 10_000)
    moved["features"][:, 1] = np.minimum(moved["features"][:, 1] + 1, N_SPECIAL + 9)
    found = judge_drifts(layout, count(layout, offline), count(layout, moved))
    assert [name for name, drift in found.items() if drift.alarm] == [of_feature("x1")]
    drift = found[of_feature("x1")]
    cuts = np.r_[-np.inf, np.arange(1, 10) / 2.0 - 2.5, np.inf]
    p = np.diff(stats.norm.cdf(cuts))
    q = np.r_[0.5 / 10_000, p[:-2], p[-2] + p[-1]]  # half an event stands in the bin that has emptied
    assert drift.excess_psi == pytest.approx(((q - p) * np.log(q / p)).sum(), abs=0.03)
    # one bin is .1 wide; the quartiles of a standard normal, 1.35 apart, lie three bins apart
    assert drift.wasserstein == pytest.approx(0.1 / 0.3, abs=0.03)
    assert drift.p_value is not None
    assert drift.p_value < 1e-12


def test_values_beyond_the_range_move_the_distribution_to_its_end() -> None:
    """A feature served in another unit lies above its range: the distance of distributions is 1."""
    layout, rng = world_layout(), np.random.default_rng(6)
    rows = draw(layout, rng, 2_000)
    rows["features"][:, 2] = BIN_ABOVE
    drift = judge_drifts(layout, count(layout, draw(layout, rng, 2_000)), count(layout, rows))[of_feature("x2")]
    assert drift.kolmogorov_smirnov == 1.0
    assert drift.jensen_shannon == 1.0
    assert drift.alarm


@pytest.mark.parametrize(("beyond", "distance"), [(BIN_BELOW, 1.0), (BIN_ABOVE, 4.0)])
def test_values_beyond_the_range_lie_at_its_ends(beyond: int, distance: float) -> None:
    """A feature all below or all above its range has moved to that edge.

    Offline a quarter each lies in the first four bins of ten, whose quartiles are two widths apart. Their mean is two
    widths from the lower edge and eight from the upper one: one or four quartile ranges.
    """
    layout = world_layout()
    offline, live = Summary.zero(layout), Summary.zero(layout)
    offline["features"][N_SPECIAL : N_SPECIAL + 4] = 500
    live["features"][beyond] = 2_000
    assert judge_drifts(layout, offline, live)[of_feature("x0")].wasserstein == pytest.approx(distance)


def test_scores_that_move_are_drift_without_any_outcome() -> None:
    """Only predictions are counted: half of the traffic scores near one."""
    layout, rng = world_layout(), np.random.default_rng(7)
    rows = draw(layout, rng, 2_000)
    rows["score_bin"][::2] = layout.n_score_bins - 1
    live = Summary.zero(layout)
    live.observe_predictions(rows)
    assert judge_drifts(layout, count(layout, draw(layout, rng, 2_000)), live)[SCORE].alarm


def test_nothing_served_yet_is_not_enough_and_no_alarm() -> None:
    """Empty live side: no distance, evidence of zero."""
    layout = world_layout()
    offline = count(layout, draw(layout, np.random.default_rng(8), 1_000))
    for drift in judge_drifts(layout, offline, Summary.zero(layout)).values():
        assert (drift.excess_psi, drift.jensen_shannon, drift.p_value, drift.alarm) == (None, None, None, False)
        assert _numbers(drift) == [0.0]
