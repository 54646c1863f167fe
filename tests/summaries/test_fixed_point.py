"""Sums of losses as integers: the same in any order, exact enough, and with room for the events promised."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss

from sentinel.stats.losses import LOWEST_PROBABILITY, log_losses
from sentinel.summaries import Summary, fixed_point
from tests.support.layouts import draw_rows, small_layout

INT64_MAX = 2**63 - 1
WORST_LOG_LOSS = -math.log(LOWEST_PROBABILITY)
BITS = st.sampled_from([fixed_point.SCALE_BITS, fixed_point.SQUARE_SCALE_BITS])


@given(st.lists(st.floats(0.0, 85.0), max_size=50), BITS, st.randoms(use_true_random=False))
def test_sums_do_not_depend_on_order(values: list[float], bits: int, random: object) -> None:
    """The sum of the encoded values is one integer, whatever the order and grouping."""
    encoded = fixed_point.encode(np.array(values), bits)
    order = np.random.default_rng(len(values)).permutation(len(values))
    halves = [int(encoded[order[: len(values) // 2]].sum()), int(encoded[order[len(values) // 2 :]].sum())]
    assert int(encoded.sum()) == sum(halves)


@given(st.lists(st.floats(0.0, 85.0), max_size=50), BITS)
def test_a_value_is_off_by_half_a_step(values: list[float], bits: int) -> None:
    """Encoding rounds to the nearest step and no further."""
    back = fixed_point.decode(fixed_point.encode(np.array(values), bits), bits)
    assert (np.abs(back - values) <= 2.0 ** -(bits + 1)).all()


@given(st.lists(st.integers(0, 2**52)), BITS)
def test_whole_steps_are_exact(steps: list[int], bits: int) -> None:
    """Multiples of a step come back as they were."""
    assert fixed_point.encode(fixed_point.decode(np.array(steps, np.int64), bits), bits).tolist() == steps


def test_the_mean_log_loss_is_that_of_a_reference() -> None:
    """From a Summary, the mean log loss and Brier score agree with scikit-learn to 1e-9."""
    layout = small_layout()
    rows = draw_rows(layout, np.random.default_rng(11), 20_000)
    rows["score"] = np.clip(rows["score"], 2 * LOWEST_PROBABILITY, 1 - 2 * LOWEST_PROBABILITY)  # no clipping of ours
    summary = Summary.zero(layout)
    summary.observe_outcomes(rows)
    sums = fixed_point.decode(summary["losses"][0, :, :, 0]).sum(axis=0) / len(rows)
    assert sums[0] == pytest.approx(log_loss(rows["outcome"], rows["score"]), rel=0, abs=1e-9)
    assert sums[1] == pytest.approx(brier_score_loss(rows["outcome"], rows["score"]), rel=0, abs=1e-9)


def test_the_promised_number_of_worst_events_fits() -> None:
    """9e8 worst log losses, 1.6e9 worst squares and 8e9 scores of one do not overflow an int64."""
    worst = float(log_losses(np.array([0.0, 1.0]), np.array([1, 0])).max())
    assert worst == pytest.approx(WORST_LOG_LOSS)
    assert 900_000_000 * int(fixed_point.encode(np.array([worst]))[0]) <= INT64_MAX
    squared = int(fixed_point.encode(np.array([worst**2]), fixed_point.SQUARE_SCALE_BITS)[0])
    assert 1_600_000_000 * squared <= INT64_MAX
    assert 8_000_000_000 * int(fixed_point.encode(np.array([1.0]))[0]) <= INT64_MAX
