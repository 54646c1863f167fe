"""Encodings: one that holds the outcomes is found, one that does not is not, whatever its values look like."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from sentinel.stats.arrays import Booleans, Counts, Floats
from sentinel.stats.encoding import Closeness, closeness, pure_ends
from sentinel.stats.estimate import NotEnough

N = 8_000


def cells(rng: np.random.Generator, size: int, base: float = 0.3, spread: float = 0.5) -> tuple[Counts, Floats]:
    """Rows in cells of about a size, and outcomes whose rate differs by cell."""
    cell = rng.integers(0, N // size, N)
    odds = math.log(base / (1 - base)) + rng.normal(0, spread, N // size)[cell]
    return cell, (rng.random(N) < 1 / (1 + np.exp(-odds))).astype(np.float64)


def encode(cell: Counts, outcomes: Floats, seen: Booleans, strength: float) -> Floats:
    """Mean outcome of the seen rows of each row's cell, with so many rows' worth of the mean of all."""
    k = int(cell.max()) + 1
    held = cell[seen].astype(np.int64)
    n, s = np.bincount(held, minlength=k), np.bincount(held, outcomes[seen], k)
    overall = outcomes[seen].mean()
    return np.asarray(((s + strength * overall) / np.maximum(n + strength, 1e-9))[cell])


def judge(values: Floats, outcomes: Floats, judged: Booleans | None = None) -> Closeness | NotEnough:
    """Group rows by value and test them."""
    distinct, at = np.unique(values, return_inverse=True)
    told = np.ones(len(at)) if judged is None else judged.astype(np.float64)
    n, s, m = (np.asarray(np.bincount(at, w), np.float64) for w in (np.ones(len(at)), outcomes, told))
    return closeness(distinct, n, s, m, (float(outcomes.mean()),))


def is_encoded(found: Closeness | NotEnough) -> bool:
    """Whether it was found to be made from the outcomes."""
    return isinstance(found, Closeness) and found.is_encoded


@pytest.mark.parametrize("strength", [0.0, 1.0, 10.0])
@pytest.mark.parametrize("size", [3, 10, 50, 200])
def test_an_encoding_over_all_rows_is_found(size: int, strength: float) -> None:
    """Small cells and large, smoothed or not, with a quarter of the rows to be judged by."""
    rng = np.random.default_rng(size)
    cell, outcomes = cells(rng, size)
    assert is_encoded(judge(encode(cell, outcomes, np.ones(N, bool), strength), outcomes, rng.random(N) < 0.25))


def test_log_odds_of_all_rows_are_found() -> None:
    """A weight of evidence is no straight line in the mean outcome, but one in its log-odds."""
    rng = np.random.default_rng(4)
    cell, outcomes = cells(rng, 100, spread=1.5)
    means = encode(cell, outcomes, np.ones(N, bool), 0.0)
    values = np.log((100 * means + 0.5) / (100 * (1 - means) + 0.5))
    assert is_encoded(judge(values, outcomes))


@pytest.mark.parametrize("strength", [0.0, 1.0, 10.0])
@pytest.mark.parametrize("size", [3, 10, 50])
def test_honest_encodings_are_not_found(size: int, strength: float) -> None:
    """Fitted on the training rows that it was judged with, or out of fold: validation outcomes are news to it."""
    rng = np.random.default_rng(size)
    cell, outcomes = cells(rng, size)
    judged = rng.random(N) < 0.3
    fitted = judge(encode(cell, outcomes, ~judged, strength), outcomes, judged)
    fold = rng.integers(0, 5, N)
    parts = np.stack([encode(cell, outcomes, fold != i, strength) for i in range(5)])
    for found in (fitted, judge(parts[fold, np.arange(N)], outcomes, judged)):
        assert not is_encoded(found)
        assert isinstance(found, NotEnough) or found.p_value > 1e-4


def test_p_values_of_honest_features_are_no_smaller_than_they_say() -> None:
    """Counts and rounded scores that tell the outcome's true odds, rare and common, have few small p-values."""
    rng = np.random.default_rng(9)
    found = []
    for _ in range(60):
        z = rng.normal(0, rng.choice([0.5, 2.0]), 2_000)
        odds = z + rng.choice([-4.0, -1.0, 0.0])
        outcomes = (rng.random(2_000) < 1 / (1 + np.exp(-odds))).astype(float)
        features = np.round(z, 1), np.round(1 / (1 + np.exp(-odds)), 2), rng.poisson(np.exp(1 + 0.3 * z)).astype(float)
        found += [judge(values, outcomes) for values in features]
    p = np.array([one.p_value for one in found if isinstance(one, Closeness)])
    assert len(p) > 100
    assert (p < 0.05).mean() < 0.05
    assert p.min() > 1e-4


def test_evenly_spread_outcomes_are_no_encoding() -> None:
    """One positive in each session of five to ten rows is closer to the session's length than chance, by design."""
    rng = np.random.default_rng(3)
    sizes = rng.integers(5, 11, 1_000)
    positives = np.ones(1_000)
    found = closeness(-sizes + rng.normal(0, 1, 1_000), sizes.astype(float), positives)
    assert isinstance(found, Closeness)
    assert found.dispersion < 0.5
    assert not found.is_encoded


