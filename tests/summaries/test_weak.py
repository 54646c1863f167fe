"""Power sums of the log loss by feature bin and by cell of a pair."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given

from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import Summary
from sentinel.summaries.kinds.weak import pair_cells
from sentinel.summaries.layout import BIN_MISSING
from sentinel.summaries.rows import row_dtype
from tests.support.layouts import draw_layout, draw_rows, seeds, small_layout

LAYOUT = small_layout()


def test_losses_by_hand() -> None:
    """Surprises of ln 2, 2 ln 2 and ln 2 stand in the bins and cells of their rows, and their squares beside them.

    The pair is of age (bin 4; bins 5 and 6; all others) and plan (bin 4; all others): cells 0, 2 and, for the row
    without an age, 4. They follow the 18 bins of the features.
    """
    rows = np.zeros(3, row_dtype(LAYOUT))
    rows["features"] = [[4, 4, 4], [6, 4, 4], [BIN_MISSING, 5, 4]]
    rows["slices"] = LAYOUT.slice_offsets
    rows["score"] = [0.5, 0.75, 0.5]
    rows["outcome"] = [1, 0, 0]
    summary = Summary.zero(LAYOUT)
    summary.observe_outcomes(rows)
    bit = math.log(2.0)
    one = [round(bit * 2**30), round(bit**2 * 2**26)]
    two = [round(2 * bit * 2**30), round(4 * bit**2 * 2**26)]
    age, income, plan = LAYOUT.feature_offsets[:-1]
    losses = summary["weak_losses"].T
    assert losses[age + 4].tolist() == one
    assert losses[age + 6].tolist() == two
    assert losses[income + 4].tolist() == [a + b for a, b in zip(one, two, strict=True)]
    assert losses[plan + 4].tolist() == [2 * a + b for a, b in zip(one, two, strict=True)]
    assert summary["pair_outcomes"].tolist() == [1, 0, 1, 0, 1, 0]
    assert losses[18:].tolist() == [one, [0, 0], two, [0, 0], one, [0, 0]]


@given(seeds)
def test_every_feature_and_pair_holds_all_losses(seed: int) -> None:
    """Summed over the bins of any feature, or the cells of any pair, the integers are those of all traffic, exactly."""
    rng = np.random.default_rng(seed)
    layout = draw_layout(rng)
    if layout.task != "binary":
        return
    summary = Summary.zero(layout)
    rows = draw_rows(layout, rng, 30)
    summary.observe_outcomes(rows)
    everything = summary["losses"][0, :, 0].sum(axis=0).tolist()
    for start, stop in zip(layout.feature_offsets[:-1], layout.feature_offsets[1:], strict=True):
        assert summary["weak_losses"][:, start:stop].sum(axis=1).tolist() == everything
    for start, stop in zip(layout.pair_offsets[:-1], layout.pair_offsets[1:], strict=True):
        of_pair = summary["weak_losses"][:, layout.n_feature_bins :][:, start:stop]
        assert of_pair.sum(axis=1).tolist() == everything
        assert summary["pair_outcomes"][start:stop].sum() == 30


@given(seeds)
def test_cells_are_pairs_of_groups(seed: int) -> None:
    """The cell of a row is that of its two bins' groups, by search; the last group is for bins in none."""
    rng = np.random.default_rng(seed)
    layout = draw_layout(rng)
    rows = draw_rows(layout, rng, 10)
    cells = pair_cells(layout, rows)
    for j, pair in enumerate(layout.pairs):
        for row in range(10):
            bins = [int(rows["features"][row, at]) for at in pair.features]
            first, second = (
                next((k for k, (low, high) in enumerate(groups) if low <= code < high), len(groups))
                for groups, code in zip(pair.groups, bins, strict=True)
            )
            assert cells[row, j] == layout.pair_offsets[j] + first * (len(pair.groups[1]) + 1) + second


def test_squares_are_kept_at_their_own_scale() -> None:
    """A sure and wrong row costs 9.2 nats; its square of 85 comes back to within half a step of 2^-26."""
    rows = np.zeros(1, row_dtype(LAYOUT))
    rows["features"] = 4
    rows["slices"] = LAYOUT.slice_offsets
    rows["score"] = 1.0
    summary = Summary.zero(LAYOUT)
    summary.observe_outcomes(rows)
    square = fixed_point.decode(summary["weak_losses"][1, 4], fixed_point.SQUARE_SCALE_BITS)
    assert abs(float(square) - math.log(1e-4) ** 2) <= 2.0**-27
