"""Change detection: hand-derived values, laws of e-values, and calibration with small seeds."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.stats.bayes import log_bayes_factor
from sentinel.stats.change import (
    BET_RATIOS,
    Onset,
    Prior,
    change_posterior,
    locate,
    log_shiryaev_roberts,
    mixed_log_evidence,
    pool,
    split_log_evidence,
    split_masses,
)


def bernoulli_bets(accepted: float) -> np.ndarray:
    """The bets (m1 - m) / (m (1 - m)), capped at .9 / m."""
    return np.array([min((ratio - 1.0) / (1.0 - accepted), 0.9 / accepted) for ratio in BET_RATIOS])


def test_the_recursion_by_hand() -> None:
    """Each R becomes (1 + R) L; for losses of 0 and 1, L is the product of 1 + l (x - m) over the events."""
    events = [[1, 0], [], [0, 1, 1]]
    capital = np.zeros(len(BET_RATIOS))
    expected = []
    for pane in events:
        growth = np.ones(len(BET_RATIOS))
        for loss in pane:
            growth = growth * (1.0 + bernoulli_bets(0.2) * (loss - 0.2))
        capital = (1.0 + capital) * growth
        expected.append(capital.mean())
    n, totals = np.array([2.0, 0.0, 3.0]), np.array([1.0, 0.0, 2.0])
    assert np.exp(log_shiryaev_roberts(n, totals, 0.2)) == pytest.approx(expected, rel=1e-12)


def test_panes_without_events_count_up_by_one() -> None:
    """Where nothing is known L is 1, so R is the number of panes."""
    assert np.exp(log_shiryaev_roberts(np.zeros(4), np.zeros(4), 0.3)) == pytest.approx([1, 2, 3, 4], rel=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.01, 0.95), st.floats(0.001, 0.25))
@settings(deadline=None)
def test_sums_never_claim_more_than_the_events_would(losses: list[float], accepted: float, variance: float) -> None:
    """Both bounds from sums stay below the capital of the same bets on each event: the promise survives summing."""
    x = np.array(losses)
    sums = np.array([float(len(x))]), np.array([x.sum()])
    squares = np.array([(x * x).sum()])
    gains = (np.array(BET_RATIOS) - 1.0) * accepted
    spreads = np.array([accepted * (1 - accepted), max(variance, accepted**2)])
    bets = np.minimum((gains[:, None] / spreads).ravel(), 0.9 / accepted)
    true = np.log(np.prod(1.0 + np.outer(bets, x - accepted), axis=1).mean())
    claimed = log_shiryaev_roberts(*sums, accepted, squares=squares, variance=variance)[-1]
    assert claimed <= true + 1e-9


def test_squares_make_a_loss_of_little_spread_tell_sooner() -> None:
    """A rise from .15 to .18 in losses of sd .05 shows after 6 panes; as zeros and ones it would not in 60."""
    random = np.random.default_rng(2)
    losses = np.clip(random.normal(0.18, 0.05, (60, 50)), 0, 1)
    sums = np.full(60, 50.0), losses.sum(axis=1)
    chord = log_shiryaev_roberts(*sums, 0.15)
    both = log_shiryaev_roberts(*sums, 0.15, squares=(losses**2).sum(axis=1), variance=0.0025)
    assert chord.max() < 10.0 < both[5]


@pytest.mark.parametrize("accepted", [0.0, 1e-9, 0.5, 1.0])
def test_extreme_losses_stay_finite(accepted: float) -> None:
    """Accepted losses of 0 and 1, panes of a million sure losses, and none at all: finite."""
    n, totals = np.array([1e6, 0.0, 1e6]), np.array([1e6, 0.0, 0.0])
    value = log_shiryaev_roberts(n, totals, accepted, squares=totals, variance=0.0)
    assert np.isfinite(value).all()


def test_the_run_length_is_at_least_the_threshold() -> None:
    """With the true mean as the accepted one, 100 panes reach A = 1,000 in at most 100 / 1,000 of the streams."""
    random = np.random.default_rng(5)
    raised = 0
    for _ in range(400):
        losses = random.beta(1.0, 4.0, (100, 20))
        value = log_shiryaev_roberts(
            np.full(100, 20.0), losses.sum(axis=1), 0.2, squares=(losses**2).sum(axis=1), variance=0.0267
        )
        raised += bool((value >= math.log(1_000.0)).any())
    assert raised <= 400 * 0.1 + 3 * math.sqrt(400 * 0.1 * 0.9)


def test_a_worse_loss_is_found() -> None:
    """From .10 to .20 the statistic passes 10,000 within 600 events, as the Bernoulli likelihood ratio would."""
    random = np.random.default_rng(8)
    totals = np.concatenate([random.binomial(50, 0.1, 40), random.binomial(50, 0.2, 20)]).astype(np.float64)
    value = log_shiryaev_roberts(np.full(60, 50.0), totals, 0.1)
    first = int((value >= math.log(1e4)).argmax())
    assert 40 <= first < 52


def test_masses_are_probabilities_of_intervals() -> None:
    """Whatever splits are tested, their masses sum to the probability of an onset up to the last: below 1."""
    for splits in ([1, 2, 3, 4], [4], [2, 4]):
        masses = split_masses(np.array(splits))
        assert masses.sum() == pytest.approx(1.0 - math.log(2.0) / math.log(6.0), rel=1e-12)
        assert (masses > 0).all()
    every = split_masses(np.arange(1, 100))
    assert every[9:50].sum() == pytest.approx(split_masses(np.array([9, 50]))[1], rel=1e-9)


def test_without_evidence_the_mixture_is_one() -> None:
    """No splits, or splits without evidence, give an e-value of exactly 1."""
    assert mixed_log_evidence(np.zeros(0), np.zeros(0)) == 0.0
    assert mixed_log_evidence(np.zeros(9), split_masses(np.arange(1, 10))) == pytest.approx(0.0, abs=1e-12)


def test_a_split_that_cannot_be_judged_is_no_evidence() -> None:
    """Unusable splits give 0 whatever stands in them; the others the Bayes factor itself."""
    gap, variance = np.array([math.nan, 0.1]), np.array([math.inf, 0.0004])
    evidence = split_log_evidence(gap, variance, np.array([False, True]), 0.05)
    assert evidence[0] == 0.0
    assert evidence[1] == log_bayes_factor(0.1, 0.0004, 0.05)


def test_pooling_is_order_free_and_ends_at_the_surer() -> None:
    """Two estimates pool the same either way; against an endless variance the other stands alone."""
    assert pool(0.8, 0.01, 0.6, 0.03) == pool(0.6, 0.03, 0.8, 0.01)
    value, variance = pool(0.8, 0.01, 0.1, 1e9)
    assert float(value) == pytest.approx(0.8, abs=1e-9)
    assert float(variance) == pytest.approx(0.01, rel=1e-9)


def test_the_posterior_by_hand() -> None:
    """Prior .8, .1, .1 and Bayes factors 1, 4 and the mean of 2 and 30: weights .8, .4, 1.6."""
    evidence, usable = np.log(np.array([2.0, 99.0, 30.0])), np.array([True, False, True])
    belief = change_posterior(math.log(4.0), evidence, usable, Prior(0.8, 0.1, 0.1))
    assert (belief.none, belief.launch, belief.later) == pytest.approx((0.8 / 2.8, 0.4 / 2.8, 1.6 / 2.8))
    assert belief.at_split == pytest.approx([2 / 32, 0.0, 30 / 32])


def test_without_outcomes_the_posterior_is_the_prior() -> None:
    """Nothing judged: what was believed before."""
    belief = change_posterior(0.0, np.array([5.0]), np.array([False]))
    assert belief[:3] == pytest.approx(Prior())
    assert belief.at_split.tolist() == [0.0]


@given(st.floats(-2e3, 2e3), st.lists(st.floats(-2e3, 2e3), max_size=5))
@settings(deadline=None)
def test_the_posterior_is_a_probability(log_launch: float, later: list[float]) -> None:
    """Evidence of thousands of nats either way still gives numbers in 0 to 1 that sum to 1."""
    belief = change_posterior(log_launch, np.array(later), np.ones(len(later), np.bool_))
    assert sum(belief[:3]) == pytest.approx(1.0)
    assert all(0.0 <= p <= 1.0 for p in belief[:3])
    assert belief.at_split.sum() == pytest.approx(1.0 if later else 0.0)


def test_a_prior_of_zero_is_never_overcome() -> None:
    """Who rules out a later gap is told of none, without a warning."""
    belief = change_posterior(0.0, np.array([50.0]), np.ones(1, np.bool_), Prior(0.9, 0.1, 0.0))
    assert belief.later == 0.0


def test_the_interval_holds_its_level() -> None:
    """Outside the interval lies at most 2.5 % on either side, and one split less would leave out more."""
    random = np.random.default_rng(1)
    for _ in range(50):
        p = random.dirichlet(np.full(40, 0.3))
        found = locate(p)
        assert p[: found.lower].sum() <= 0.025 < p[: found.lower + 1].sum()
        assert p[found.upper + 1 :].sum() <= 0.025 < p[found.upper :].sum()
    assert locate(np.array([1.0])) == Onset(0, 0, 0)


def means_by_split(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gap and variance at each split of a series of unit-variance means."""
    n = np.arange(1, len(values))
    before, total = np.cumsum(values)[:-1], values.sum()
    return before / n - (total - before) / (len(values) - n), 1.0 / n + 1.0 / (len(values) - n)


