"""Outcomes by fixed age: each counts once its delay fits, and a correction takes back exactly what it added."""

from __future__ import annotations

import numpy as np

from sentinel.summaries.algebra import Summary
from sentinel.summaries.rows import Rows
from tests.support.layouts import HOUR_US, draw_rows, small_layout

HORIZONS_US = (HOUR_US, 24 * HOUR_US, 240 * HOUR_US)
LAYOUT = small_layout(twin_horizons_us=HORIZONS_US)


def counted(rows: Rows) -> Summary:
    """Predictions and outcomes of these rows."""
    summary = Summary.zero(LAYOUT)
    summary.observe_predictions(rows)
    summary.observe_outcomes(rows)
    return summary


def test_an_outcome_counts_from_its_delay_on() -> None:
    """A delay that equals an age counts at that age and at all longer ones; one microsecond more does not."""
    rows = draw_rows(LAYOUT, np.random.default_rng(1), 2)
    rows["outcome_at"] = rows["predicted_at"] + np.array([24 * HOUR_US, 24 * HOUR_US + 1])
    rows["score_bin"], rows["outcome"] = 3, [1.0, 0.0]
    twins = counted(rows)["twins"]
    assert twins[:, 3].tolist() == [[0, 0], [0, 1], [1, 1]]
    assert twins.sum() == 3


def test_ages_nest_in_all_outcomes() -> None:
    """What had come by one age had come by the next, and the last holds no more than all outcomes."""
    summary = counted(draw_rows(LAYOUT, np.random.default_rng(2), 3_000))
    ladder = [*summary["twins"], summary["outcomes"]]
    assert all((ladder[i] <= ladder[i + 1]).all() for i in range(len(ladder) - 1))
    delays = draw_rows(LAYOUT, np.random.default_rng(2), 3_000)
    expected = [(delays["outcome_at"] - delays["predicted_at"] <= age).sum() for age in HORIZONS_US]
    assert summary["twins"].sum(axis=(1, 2)).tolist() == expected


def test_a_correction_moves_every_count_exactly() -> None:
    """Taking back the old outcome and counting the new, later one leaves what counting the new alone would give."""
    rows = draw_rows(LAYOUT, np.random.default_rng(3), 500)
    corrected = rows.copy()
    corrected["outcome"] = 1.0 - rows["outcome"]
    corrected["outcome_at"] += np.random.default_rng(4).integers(0, 500 * HOUR_US, len(rows))
    summary = counted(rows)
    summary.observe_outcomes(rows, -1)
    summary.observe_outcomes(corrected)
    assert summary == counted(corrected)
    assert not np.array_equal(summary["twins"], counted(rows)["twins"])
    assert not np.array_equal(summary["delays"], counted(rows)["delays"])


def test_without_ages_there_is_nothing_to_count() -> None:
    """A layout without twins has an empty array, which merges and travels as any other."""
    layout = small_layout(twin_horizons_us=())
    rows = draw_rows(layout, np.random.default_rng(5), 50)
    summary = Summary.zero(layout)
    summary.observe_predictions(rows)
    summary.observe_outcomes(rows)
    assert summary["twins"].shape == (0, layout.n_score_bins, 2)
    assert Summary.from_bytes(layout, summary.to_bytes()) == summary
