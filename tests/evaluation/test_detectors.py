"""Detectors over closed panes: deterministic, quiet on steady panes, awake to a change, and lazy about river."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from sentinel.config.times import rfc3339
from sentinel.evaluation.detectors import (
    REFERENCE_PANES,
    STATISTICS,
    Detections,
    anomalies,
    closed_panes,
    last_change,
    pane_statistics,
    watch,
)
from sentinel.summaries.layout import BIN_MISSING, N_SPECIAL
from sentinel.summaries.panes import PaneBook, PaneSeries
from sentinel.summaries.rows import Rows
from tests.evaluation.worlds import HOUR_US, START_US, draw, series, world_layout

LAYOUT = world_layout()


def seen_in(live: PaneSeries) -> Detections:
    """What is detected where every outcome is settled."""
    return watch(live, live)


def rows_of(seed: int, hours: int = 120, per_hour: int = 50) -> Rows:
    """Steady traffic."""
    return draw(LAYOUT, np.random.default_rng(seed), hours * per_hour, hours=hours)


def hour_of(rows: Rows) -> np.ndarray:
    """Pane of each row."""
    return np.asarray((rows["predicted_at"] - START_US) // HOUR_US)


@pytest.mark.parametrize("seed", range(4))
def test_steady_panes_show_no_change(seed: int) -> None:
    """120 steady panes: ADWIN silent on the loss and on every feature."""
    assert seen_in(series(LAYOUT, rows_of(seed))).changed_at is None


def test_raw_means_would_be_invisible() -> None:
    """A mean loss that moves by five standard errors of .004 is seen; were they of .04, it would not be."""
    random = np.random.default_rng(1)
    means = 0.15 + 0.004 * random.normal(size=120)
    means[60:] += 0.02
    at = last_change(means, np.full(120, 0.004))
    assert at is not None
    assert 60 < at < 90
    assert last_change(means, np.full(120, 0.04)) is None


def test_a_series_noisier_than_its_sampling_error_is_steady() -> None:
    """Panes that differ by ten times their sampling error, day after day, are their own measure."""
    random = np.random.default_rng(6)
    for _ in range(20):
        assert last_change(random.normal(size=200), np.full(200, 0.1)) is None


def test_constant_series_are_steady() -> None:
    """Without any spread there is nothing to see, and nothing divides by zero."""
    assert last_change(np.full(100, 0.3), np.zeros(100)) is None


def test_a_feature_that_moves_is_seen() -> None:
    """One feature of three moves by a standard deviation at hour 60."""
    rows = rows_of(2)
    late = hour_of(rows) >= 60
    rows["features"][late, 1] = np.clip(rows["features"][late, 1].astype(np.int64) + 2, N_SPECIAL, N_SPECIAL + 9)
    seen = seen_in(series(LAYOUT, rows))
    assert seen.changed_at is not None
    assert rfc3339(START_US + 60 * HOUR_US) < seen.changed_at < rfc3339(START_US + 90 * HOUR_US)


def test_a_loss_that_rises_is_seen() -> None:
    """Scores that lose their meaning at hour 60."""
    rows = rows_of(3)
    late = hour_of(rows) >= 60
    rows["score"][late] = np.random.default_rng(0).permutation(rows["score"][late])
    rows["score_bin"] = np.searchsorted(LAYOUT.edges_array, rows["score"], side="right")
    seen = seen_in(series(LAYOUT, rows))
    assert seen.changed_at is not None
    assert seen.changed_at > rfc3339(START_US + 60 * HOUR_US)


def test_a_burst_of_missing_values_is_named() -> None:
    """Six hours with a fifth of all values missing are anomalous from the second on, and nothing before them."""
    rows = rows_of(4)
    burst = (hour_of(rows) >= 100) & (hour_of(rows) < 106)
    gone = np.random.default_rng(0).random((len(rows), 3)) < 0.2
    rows["features"][burst[:, None] & gone] = BIN_MISSING
    seen = seen_in(series(LAYOUT, rows))
    assert rfc3339(START_US + 101 * HOUR_US) in seen.anomalous
    assert rfc3339(START_US + 100 * HOUR_US) not in seen.anomalous


@pytest.mark.parametrize("j", range(len(STATISTICS)))
def test_each_statistic_can_raise_the_warning_alone(j: int) -> None:
    """Any one of them that leaves its range for six panes is named in most of ten streams."""
    random, named = np.random.default_rng(j), 0
    for _ in range(10):
        table = 0.5 + 0.02 * random.normal(size=(120, len(STATISTICS)))
        table[100:106, j] += 0.6
        named += any(100 <= i < 106 for i in anomalies(table))
    assert named >= 8


def test_steady_statistics_are_seldom_anomalous() -> None:
    """Of 30 streams of 64 scored panes at most the nominal half per cent is named."""
    random, named = np.random.default_rng(7), 0
    for _ in range(30):
        named += len(anomalies(random.normal(size=(128, 7))))
    assert named <= 0.005 * 30 * 64


def test_unknown_statistics_are_as_usual() -> None:
    """A column without any value, and panes without one, neither raise nor divide by zero."""
    table = np.random.default_rng(3).normal(size=(100, 7))
    table[:, 5] = np.nan
    table[90:, 6] = np.nan
    assert [i for i in anomalies(table) if i >= 90] == []


@pytest.mark.parametrize("outcome", [0, 1, None])
def test_degenerate_panes_are_steady(outcome: int | None) -> None:
    """One class, one score, features that are always missing, or no outcome at all: nothing is detected."""
    rows = rows_of(9)
    rows["score"], rows["score_bin"], rows["features"] = 0.25, 15, BIN_MISSING
    book = PaneBook(LAYOUT, HOUR_US, 512)
    book.observe_predictions(rows)
    if outcome is not None:
        rows["outcome"] = outcome
        book.observe_outcomes(rows)
    assert seen_in(PaneSeries(LAYOUT, HOUR_US, tuple(book))) == Detections()


def test_too_few_panes_say_nothing() -> None:
    """One pane, none, and fewer than the reference: empty."""
    assert seen_in(PaneSeries(LAYOUT, HOUR_US, ())) == Detections()
    assert seen_in(series(LAYOUT, rows_of(1, hours=20))) == Detections()
    assert anomalies(np.zeros((2 * REFERENCE_PANES, 7))) == []


def test_the_same_panes_give_the_same_detections() -> None:
    """From scratch, twice: the trees are seeded, ADWIN has no chance in it."""
    live = series(LAYOUT, rows_of(5))
    assert seen_in(live) == seen_in(live)


def test_the_open_pane_is_not_read() -> None:
    """What the last pane holds so far changes nothing."""
    rows = rows_of(6)
    half = hour_of(rows) < 119
    half |= np.arange(len(rows)) % 2 == 0
    assert seen_in(series(LAYOUT, rows)) == seen_in(series(LAYOUT, rows[half]))


def test_all_but_the_last_pane_are_closed() -> None:
    """Of 48 hourly panes 47 end before the newest prediction."""
    assert len(closed_panes(series(LAYOUT, rows_of(1, hours=48)))) == 47


def test_immature_outcomes_are_not_read() -> None:
    """Outcomes that are all positive after hour 60 are seen as a change, unless only 60 panes are mature."""
    rows = rows_of(8)
    rows["outcome"][hour_of(rows) >= 60] = 1
    rows["features"] = N_SPECIAL
    live = series(LAYOUT, rows)
    assert watch(live, live).changed_at is not None
    assert watch(live, PaneSeries(LAYOUT, HOUR_US, live.panes[:60])) == Detections()


def test_statistics_of_outcomes_wait_until_they_are_due() -> None:
    """Panes after the settled ones have volume, scores and features, but no rate, coverage or delay."""
    panes = closed_panes(series(LAYOUT, rows_of(1, hours=10)))
    table = pane_statistics(LAYOUT, panes, settled_through=panes[4][0])
    outcome = [STATISTICS.index(name) for name in ("outcome_rate", "coverage", "delay")]
    assert np.isnan(table[5:, outcome]).all()
    assert np.isfinite(table[:5]).all()
    assert np.isfinite(np.delete(table, outcome, axis=1)).all()
    assert table[0, STATISTICS.index("volume")] == pytest.approx(np.log2(50))
    assert table[0, STATISTICS.index("coverage")] == 1.0


def test_a_layout_without_features_is_watched_too() -> None:
    """Scores and outcomes alone are enough."""
    layout = world_layout(n_features=0)
    rows = draw(layout, np.random.default_rng(1), 4_000, hours=80)
    assert seen_in(series(layout, rows)).changed_at is None


def test_river_is_imported_only_by_those_who_use_it() -> None:
    """It takes a second: neither the command line nor this module pays it at import."""
    code = "import sys, sentinel.cli, sentinel.evaluation.change; sys.exit('river' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
