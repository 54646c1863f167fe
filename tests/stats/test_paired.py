"""Two bits of the same events: areas and their difference by the rows, sizes under no leak, and what growth proves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.stats.arrays import Integers
from sentinel.stats.contingency import independence_p_values
from sentinel.stats.paired import FEWEST_PER_CLASS, growth_p_values, paired_contrast


def counted(first: Integers, second: Integers, outcome: Integers) -> Integers:
    """One table of the rows."""
    table = np.zeros((1, 2, 2, 2), np.int64)
    np.add.at(table[0], (first, second, outcome), 1)
    return table


def area(bit: Integers, outcome: Integers) -> float:
    """Share of pairs that the bit ranks rightly, ties by half."""
    lead = bit[outcome == 1][:, None] - bit[outcome == 0][None]
    return float(((lead > 0) + 0.5 * (lead == 0)).mean())


@given(st.integers(0, 2**32 - 1))
def test_areas_are_those_of_all_pairs(seed: int) -> None:
    """Both areas are what counting pairs of rows gives, turned so that the second is a half or more."""
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 2, (2, 200))
    outcome = np.repeat([0, 1], 100)
    found = paired_contrast(counted(first, second, outcome))
    areas = np.array([area(first, outcome), area(second, outcome)])
    expected = areas if areas[1] >= 0.5 else 1.0 - areas
    assert [found.first_auc[0], found.second_auc[0]] == pytest.approx(expected.tolist())


def test_readings_that_know_as_much_are_seldom_told_apart() -> None:
    """Two readings of one truth, each wrong in 20 %, 600 events a class: at .01 no more than 2.5 errors above it."""
    rng = np.random.default_rng(1)
    truth = rng.random((2_000, 1_200)) < 0.5
    outcome = (rng.random(truth.shape) < np.where(truth, 0.6, 0.4)).astype(np.int64)
    tables = np.zeros((2_000, 2, 2, 2), np.int64)
    first, second = ((truth ^ (rng.random(truth.shape) < 0.2)).astype(np.int64) for _ in range(2))
    np.add.at(tables, (np.arange(2_000)[:, None], first, second, outcome), 1)
    found = paired_contrast(tables)
    assert (found.p_values < 0.01).mean() <= 0.01 + 2.5 * np.sqrt(0.01 * 0.99 / 2_000)


@given(st.lists(st.sampled_from([0, 1, 30, 10**9]), min_size=8, max_size=8))
def test_every_table_gives_finite_numbers(cells: list[int]) -> None:
    """Empty cells and classes, and very many events; too few of a class say nothing."""
    table = np.array(cells, np.int64).reshape(1, 2, 2, 2)
    found, growth = paired_contrast(table), growth_p_values(table)
    assert np.isfinite([found.first_auc, found.second_auc, found.z, found.p_values, growth]).all()
    assert 0.0 <= growth[0] <= 1.0
    if table.sum(axis=(1, 2)).min() < FEWEST_PER_CLASS:
        assert (found.is_known[0], found.z[0], found.p_values[0]) == (False, 0.0, 1.0)


@pytest.mark.parametrize("kind", ["default", "stale", "null", "half", "scale", "same"])
def test_an_honest_feature_served_wrongly_gains_but_has_not_grown(kind: str) -> None:
    """A number that knows the outcome, served as something that depends on itself and chance alone: never a proof."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=8_000)
    outcome = (rng.random(x.size) < 1.0 / (1.0 + np.exp(2.0 - x))).astype(np.int64)
    low = np.full(x.size, -1.0)
    served = {
        "default": low, "null": low, "stale": rng.permutation(x), "half": np.where(rng.random(x.size) < 0.5, low, x),
        "scale": x / 100.0, "same": x,
    }[kind]  # fmt: skip
    cut = 0.0 if kind != "scale" else 0.01
    table = counted((served > cut).astype(np.int64), (x > cut).astype(np.int64), outcome)
    assert growth_p_values(table)[0] > 1e-4
    assert (paired_contrast(table).p_values[0] < 1e-4) == (kind != "same")


def test_events_after_the_prediction_have_grown() -> None:
    """A count of the past, and one with later events that the outcome brings: a gain, and a proof."""
    rng = np.random.default_rng(3)
    outcome = (rng.random(6_000) < 0.2).astype(np.int64)
    past = rng.poisson(3.0, outcome.size)
    whole = past + rng.poisson(0.5 + 3.0 * outcome)
    table = counted((past >= 4).astype(np.int64), (whole >= 4).astype(np.int64), outcome)
    assert growth_p_values(table)[0] < 1e-4
    assert paired_contrast(table).z[0] > 4.0


def test_a_column_that_leans_the_other_way_by_itself_has_not_grown() -> None:
    """Two features swapped: what is served is another honest reading, of the opposite sign."""
    rng = np.random.default_rng(4)
    x, other = rng.normal(size=(2, 8_000))
    outcome = (rng.random(x.size) < 1.0 / (1.0 + np.exp(1.0 - x + other))).astype(np.int64)
    table = counted((other > 0).astype(np.int64), (x > 0).astype(np.int64), outcome)
    assert growth_p_values(table)[0] == 1.0


def test_only_a_lean_of_its_own_that_is_sure_says_that_nothing_has_grown() -> None:
    """Served high 400 of 1,000 positive, served low 500 of 1,000: odds of .67, seven in a million; a tenth is no proof.

    Among those that came out high the served ones lean against it as well: odds of 1 against 3.
    """
    table = np.array([[[[400, 200], [100, 300]], [[400, 200], [200, 200]]]])
    assert growth_p_values(10 * table)[0] == 1.0
    few = growth_p_values(table // 10)
    assert few[0] == independence_p_values(np.array([[[10, 30], [20, 20]]]))[0] < 0.05


def test_the_difference_is_in_score_standard_errors() -> None:
    """By Agresti and Min: 60 of 200 positives only gained and 20 only lost, 20 and 40 of the negatives."""
    table = np.array([[[[100, 80], [20, 60]], [[40, 20], [40, 40]]]])
    gained, lost, size = np.array([20.5, 60.5]), np.array([40.5, 20.5]), 202.0
    variance = ((gained + lost) / size - ((gained - lost) / size) ** 2) / size
    leads = 60 / 200 - 80 / 200, 100 / 200 - 60 / 200  # share high of the positives less that of the negatives
    assert paired_contrast(table).z[0] == pytest.approx((leads[1] - leads[0]) / np.sqrt(variance.sum()))
