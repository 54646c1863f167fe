"""AUC from histograms: the value, its DeLong variance and its floor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats
from sklearn.metrics import roc_auc_score

from sentinel.stats.auc import auc_from_histogram, auc_many, auc_values, auc_variance_floor
from sentinel.stats.estimate import Estimate, NotEnough

COUNTS = npst.arrays(np.int64, st.tuples(st.just(2), st.integers(1, 12)), elements=st.integers(0, 30))


def brute_force(positives: np.ndarray, negatives: np.ndarray) -> tuple[float, float]:
    """Area and unpaired DeLong variance from all pairs of rows, without any use of bins."""
    ones = np.repeat(np.arange(positives.size), positives)
    zeros = np.repeat(np.arange(negatives.size), negatives)
    kernel = (ones[:, None] > zeros[None, :]) + 0.5 * (ones[:, None] == zeros[None, :])
    placed1, placed0 = kernel.mean(axis=1), kernel.mean(axis=0)
    variance = placed1.var(ddof=1) / ones.size + placed0.var(ddof=1) / zeros.size
    return float(kernel.mean()), float(variance)


@pytest.mark.parametrize("seed", range(8))
def test_area_and_variance_equal_those_of_all_pairs(seed: int) -> None:
    """The histogram formula is DeLong's: it agrees with O(n1 n0) pair counting to 1e-12."""
    random = np.random.default_rng(seed)
    positives, negatives = random.integers(0, 20, 15), random.integers(0, 40, 15)
    got = auc_from_histogram(positives, negatives)
    area, variance = brute_force(positives, negatives)
    assert isinstance(got, Estimate)
    assert got.value == pytest.approx(area, abs=1e-12)
    assert got.variance == pytest.approx(variance, rel=1e-10)
    assert (got.n, got.n_positive) == (positives.sum() + negatives.sum(), positives.sum())


@pytest.mark.parametrize("seed", range(8))
def test_area_equals_sklearn_on_tied_scores(seed: int) -> None:
    """Ties count half, as in scikit-learn."""
    random = np.random.default_rng(100 + seed)
    outcomes = random.random(500) < 0.3
    scores = np.clip(np.rint(random.normal(outcomes * 1.5, 1.5) + 6), 0, 12).astype(np.int64)
    got = auc_values(np.bincount(scores[outcomes], minlength=13), np.bincount(scores[~outcomes], minlength=13))
    assert float(got) == pytest.approx(roc_auc_score(outcomes, scores), abs=1e-12)


def test_the_radiologists_ratings_of_hanley_and_mcneil() -> None:
    """The example of Hanley & McNeil (1982), Radiology 143:29-36: 109 images, area .893, SE .032."""
    normal, abnormal = np.array([33, 6, 6, 11, 2]), np.array([3, 2, 2, 11, 33])
    got = auc_from_histogram(abnormal, normal)
    assert isinstance(got, Estimate)
    assert round(got.value, 3) == 0.893
    assert got.standard_error == pytest.approx(0.032, abs=0.002)  # theirs takes exponential scores


def test_three_against_three_by_hand() -> None:
    """Placements 2/3, 1, 1 on either side: area 8/9, variance 2/81, under the floor of 1/18."""
    ones, zeros = np.array([0, 1, 0, 2]), np.array([2, 0, 1, 0])
    got = auc_from_histogram(ones, zeros, minimum_per_class=3)
    assert isinstance(got, Estimate)
    assert got.value == pytest.approx(8 / 9, abs=1e-15)
    assert brute_force(ones, zeros)[1] == pytest.approx(2 / 81, abs=1e-15)
    assert got.variance == pytest.approx(1 / 18, abs=1e-15)


@settings(deadline=None)
@given(COUNTS)
def test_swapping_the_outcomes_mirrors_the_area(table: np.ndarray) -> None:
    """Calling positives negative turns A into 1 - A and leaves the variance."""
    there, back = auc_many(table[0], table[1]), auc_many(table[1], table[0])
    assert there.values == pytest.approx(1.0 - back.values, abs=1e-12)
    assert there.variances == pytest.approx(back.variances, rel=1e-9)


