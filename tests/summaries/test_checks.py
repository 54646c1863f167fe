"""What is checked of each prediction: ages fall into their bins, limits are exact, and no split of events shows."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given

from sentinel.events.batch import NO_TIME, FeatureTimes
from sentinel.events.times import BAD_TIME
from sentinel.summaries import Summary
from sentinel.summaries.checks import (
    AGE_AFTER,
    AGE_BAD,
    FIRST_AGE,
    N_AGE_BINS,
    check_predictions,
    has_findings,
)
from sentinel.summaries.layout import Layout
from sentinel.summaries.panes import PaneBook
from tests.support.layouts import (
    HOUR_US,
    checked_layout,
    draw_checked,
    draw_predictions,
    seeds,
    small_layout,
    with_feature_times,
)

SECOND_US = 1_000_000
YEAR_US = 365 * 24 * HOUR_US


def ages_of(layout: Layout, ages_us: list[int]) -> Summary:
    """Predictions whose feature ``age`` (column 0) is of these ages; ages of 1e18 stand for unreadable times."""
    predictions = draw_predictions(layout, np.random.default_rng(1), len(ages_us))
    at_us = np.full((len(predictions.schema.columns), len(ages_us)), NO_TIME)
    at_us[0] = [
        BAD_TIME if a == 10**18 else p - a for p, a in zip(predictions.predicted_at.tolist(), ages_us, strict=True)
    ]
    checked = check_predictions(
        layout, replace(predictions, feature_times=FeatureTimes(at_us, np.zeros(len(ages_us), np.int64)))
    )
    assert checked is not None
    summary = Summary.zero(layout)
    summary.observe_checks(checked)
    return summary


@pytest.mark.parametrize(
    ("age_us", "bin_"),
    [
        (10**18, AGE_BAD),
        (-YEAR_US, AGE_AFTER),
        (-5 * SECOND_US - 1, AGE_AFTER),
        (-5 * SECOND_US, FIRST_AGE),  # a skew of five seconds is no future
        (0, FIRST_AGE),
        (SECOND_US - 1, FIRST_AGE),
        (SECOND_US, FIRST_AGE + 1),
        (2 * SECOND_US, FIRST_AGE + 2),
        (HOUR_US, FIRST_AGE + 12),  # 2048 s <= 3600 s < 4096 s
        (YEAR_US - 1, N_AGE_BINS - 2),
        (YEAR_US, N_AGE_BINS - 1),
        (40 * YEAR_US, N_AGE_BINS - 1),
    ],
)
def test_an_age_falls_into_its_bin(age_us: int, bin_: int) -> None:
    """Bins double from a second on; the future begins beyond the clocks' skew; features without times count nowhere."""
    ages = ages_of(small_layout(), [age_us])["ages"]
    assert np.argwhere(ages).tolist() == [[0, bin_]]


def test_older_than_declared_is_exact_to_the_microsecond() -> None:
    """Of ages at an hour, a microsecond more, and unreadable, the one above the declared hour is too old."""
    summary = ages_of(checked_layout(), [HOUR_US, HOUR_US + 1, 2 * YEAR_US, 10**18])
    assert summary["too_old"].tolist() == [2, 0, 0]


def test_outside_the_declared_range_is_exact() -> None:
    """Both bounds belong to the range; infinities are outside, missing and invalid values are not values."""
    layout = checked_layout()  # age: 20 to 80; income: 0.5 and more
    predictions = draw_predictions(layout, np.random.default_rng(1), 7)
    predictions.numeric[0] = [20.0, 80.0, np.nextafter(20.0, 0.0), np.nextafter(80.0, 99.0), np.inf, -np.inf, np.nan]
    predictions.numeric[1] = [0.5, 1e300, np.inf, 0.49, -np.inf, np.nan, np.nan]
    checked = check_predictions(layout, predictions)
    assert checked is not None
    summary = Summary.zero(layout)
    summary.observe_checks(checked)
    assert summary["outside_range"].tolist() == [4, 2, 0]
    assert summary["ages"].sum() == 0
    assert has_findings(checked).tolist() == [False, False, True, True, True, True, False]


def test_times_of_columns_that_are_no_features_are_unused() -> None:
    """A time of ``region``, which only slices, and two that name no column: three times of no use."""
    layout = small_layout()
    predictions = draw_predictions(layout, np.random.default_rng(1), 1)
    at_us = np.full((4, 1), NO_TIME)
    at_us[1] = predictions.predicted_at
    checked = check_predictions(layout, replace(predictions, feature_times=FeatureTimes(at_us, np.array([2]))))
    assert checked is not None
    assert checked["unused"].tolist() == [3]
    assert not checked["facts"].any()


def test_unused_times_are_counted_for_each_prediction() -> None:
    """A time of ``region`` in the first of two predictions is the first's alone."""
    layout = small_layout()
    predictions = draw_predictions(layout, np.random.default_rng(1), 2)
    at_us = np.full((4, 2), NO_TIME)
    at_us[1, 0] = predictions.predicted_at[0]
    checked = check_predictions(layout, replace(predictions, feature_times=FeatureTimes(at_us, np.array([0, 5]))))
    assert checked is not None
    assert checked["unused"].tolist() == [1, 5]


def test_without_times_and_ranges_nothing_is_made() -> None:
    """Events that carry no times cost a model without declared ranges nothing."""
    layout = small_layout()
    assert check_predictions(layout, draw_predictions(layout, np.random.default_rng(1), 5)) is None


@given(seeds)
def test_any_split_and_order_counts_the_same(seed: int) -> None:
    """Check rows counted in any parts and order, rows without findings left out, give one Summary."""
    rng = np.random.default_rng(seed)
    layout = checked_layout()
    predictions = with_feature_times(draw_predictions(layout, rng, 30), rng)
    checked = check_predictions(layout, predictions)
    assert checked is not None
    whole, parts = Summary.zero(layout), Summary.zero(layout)
    whole.observe_checks(checked)
    kept = checked[has_findings(checked)]
    for part in np.array_split(rng.permutation(len(kept)), 4):
        other = Summary.zero(layout)
        other.observe_checks(kept[part])
        parts.merge(other)
    assert parts == whole


def test_check_rows_go_to_the_panes_of_their_predictions() -> None:
    """A book of hourly panes holds what each hour's rows add up to."""
    layout = checked_layout()
    checked = draw_checked(layout, np.random.default_rng(2), 200)
    book = PaneBook(layout, HOUR_US, 64)
    book.observe_checks(checked)
    for start, pane in book:
        alone = Summary.zero(layout)
        alone.observe_checks(checked[checked["predicted_at"] // HOUR_US == start // HOUR_US])
        assert pane == alone
    assert len(book) == 24


def test_limits_are_part_of_the_layout() -> None:
    """Counts under another range or greatest age do not merge: they mean something else."""
    digests = {checked_layout().digest, small_layout().digest}
    features = checked_layout().features
    for change in ({"low": 21.0}, {"high": None}, {"max_age_us": 1}):
        digests.add(small_layout(features=(msgspec.structs.replace(features[0], **change), *features[1:])).digest)
    assert len(digests) == 5