def test_half_of_the_cells_unseen_is_half_of_the_variance() -> None:
    """Validation rows alone, a share w of what the encoding was fitted on, have a dispersion near 1 - w."""
    rng = np.random.default_rng(5)
    cell, outcomes = cells(rng, 40)
    kept = rng.random(N) < 0.6
    found = judge(encode(cell, outcomes, np.ones(N, bool), 0.0)[kept], outcomes[kept])
    assert isinstance(found, Closeness)
    # A chi-square with k degrees of freedom over k has variance 2 / k: four standard errors.
    assert found.dispersion == pytest.approx(0.4, abs=4 * 0.4 * math.sqrt(2 / found.n_values))


@pytest.mark.parametrize(
    ("values", "n", "positives"),
    [
        ([], [], []),
        ([1.0], [9.0], [3.0]),
        ([0.0, 1.0, 2.0, 3.0, 4.0], [9.0] * 5, [0.0] * 5),
        ([0.0, 1.0, 2.0, 3.0, 4.0], [9.0] * 5, [9.0] * 5),
        ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [1.0] * 6, [0.0, 1.0] * 3),
        ([0.0, 1e300, 2.0, 3.0, 4.0, -1e300], [90.0] * 6, [0.0, 90.0, 45.0, 30.0, 2.0, 1.0]),
        ([1e-300, 2e-300, 3e-300, 4e-300, 5e-300, 6e-300], [90.0] * 6, [0.0, 0.0, 0.0, 90.0, 90.0, 90.0]),
    ],
)
def test_nothing_breaks(values: list[float], n: list[float], positives: list[float]) -> None:
    """Empty, one class, distinct values, extreme values and perfect separation give finite numbers or a reason."""
    table = np.array(values), np.array(n), np.array(positives)
    found = closeness(*table)
    if isinstance(found, Closeness):
        assert all(math.isfinite(x) for x in (found.dispersion, found.total, found.p_value))
        assert not found.is_encoded
    assert pure_ends(*table) is None


def ends(zero: float = 0.0, between: float = 0.0, step: float = 3.0) -> Closeness | None:
    """Means of thirds and quarters, with so many positives where it is 0, and so many more between."""
    values = np.array([0.0, 1 / step, 1 / 2, 1 - 1 / step, 1.0])
    n = np.array([400.0, 150.0, 150.0, 150.0, 400.0])
    return pure_ends(values, n, np.round(n * values) + np.array([zero, between, between, between, 0.0]))


def test_pure_ends_are_found() -> None:
    """Never positive at 0, always at 1, and true means between: chance of an honest rate (1 - 1/12)^800."""
    found = ends()
    assert found is not None
    assert found.p_value == pytest.approx((11 / 12) ** 800)
    assert found.dispersion == pytest.approx(0.0, abs=1e-20)


def test_an_exception_clears_the_ends() -> None:
    """One positive at 0, means that are not those between, or values in round steps are no proof."""
    assert ends(zero=1.0) is None
    assert ends(between=40.0) is None
    assert ends(step=4.0) is None


def test_means_on_a_line_by_hand() -> None:
    """Seven values of forty rows, whose outcomes are exactly as the values say: only the half row of each is left.

    The law is the gamma law of the same mean whose variance is the sum of 2 + (1 - 6 f (1 - f)) / (m f (1 - f)); about
    the mean of all, Pearson's statistic over one degree less than there are values.
    """
    values = np.array([0.1103, 0.2011, 0.3517, 0.4909, 0.6173, 0.7001, 0.8309])
    n = np.full(7, 40.0)
    found = closeness(values, n, n * values)
    assert isinstance(found, Closeness)
    information = 40.0 * values * (1.0 - values)
    spread = (2.0 + (1.0 - 6.0 * values * (1.0 - values)) / information).sum()
    shape, scale = 5.0**2 / spread, spread / 5.0  # mean 5
    reached = (1.0 / (12.0 * information)).sum()
    assert found.p_value == pytest.approx(3.0 * stats.gamma.cdf(reached, shape, scale=scale), rel=1e-6)
    assert found.dispersion == pytest.approx(0.0, abs=1e-12)
    mean = values.mean()
    assert found.total == pytest.approx((40.0 * (values - mean) ** 2 / (mean * (1.0 - mean))).sum() / 6)


def test_pure_ends_by_hand() -> None:
    """Values between the ends that are off by two rows in 600, and their distance from the mean of all three."""
    values, n = np.array([0.0, 1 / 3, 1 / 2, 2 / 3, 1.0]), np.full(5, 600.0)
    positives = np.array([0.0, 202, 300, 398, 600])
    found = pure_ends(values, n, positives)
    assert found is not None
    off = 2.0 * 2.0**2 / (600.0 * (1 / 3) * (2 / 3))
    assert found.dispersion == pytest.approx(off / 3)
    assert found.total == pytest.approx(2.0 * 98.0**2 / (600.0 / 4.0) / 2)
    assert found.p_value == pytest.approx(math.exp(2 * 600 * math.log1p(-1 / 12)))
    assert (found.n_values, found.n) == (5, 3_000)


def test_pure_ends_with_more_values_between_are_found() -> None:
    """Four means between the ends, each exactly as it says."""
    values, n = np.array([0.0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1.0]), np.full(6, 600.0)
    found = pure_ends(values, n, n * values)
    assert found is not None
    assert found.dispersion == pytest.approx(0.0)
