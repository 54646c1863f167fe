"""Feature times, backfills and declared facts of the features, from counts to findings."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from sentinel.config import Duration
from sentinel.config.alerts import Alerts
from sentinel.config.model import Feature
from sentinel.evaluation.backfills import judge_backfills
from sentinel.evaluation.evaluate import evaluate
from sentinel.evaluation.feature_ages import judge_ages, medians_seconds
from sentinel.summaries.algebra import Summary
from sentinel.summaries.checks import AGE_AFTER, AGE_BAD, FIRST_AGE, N_AGE_BINS
from sentinel.summaries.kinds.ranges import outside_range_ratios
from sentinel.summaries.layout import N_SPECIAL
from tests.evaluation.worlds import count, draw, offline, series, world_layout
from tests.support.layouts import checked_layout

LAYOUT = checked_layout()  # age: 20 to 80, at most an hour old; income: 0.5 or more, at most a day; plan


def summary_with(**arrays: dict[tuple[int, ...], int]) -> Summary:
    """A Summary with some cells set."""
    summary = Summary.zero(LAYOUT)
    for name, cells in arrays.items():
        for at, value in cells.items():
            summary[name][at] = value
    return summary


def test_nothing_on_the_wire_is_nothing_found() -> None:
    """Without times and backfills there is no finding of them, and no share of values that were not served."""
    empty = Summary.zero(LAYOUT)
    assert judge_ages(LAYOUT, empty, empty) == (None, None, None)
    assert judge_backfills(empty) == (None, None, None)
    assert outside_range_ratios(LAYOUT, empty) == (None, None, None)


def test_ages_are_shares_of_the_readable_times() -> None:
    """Of 8 live times 2 lie after the prediction and 4 are too old; 2 more cannot be read; offline 1 of 4 is after."""
    live = summary_with(
        ages={(0, AGE_BAD): 2, (0, AGE_AFTER): 2, (0, FIRST_AGE): 2, (0, FIRST_AGE + 13): 4}, too_old={(0,): 4}
    )
    before = summary_with(ages={(0, AGE_AFTER): 1, (0, FIRST_AGE + 1): 3})
    ages, *others = judge_ages(LAYOUT, before, live)
    assert others == [None, None]
    assert ages is not None
    assert (ages.n, ages.offline_n) == (8, 4)
    assert (ages.after_prediction_ratio, ages.offline_after_prediction_ratio) == (0.25, 0.25)
    assert (ages.too_old_ratio, ages.unreadable_ratio) == (0.5, 0.2)


def test_one_side_alone_is_told() -> None:
    """Times offline only: nothing is said of the live side; without a declared age nothing is too old."""
    before = summary_with(ages={(2, FIRST_AGE): 5})
    ages = judge_ages(LAYOUT, before, Summary.zero(LAYOUT))[2]
    assert ages is not None
    assert (ages.n, ages.median_seconds, ages.too_old_ratio) == (0, None, None)
    assert ages.offline_median_seconds == 0.5  # half of the first second
    live = judge_ages(LAYOUT, before, before)[2]
    assert live is not None
    assert live.too_old_ratio is None


@pytest.mark.parametrize(
    ("cells", "median"),
    [
        ({AGE_AFTER: 3, FIRST_AGE + 4: 1}, 0.0),  # most lie after the prediction
        ({FIRST_AGE: 4}, 0.5),
        ({FIRST_AGE + 1: 2}, math.sqrt(2.0)),  # half of [1, 2) on the log scale
        ({FIRST_AGE + 1: 1, FIRST_AGE + 12: 1}, 2.0),  # the lower bin ends there
        ({FIRST_AGE + 12: 4}, 2048.0 * math.sqrt(2.0)),
        ({N_AGE_BINS - 1: 9}, 365 * 86_400.0),
        ({AGE_BAD: 100}, 0.0),
    ],
)
def test_medians_are_interpolated_in_their_bin(cells: dict[int, int], median: float) -> None:
    """Geometrically where bins grow, linearly in the first; unreadable times take no part."""
    ages = np.zeros((1, N_AGE_BINS), np.int64)
    for at, n in cells.items():
        ages[0, at] = n
    assert medians_seconds(ages)[0] == pytest.approx(median)


def test_medians_stay_within_a_bin_of_the_truth() -> None:
    """Log-normal ages around an hour: the median from bins is within a factor of sqrt(2), here far nearer."""
    seconds = np.exp(np.random.default_rng(4).normal(np.log(3_600.0), 1.5, 4_001))
    edges = [0.0, *(float(1 << k) for k in range(25)), 365 * 86_400.0, np.inf]
    ages = np.concatenate([[0, 0], np.histogram(seconds, edges)[0]])
    assert medians_seconds(ages[None])[0] == pytest.approx(np.median(seconds), rel=0.1)


def test_a_mismatch_that_knows_the_outcome_is_told_from_one_that_does_not() -> None:
    """A future feature differs in positives; skew differs in all alike; without outcomes only the share is known."""
    live = summary_with(
        backfills={(0, 1): 150, (0, 2): 50, (1, 1): 150, (1, 2): 50, (2, 1): 3, (2, 2): 1},
        backfill_outcomes={
            (0, 1, 0): 95,
            (0, 1, 1): 5,
            (0, 2, 0): 5,
            (0, 2, 1): 45,
            (1, 1, 0): 60,
            (1, 1, 1): 15,
            (1, 2, 0): 20,
            (1, 2, 1): 5,
        },
    )
    future, skew, young = judge_backfills(live)
    assert future is not None
    assert skew is not None
    assert young is not None
    assert (future.n, future.mismatch_ratio, future.n_with_outcome) == (200, 0.25, 150)
    assert future.outcome_log_odds == pytest.approx(math.log(95.5 * 45.5 / (5.5 * 5.5)))
    assert future.p_value is not None
    assert future.p_value < 1e-20
    assert skew.p_value == pytest.approx(1.0)
    assert skew.outcome_log_odds == pytest.approx(math.log(60.5 * 5.5 / (15.5 * 20.5)))
    assert (young.n, young.n_with_outcome, young.outcome_log_odds, young.p_value) == (4, 0, None, None)


def test_outcomes_of_one_class_or_no_mismatch_prove_nothing() -> None:
    """An empty margin leaves the share, and neither an odds ratio nor a p-value."""
    live = summary_with(
        backfills={(0, 1): 150, (0, 2): 50, (1, 1): 200},
        backfill_outcomes={(0, 1, 0): 150, (0, 2, 0): 50, (1, 1, 0): 100, (1, 1, 1): 100},
    )
    for found, share in zip(judge_backfills(live)[:2], (0.25, 0.0), strict=True):
        assert found is not None
        assert (found.n_with_outcome, found.mismatch_ratio) == (200, share)
        assert (found.outcome_log_odds, found.p_value) == (None, None)


def test_values_outside_are_a_share_of_the_numbers_served() -> None:
    """Missing and invalid values are no numbers: 3 of 6 are outside; a feature without a range has no share."""
    start = int(LAYOUT.feature_offsets[0])
    live = summary_with(features={(start,): 4, (start + 1,): 2, (start + N_SPECIAL,): 6}, outside_range={(0,): 3})
    assert outside_range_ratios(LAYOUT, live) == (0.5, None, None)


def test_an_evaluation_says_what_owners_declared() -> None:
    """Availability comes from the configuration, whatever the baseline was built with; others stay unsaid."""
    layout = world_layout()
    rows = draw(layout, np.random.default_rng(1), 400)
    declared = {"x1": Feature(available="after_outcome", max_age=Duration.parse("1h")), "gone": Feature()}
    found = evaluate(offline(layout, rows), series(layout, rows), Alerts(), declared=declared)
    assert {f.name: f.available for f in found.features} == {"x0": None, "x1": "after_outcome", "x2": None}
    assert all(f.ages is None and f.backfill is None and f.outside_range_ratio is None for f in found.features)


def test_fifty_features_cost_little() -> None:
    """Ages and backfills of fifty features, half of them by the exact test, take under 30 ms of CPU."""
    layout = world_layout(n_features=50)
    live, rng = count(layout, draw(layout, np.random.default_rng(1), 10)), np.random.default_rng(2)
    live["ages"][:] = rng.integers(0, 1_000, live["ages"].shape)
    live["backfills"][:] = rng.integers(0, 100_000, live["backfills"].shape)
    live["backfill_outcomes"][:25] = rng.integers(100, 100_000, (25, 3, 2))
    live["backfill_outcomes"][25:] = [[0, 0], [900_000, 3_000], [1_000, 4]]
    started = time.process_time()
    for _ in range(5):
        judge_ages(layout, live, live)
        judge_backfills(live)
    assert (time.process_time() - started) / 5 < 0.03
