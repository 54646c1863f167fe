"""A feature that moved is told from one that did not, and from one that changed its unit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sentinel.audit.checks import range_differences
from sentinel.audit.features.bins import MISSING, REST, bin_numbers, bin_words, commonest, cuts_of
from sentinel.audit.features.shares import ShareGap, Shift, compare_histograms, compare_shares
from sentinel.audit.features.units import FACTORS, other_unit
from sentinel.audit.findings import CheckResult
from sentinel.stats.estimate import NotEnough
from tests.audit.contexts import context_of
from tests.audit.frames import look, rows

N = 3_000


def _shuffled(seed: int, n: int = N) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of one law and one time, split at random: validation, training."""
    every = rows(2 * n, seed).sample(frac=1.0, random_state=seed, ignore_index=True)
    return every.iloc[:n].reset_index(drop=True), every.iloc[n:].reset_index(drop=True)


def test_honest_random_splits_are_clear() -> None:
    """Thirty random splits, some with a heavy tail and with entities of ten rows, raise no false alarm."""
    for seed in range(30):
        validation, train = _shuffled(seed, 500)
        rng = np.random.default_rng(seed)
        for frame, name in ((validation, "v"), (train, "t")):
            level = rng.normal(size=50)
            who = rng.integers(0, 50, 500)
            frame["group"], frame["level"] = [f"{name}{one}" for one in who], level[who]
            frame["tail"] = rng.standard_cauchy(500)
        assert look(range_differences, validation, train).state == "clear", seed


@pytest.mark.parametrize("step", [0.5, 1.0, 3.0])
def test_a_feature_that_moved_is_found_with_its_size(step: float) -> None:
    """Two normals a step apart have the index step^2 (bins lose some): found, and no other column beside it."""
    validation, train = _shuffled(1)
    validation["noise"] += step
    findings = [one for one in look(range_differences, validation, train).findings if one.plots]
    (finding,) = findings
    assert (finding.severity, finding.columns, finding.cause) == ("warning", ("noise",), "data_quality_fault")
    index = finding.plots[0].series[0].y[0]
    assert 0.75 * step**2 < index < 1.15 * step**2


def test_what_time_moves_is_good_to_know() -> None:
    """The same step is no fault where validation comes after training: the world may have moved."""
    train, validation = rows(N, 1), rows(N, 2, first_hour=N)
    validation["noise"] += 1.0
    severities = {one.severity for one in look(range_differences, validation, train).findings}
    assert severities == {"info"}


@pytest.mark.parametrize("factor", [1_000.0, 1 / 60.0, 2.204_622_6])
def test_another_unit_is_critical_and_named(factor: float) -> None:
    """Grams for kilograms, hours for minutes, pounds for kilograms: named even where time may move things."""
    train, validation = rows(N, 1), rows(N, 2, first_hour=N)
    rng = np.random.default_rng(3)
    train["weight"], validation["weight"] = rng.normal(70, 9, N), factor * rng.normal(70, 9, N)
    finding = look(range_differences, validation, train).findings[0]
    assert (finding.severity, finding.columns) == ("critical", ("weight",))
    assert "changed unit" in finding.title


def test_a_unit_is_not_taken_for_a_drift() -> None:
    """A law that grew by the odd factor 1.7, or by a factor of ten with another shape, is no unit."""
    rng = np.random.default_rng(4)
    first = rng.normal(70, 9, N)
    assert other_unit(first, 1.7 * rng.normal(70, 9, N)) is None
    assert other_unit(first, 10 * rng.exponential(70, N)) is None


def test_celsius_and_fahrenheit_are_told_from_each_other() -> None:
    """The affine conversion is found both ways; a constant, few values and no values are passed over."""
    rng = np.random.default_rng(5)
    celsius, again = rng.normal(15, 6, 2_000), rng.normal(15, 6, 2_000)
    for pair in ((celsius, again * 1.8 + 32), (celsius * 1.8 + 32, again)):
        found = other_unit(*pair)
        assert found is not None
        assert found.name == "degrees Fahrenheit and Celsius"
    assert other_unit(np.ones(500), celsius) is None
    assert other_unit(celsius[:50], again) is None
    assert other_unit(np.full(500, np.nan), again) is None