def test_the_split_evidence_keeps_its_promise_at_every_look() -> None:
    """A steady series of 60 panes, looked at twenty times: at most alpha of 300 series ever pass 1 / alpha."""
    random, raised = np.random.default_rng(11), 0
    for _ in range(300):
        series = random.normal(size=60)
        for end in range(3, 61, 3):
            gap, variance = means_by_split(series[:end])
            evidence = split_log_evidence(gap, variance, np.ones(end - 1, np.bool_), 0.5)
            if mixed_log_evidence(evidence, split_masses(np.arange(1, end))) >= math.log(20.0):
                raised += 1
                break
    assert raised <= 300 * 0.05 + 3 * math.sqrt(300 * 0.05 * 0.95)


def test_weights_times_lengths_would_break_it() -> None:
    """The named mistake: point weights times interval lengths sum to far more than 1, interval masses never do."""
    ends = np.unique(np.geomspace(1, 2_000, 24).astype(np.int64))
    lengths = np.array([b - a for a, b in itertools.pairwise([0, *ends.tolist()])])
    at_starts = 1.0 / ((ends - lengths + 1) * np.log(ends - lengths + 2.0) ** 2)
    assert (at_starts * lengths).sum() > 2.0
    assert split_masses(ends).sum() < 1.0


@pytest.mark.parametrize(("drop", "onset", "expected"), [(0.0, 30, "none"), (1.0, 0, "launch"), (1.5, 30, "later")])
def test_none_launch_and_later_are_told_apart(drop: float, onset: int, expected: str) -> None:
    """60 panes of unit variance against an offline estimate of variance .01: the truth gets more than half."""
    right = 0
    for seed in range(20):
        values = np.random.default_rng(seed).normal(size=60)
        values[onset:] -= drop
        n = np.arange(1, 60)
        before, after = np.cumsum(values)[:-1] / n, (values.sum() - np.cumsum(values)[:-1]) / (60 - n)
        level, variance = pool(before, 1.0 / n, 0.0, 0.01)
        usable = np.ones(59, np.bool_)
        later = split_log_evidence(level - after, variance + 1.0 / (60 - n), usable, 1.0)
        launch = float(log_bayes_factor(-values.mean(), 0.01 + 1 / 60, 1.0))
        belief = change_posterior(launch, later, usable)
        right += getattr(belief, expected) > 0.5
    assert right >= 18