@settings(deadline=None)
@given(npst.arrays(np.int64, (2, 3, 4, 6), elements=st.integers(0, 10**12) | st.integers(0, 9)))
def test_many_is_the_scalar_version_row_by_row_and_always_finite(tables: np.ndarray) -> None:
    """Empty, one-class and huge histograms give finite numbers, and `valid` says which may be used."""
    many = auc_many(tables[0], tables[1])
    for array in (many.values, many.variances):
        assert np.isfinite(array).all()
    assert (many.variances > 0).all()
    assert ((many.values >= 0) & (many.values <= 1)).all()
    for place in np.ndindex(3, 4):
        one = auc_from_histogram(tables[0][place], tables[1][place])
        assert bool(many.valid[place]) == isinstance(one, Estimate)
        if isinstance(one, Estimate):
            assert one.value == pytest.approx(many.values[place], rel=1e-12)
            assert one.variance == pytest.approx(many.variances[place], rel=1e-9)


def test_perfect_separation_and_constant_scores_keep_a_variance() -> None:
    """DeLong's variance is zero there; the floor (1/n1^2 + 1/n0^2) / 4 stands in."""
    for ones, zeros, area in ([0, 50], [50, 0], 1.0), ([0, 50, 0], [0, 50, 0], 0.5):
        got = auc_from_histogram(np.array(ones), np.array(zeros))
        assert got == Estimate(area, 2 * 0.25 / 50**2, 100, 50)


def test_the_floor_of_an_empty_class_is_that_of_one_event() -> None:
    """None and one are alike: (1 + 1) / 4; beside fifty, (1 + 1 / 2500) / 4."""
    assert auc_variance_floor([0, 1, 0], [0, 1, 50]).tolist() == [0.5, 0.5, 0.25 * (1.0 + 1.0 / 2_500.0)]


def test_the_floor_does_not_touch_ordinary_areas() -> None:
    """At area .8 and ten of each class the DeLong variance is already above the floor."""
    scores = np.arange(10)
    ones, zeros = np.bincount(scores + 3, minlength=13), np.bincount(scores, minlength=13)
    got = auc_from_histogram(ones, zeros)
    assert isinstance(got, Estimate)
    assert got.variance == pytest.approx(brute_force(ones, zeros)[1], rel=1e-12)
    assert got.variance > auc_variance_floor(10, 10)


@pytest.mark.parametrize(("ones", "zeros", "kind"), [(0, 20, "positive"), (20, 9, "negative"), (0, 0, "positive")])
def test_too_few_of_a_class_is_a_value_with_a_reason(ones: int, zeros: int, kind: str) -> None:
    """The reason names the scarce class, how many there are and how many it takes."""
    got = auc_from_histogram(np.array([ones]), np.array([zeros]))
    assert got == NotEnough(f"too few {kind} outcomes", min(ones, zeros), 10)


@pytest.mark.parametrize(("n_positive", "n_negative", "shift"), [(30, 300, 1.2), (200, 200, 1.2), (40, 40, 2.2)])
def test_the_variance_is_that_of_repeated_samples(n_positive: int, n_negative: int, shift: float) -> None:
    """Over 4,000 samples the mean variance is within 10 percent of the real one, known to 2."""
    random = np.random.default_rng(7)
    edges = stats.norm.ppf(np.linspace(0, 1, 65)[1:-1], loc=shift / 2, scale=1.3)
    cells = np.diff(np.r_[0, stats.norm.cdf(edges), 1]), np.diff(np.r_[0, stats.norm.cdf(edges - shift), 1])
    many = auc_many(random.multinomial(n_positive, cells[1], 4000), random.multinomial(n_negative, cells[0], 4000))
    assert many.values.mean() == pytest.approx(stats.norm.cdf(shift / np.sqrt(2)), abs=0.005)
    assert many.variances.mean() / many.values.var() == pytest.approx(1.0, abs=0.10)