def test_two_samples_of_one_law_change_no_unit() -> None:
    """Of a hundred pairs of one law, normal or lognormal, none is said to have changed its unit."""
    rng = np.random.default_rng(6)
    for _ in range(50):
        assert other_unit(rng.normal(5, 1, 200), rng.normal(5, 1, 200)) is None
        assert other_unit(rng.lognormal(2, 1, 200), rng.lognormal(2, 1, 200)) is None
    assert len(FACTORS) == 17


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_values_outside_the_training_range_are_counted(share: float) -> None:
    """The share of validation values beyond all training values is stated."""
    validation, train = _shuffled(7)
    validation.loc[np.arange(N) < share * N, "noise"] = 50.0
    found = [one for one in look(range_differences, validation, train).findings if one.share is not None]
    (finding,) = found
    assert finding.columns == ("noise",)
    assert finding.share is not None
    assert finding.share.value == pytest.approx(share, abs=1e-9)
    assert "50" not in finding.detail.replace(f"{share:.1%}", "")


def test_numbers_that_count_on_are_expected_beyond_the_training_rows_of_a_split_by_time() -> None:
    """Numbers of orders go on after the cut: information; another number that leaves its range is a warning."""
    every = rows(3_000, 14)
    every["order"] = np.arange(3_000) * 7 + np.random.default_rng(3).integers(0, 50, 3_000)
    train, validation = every.iloc[:2_000], every.iloc[2_000:].reset_index(drop=True)
    severities = []
    for judged in (validation, validation.assign(noise=validation["noise"] + 20.0)):
        found = look(range_differences, judged, train).findings
        severities += [(one.severity, one.columns) for one in found if one.share is not None]
    assert severities == [("info", ("order",)), ("warning", ("noise", "order"))]


def test_training_rows_of_one_moment_have_no_clock() -> None:
    """Where all training rows carry one time nothing counts on with it: no warning of a correlation without a value."""
    every = rows(600, 15)
    train, validation = every.iloc[:300].assign(predicted_at=every["predicted_at"].iloc[0]), every.iloc[300:]
    assert look(range_differences, validation, train).state == "clear"


def test_extremes_of_a_small_training_file_are_no_alarm() -> None:
    """Of few training rows the extremes are passed by many validation rows of one law: 2 / 101 of them on average."""
    rng = np.random.default_rng(11)
    n_named = 0
    for seed in range(60):
        train, validation = rows(120, 3_000 + seed), rows(4_000, 4_000 + seed)
        for frame in (train, validation):
            frame["heavy"] = rng.standard_t(2, len(frame))
        n_named += sum(one.share is not None for one in look(range_differences, validation, train).findings)
    assert n_named == 0  # a chance of .001 a pair of files


def test_chance_of_values_outside_is_that_of_random_orders() -> None:
    """The law of how many lie beyond both extremes is that of shuffled ranks, by simulation."""
    rng = np.random.default_rng(12)
    n_train, n_validation, n_outside = 20, 60, 12
    hits = 0
    for _ in range(4_000):
        trained = np.sort(rng.permutation(n_train + n_validation)[:n_train])
        hits += int(trained[0] + n_train + n_validation - 1 - trained[-1]) >= n_outside
    check = range_differences.start(context_of(rows(n_validation, 1), rows(n_train, 2)))
    assert not isinstance(check, CheckResult)
    by_chance = check._chance_outside(n_outside, n_train, n_validation)  # type: ignore[attr-defined]
    assert by_chance == pytest.approx(hits / 4_000, abs=0.02)


