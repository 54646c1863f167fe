"""Backfilled rows: bits in, bits out, later values replace earlier ones, and every order of events ends the same."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sentinel.summaries import Summary
from sentinel.summaries.backfilled import (
    AGREES,
    DIFFERS,
    NOT_GIVEN,
    is_high,
    note_backfill,
    pack_bits,
    statuses,
    unpack_bits,
)
from sentinel.summaries.layout import BIN_ABOVE
from sentinel.summaries.rows import JOINED, PENDING
from tests.support.layouts import draw_backfilled, draw_rows, seeds, small_layout

LAYOUT = small_layout()


@given(seeds, st.integers(0, 20), st.integers(0, 5))
def test_bits_survive_their_packing(seed: int, n_flags: int, n: int) -> None:
    """Any number of flags, none included, comes back as it went in."""
    flags = np.random.default_rng(seed).random((n, n_flags)) < 0.5
    assert unpack_bits(pack_bits(flags), n_flags).astype(bool).tolist() == flags.tolist()


def test_of_a_feature_given_twice_the_later_value_counts() -> None:
    """The second backfill mends the first feature, breaks the second, and leaves the third as it was."""
    rows = draw_rows(LAYOUT, np.random.default_rng(1), 1)
    served = rows["features"].copy()
    other = served + 1
    note_backfill(LAYOUT, rows, other, np.array([[True, False, True]]))
    assert statuses(LAYOUT, rows).tolist() == [[DIFFERS, NOT_GIVEN, DIFFERS]]
    note_backfill(LAYOUT, rows, np.where([[True, False, False]], served, other), np.array([[True, True, False]]))
    assert statuses(LAYOUT, rows).tolist() == [[AGREES, DIFFERS, DIFFERS]]


def test_only_what_was_recomputed_is_high() -> None:
    """The bit of a feature that was not given stays 0, however high its value."""
    rows = draw_rows(LAYOUT, np.random.default_rng(1), 1)
    bins = np.full_like(rows["features"], BIN_ABOVE)
    high = is_high(LAYOUT, bins)[0]
    given_ = np.array([[True, False, False]])
    assert high[:2].tolist() == [True, True]
    note_backfill(LAYOUT, rows, bins, given_)
    assert unpack_bits(rows["high"], 3).tolist() == [[1, 0, 0]]


@given(seeds)
def test_backfills_and_outcomes_count_the_same_in_either_order(seed: int) -> None:
    """Outcome then backfill, or backfill then outcome, whatever came in between and was taken back."""
    rng = np.random.default_rng(seed)
    rows = draw_backfilled(LAYOUT, rng, 12)
    pending = rows.copy()
    pending["state"] = PENDING
    bare = rows.copy()
    for name in ("backfilled", "given", "differs", "high"):
        bare[name] = 0
    first, second = Summary.zero(LAYOUT), Summary.zero(LAYOUT)
    first.observe_backfills(pending)
    first.observe_outcomes(rows)
    second.observe_outcomes(bare)
    second.observe_backfills(rows)
    assert (rows["state"] == JOINED).all()
    assert first == second
    flipped = rows.copy()
    flipped["outcome"] = 1.0 - rows["outcome"]
    first.observe_outcomes(rows, -1)
    first.observe_outcomes(flipped)
    second.observe_backfills(rows, -1)
    second.observe_outcomes(bare, -1)
    for name in ("outcome",):
        bare[name] = flipped[name]
    second.observe_outcomes(bare)
    second.observe_backfills(flipped)
    assert first == second


def test_rows_without_a_backfill_do_not_count() -> None:
    """Of ten rows with outcomes three were backfilled: each feature has three, by status and outcome."""
    rng = np.random.default_rng(3)
    rows = draw_rows(LAYOUT, rng, 10)
    rows[:3] = draw_backfilled(LAYOUT, rng, 3)
    summary = Summary.zero(LAYOUT)
    summary.observe_outcomes(rows)
    assert summary["backfill_outcomes"].sum(axis=(1, 2)).tolist() == [3, 3, 3]
    assert summary["backfills"].sum() == 0


def test_bits_by_what_was_served_what_was_recomputed_and_the_outcome() -> None:
    """Each row with an outcome counts once in the cell of its two bits, found here row by row."""
    rows = draw_backfilled(LAYOUT, np.random.default_rng(5), 60)
    summary = Summary.zero(LAYOUT)
    summary.observe_outcomes(rows)
    expected = np.zeros((3, 2, 2, 2), np.int64)
    served = is_high(LAYOUT, rows["features"])
    given_, high = unpack_bits(rows["given"], 3), unpack_bits(rows["high"], 3)
    for i, j in np.argwhere(given_):
        expected[j, int(served[i, j]), high[i, j], int(rows["outcome"][i])] += 1
    np.testing.assert_array_equal(summary["backfill_bits"], expected)


def test_the_cut_is_fixed_by_the_layout() -> None:
    """Of three numeric bins the upper two, of two the upper, the only category with a bin; special bins are low."""
    bins = np.tile(np.arange(7, dtype=np.uint8)[:, None], (1, 3))
    high = is_high(LAYOUT, bins)
    assert np.flatnonzero(high[:, 0]).tolist() == [3, 5, 6]
    assert np.flatnonzero(high[:, 1]).tolist() == [3, 5]
    assert np.flatnonzero(high[:, 2]).tolist() == [4]
