"""Mean losses and normalized entropy from sums, against rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss

from sentinel.stats.estimate import Estimate, NotEnough
from sentinel.stats.losses import brier_losses, log_losses, mean_loss, mean_losses, normalized_entropy


def world(seed: int, n: int = 800) -> tuple[np.ndarray, np.ndarray]:
    """Scores and outcomes of a miscalibrated model."""
    random = np.random.default_rng(seed)
    chance = random.beta(1.2, 4.0, n)
    return np.clip(chance * random.uniform(0.6, 1.4, n), 0, 1), (random.random(n) < chance).astype(np.int64)


def by_outcome(losses: np.ndarray, outcomes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts and sums per class, negatives first."""
    return (
        np.bincount(outcomes, minlength=2),
        np.bincount(outcomes, weights=losses, minlength=2),
        np.bincount(outcomes, weights=losses**2, minlength=2),
    )


def entropy(p: float) -> float:
    """In nats."""
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


@pytest.mark.parametrize("seed", range(5))
def test_mean_log_loss_and_brier_equal_sklearn(seed: int) -> None:
    """Sums of the row losses give scikit-learn's means, and numpy's variance of the mean, to 1e-9."""
    scores, outcomes = world(seed)
    for rows, reference in (
        (log_losses(scores, outcomes), log_loss(outcomes, np.clip(scores, 1e-4, 1 - 1e-4))),
        (brier_losses(scores, outcomes), brier_score_loss(outcomes, scores)),
    ):
        got = mean_loss(rows.size, rows.sum(), (rows**2).sum())
        assert isinstance(got, Estimate)
        assert got.value == pytest.approx(reference, abs=1e-9)
        assert got.variance == pytest.approx(rows.var(ddof=1) / rows.size, rel=1e-9)


def test_log_loss_is_clipped_on_both_ends() -> None:
    """A sure and wrong score costs ln(10,000), a sure and right one -ln(1 - 1e-4)."""
    rows = log_losses(np.array([0.0, 1.0, 0.0, 1.0]), np.array([1, 0, 0, 1]))
    assert rows == pytest.approx([math.log(1e4)] * 2 + [-math.log1p(-1e-4)] * 2, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_normalized_entropy_equals_its_definition_on_rows(seed: int) -> None:
    """The value is log loss over base-rate entropy; the variance is that of the influence of each row."""
    scores, outcomes = world(seed)
    rows, p = log_losses(scores, outcomes), outcomes.mean()
    got = normalized_entropy(*by_outcome(rows, outcomes))
    loss, ground = log_loss(outcomes, np.clip(scores, 1e-4, 1 - 1e-4)), entropy(p)
    influence = (rows - loss) / ground - loss * math.log((1 - p) / p) * (outcomes - p) / ground**2
    assert isinstance(got, Estimate)
    assert got.value == pytest.approx(loss / ground, abs=1e-9)
    assert got.variance == pytest.approx(influence.var(ddof=1) / rows.size, rel=1e-9)


def test_the_influence_is_the_derivative() -> None:
    """Leaving out one row at a time (no formula at all) gives the same variance within 2 percent."""
    scores, outcomes = world(11, 1500)
    rows = log_losses(scores, outcomes)
    n = rows.size
    loss, p = (rows.sum() - rows) / (n - 1), (outcomes.sum() - outcomes) / (n - 1)
    values = loss / (-p * np.log(p) - (1 - p) * np.log(1 - p))
    deleted = (n - 1) / n * ((values - values.mean()) ** 2).sum()
    got = normalized_entropy(*by_outcome(rows, outcomes))
    assert isinstance(got, Estimate)
    assert got.variance == pytest.approx(deleted, rel=0.02)


def test_normalized_entropy_varies_as_stated_over_samples() -> None:
    """Over 2,000 samples of 400 rows the mean variance is within 10 percent of the real one."""
    random = np.random.default_rng(5)
    chance = random.beta(1.2, 4.0, (2000, 400))
    outcomes = (random.random(chance.shape) < chance).astype(np.int64)
    rows = log_losses(chance, outcomes)
    found = [normalized_entropy(*by_outcome(r, y)) for r, y in zip(rows, outcomes, strict=True)]
    values = np.array([one.value for one in found if isinstance(one, Estimate)])
    variances = np.array([one.variance for one in found if isinstance(one, Estimate)])
    assert values.size == 2000
    assert variances.mean() / values.var() == pytest.approx(1.0, abs=0.10)


def test_a_model_that_knows_only_the_base_rate_scores_one() -> None:
    """Constant scores at the base rate .3: loss equals entropy, and the variance is the floor, not zero."""
    outcomes = np.repeat([0, 1], [70, 30])
    got = normalized_entropy(*by_outcome(log_losses(np.full(100, 0.3), outcomes), outcomes))
    assert isinstance(got, Estimate)
    assert got.value == pytest.approx(1.0, abs=1e-12)
    assert got.variance == pytest.approx(0.25 / 100**2 / entropy(0.3) ** 2, rel=1e-9)


def test_constant_losses_keep_a_variance() -> None:
    """A hundred equal losses: 1 / (4 n^2)."""
    assert mean_loss(100, 50.0, 25.0) == Estimate(0.5, 0.25 / 100**2, 100)


@settings(deadline=None)
@given(
    n=st.integers(0, 10**12),
    mean=st.floats(0, 9.3),
    spread=st.floats(0, 5),
    share=st.floats(0, 1),
)
def test_every_sum_gives_a_finite_estimate_or_a_reason(n: int, mean: float, spread: float, share: float) -> None:
    """No counts, one class, constants and 1e12 rows: finite, positive variance, or NotEnough."""
    ones = round(share * n)
    counts = np.array([n - ones, ones])
    squares = counts * (mean**2 + spread**2)
    for got in (
        mean_loss(n, n * mean, float(squares.sum())),
        normalized_entropy(counts, counts * mean, squares),
    ):
        if isinstance(got, NotEnough):
            assert got.n < got.needed
        else:
            assert math.isfinite(got.value)
            assert 0 < got.variance < math.inf


def test_many_means_are_those_of_each() -> None:
    """Every mean and variance of many is that of `mean_loss`; too few events count as two, and stay finite."""
    n, totals, squares = np.array([2, 5, 40]), np.array([1.0, 2.5, 12.0]), np.array([1.0, 1.25, 9.0])
    each = [mean_loss(*sums, minimum=2) for sums in zip(n.tolist(), totals.tolist(), squares.tolist(), strict=True)]
    means, variances = mean_losses(n, totals, squares)
    assert [Estimate(*found) for found in zip(means.tolist(), variances.tolist(), n.tolist(), strict=True)] == each
    means, variances = mean_losses(np.array([0, 1]), np.array([0.0, 3.0]), np.array([0.0, 9.0]))
    assert means.tolist() == [0.0, 1.5]
    assert variances.tolist() == [1 / 16, (9.0 - 4.5) / 1 / 2]


def test_normalized_entropy_says_how_many_were_positive() -> None:
    """Of thirty events that rest on twelve positive ones."""
    found = normalized_entropy(np.array([18, 12]), np.array([9.0, 12.0]), np.array([6.0, 14.0]))
    assert isinstance(found, Estimate)
    assert (found.n, found.n_positive) == (30, 12)