def test_outcomes_that_were_balanced_in_one_file_are_found() -> None:
    """A training file with its negatives thinned out differs in the outcome."""
    validation, train = _shuffled(8)
    kept = (train["outcome"] == 1) | (np.random.default_rng(1).random(N) < 0.3)
    named = {one.columns for one in look(range_differences, validation, train[kept]).findings}
    assert ("outcome",) in named


def test_there_are_never_more_bins_than_planned() -> None:
    """Common values that stay alone take the place of quantiles: continuous, whole, heavy and mixed, any order."""
    rng = np.random.default_rng(13)
    for seed in range(200):
        mixed = np.concatenate([rng.poisson(rng.uniform(0.1, 30), 400), rng.standard_t(1, rng.integers(0, 300))])
        for n_bins in (2, 16, 64):
            cuts = cuts_of(rng.permutation(mixed), n_bins)
            assert len(cuts) < n_bins, seed
            assert (np.diff(cuts) > 0).all()
            assert len(cuts) == 0 or cuts[0] > mixed.min()


def test_odd_columns_do_no_harm() -> None:
    """All null, constant, infinite, huge and one-sided columns, and files of a few rows, give results."""
    validation, train = _shuffled(9, 300)
    for frame in (validation, train):
        frame["null"], frame["same"] = np.nan, 1.0
        frame["wild"] = np.where(np.arange(300) % 3 == 0, np.inf, 1e308)
    train["kept"] = 1.0
    assert look(range_differences, validation, train).state == "clear"
    assert look(range_differences, validation.head(3), train.head(3)).state == "clear"
    assert look(range_differences, validation).needs == "--train"


def test_batches_change_nothing() -> None:
    """Counts are the same in batches of 41 rows."""
    validation, train = _shuffled(10)
    validation["noise"] *= 3.0
    whole, parted = (look(range_differences, validation, train, batch_rows=n) for n in (1 << 15, 41))
    assert whole.findings == parted.findings


def test_a_share_with_one_entity_a_row_is_tested_as_two_proportions_are() -> None:
    """The interval of a difference is the textbook's: p (1 - p) / n on either side, within the noise of 32 buckets."""
    rng = np.random.default_rng(11)
    n = np.full(32, 500)
    widths = []
    for _ in range(60):
        found = compare_shares((rng.binomial(n, 0.2), n), (rng.binomial(n, 0.2), n))
        assert isinstance(found, ShareGap)
        widths.append((found.gap.upper - found.gap.lower) / 2)
    textbook = stats.t.ppf(0.975, 62) * np.sqrt(2 * 0.2 * 0.8 / 16_000)
    assert 1.0 <= np.mean(widths) / textbook < 1.15  # never below the binomial one


def test_histograms_of_one_law_are_called_apart_as_often_as_stated() -> None:
    """At the level .05 between 0 and 12 of a hundred pairs: the correction of at least 1 makes the test careful."""
    rng = np.random.default_rng(12)
    alarms = 0
    for _ in range(100):
        first, second = (rng.multinomial(100, np.full(8, 1 / 8), 32).T for _ in range(2))
        found = compare_histograms(first, second)
        assert isinstance(found, Shift)
        alarms += found.p_value < 0.05
    assert alarms <= 12
    assert isinstance(compare_histograms(np.ones((2, 32), np.int64), np.ones((2, 32), np.int64)), NotEnough)


def test_values_fall_into_their_bins() -> None:
    """Missing values and rare categories have bins of their own; equal values share one."""
    values = np.array([0.0, 0.0, 0.0, 1.0, 2.0, np.nan, np.inf])
    binned = bin_numbers(values, cuts_of(values))
    assert binned[5] == MISSING
    assert len(set(binned[:3])) == 1
    assert binned[3] != binned[0]
    words = np.array([5, 5, 9, 0], np.uint64)
    kept = commonest(words)
    assert bin_words(words, kept).tolist() == [0, 0, 1, MISSING]
    assert bin_words(np.array([7], np.uint64), kept).tolist() == [REST]
    assert bin_words(words, np.empty(0, np.uint64)).tolist() == [REST, REST, REST, MISSING]
