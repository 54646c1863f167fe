"""Stretches of time that differ by chance alone are told from those that differ by more; one step adds nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from sentinel.events.batch import F64, I64
from sentinel.stats.dispersion import LEAST_PER_CLASS, PRIOR_DISPERSION, PRIOR_STRETCHES, time_dispersion

EDGES = np.linspace(-3.0, 4.0, 31)
PER_CLASS = 100


def panes(distances: F64, seed: int) -> I64:
    """One pane for each distance between the means of two normals: a hundred outcomes of either class in 32 bins."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((len(distances), len(EDGES) + 1, 2), np.int64)
    for pane, distance in zip(counts, distances, strict=True):
        for outcome in (0, 1):
            scores = rng.normal(outcome * distance, 1.0, PER_CLASS)
            pane[:, outcome] = np.bincount(np.searchsorted(EDGES, scores), minlength=len(pane))
    return counts


@pytest.mark.parametrize("seed", range(3))
def test_chance_alone_is_about_one(seed: int) -> None:
    """96 equal panes: 4 degrees of 2.5 and six to twenty-two of 1 average 1.3; its error is about .2 (chi-square)."""
    assert 1.0 <= time_dispersion(panes(np.full(96, 1.0), seed)) < 1.9


@pytest.mark.parametrize("seed", range(3))
def test_one_step_adds_nothing(seed: int) -> None:
    """AUC .76 in the first half and .64 in the second: as without, at most one stretch being astride."""
    step = np.repeat([1.0, 0.5], 48)
    assert time_dispersion(panes(step, seed)) < 2.2


@pytest.mark.parametrize("seed", range(3))
def test_spells_are_seen(seed: int) -> None:
    """Four panes good, four bad, by .06 AUC either way: variance .0036 against .00026 by chance in a stretch of 400.

    Stretches of 4 panes, the shortest of four cuts, see all of it, 14 times chance: (4 x 2.5 + 22 x 14) / 26 / 4 is 3
    by that cut alone.
    """
    spells = np.tile(np.repeat([1.25, 0.75], 4), 12)
    assert time_dispersion(panes(spells, seed)) > 2.5
    assert ndtr(1.25 / np.sqrt(2.0)) - ndtr(0.75 / np.sqrt(2.0)) == pytest.approx(0.12, abs=0.02)


def test_too_few_outcomes_are_the_prior() -> None:
    """Two stretches leave no degree of freedom beside two levels; three give one, drawn to the prior by four."""
    assert time_dispersion(panes(np.full(2, 1.0), 0)) == PRIOR_DISPERSION
    same = np.tile(panes(np.full(1, 1.0), 0), (3, 1, 1))
    assert time_dispersion(same) == pytest.approx(PRIOR_STRETCHES * PRIOR_DISPERSION / (PRIOR_STRETCHES + 1.0))


def test_panes_are_joined_until_each_class_is_there() -> None:
    """Pane by pane or two at a time: the same where a pane alone has half of the outcomes that it takes."""
    half = np.zeros((40, 32, 2), np.int64)
    half[:, 10, 0] = half[:, 20, 1] = LEAST_PER_CLASS // 2
    whole = half.reshape(20, 2, -1, 2).sum(axis=1)
    assert time_dispersion(half) == pytest.approx(time_dispersion(whole))


@pytest.mark.parametrize("fill", [(0, 0), (50, 0), (0, 50), (50, 50)])
def test_degenerate_panes_give_a_number(fill: tuple[int, int]) -> None:
    """No outcomes, one class, one score for all: finite, and at least one."""
    counts = np.zeros((30, 8, 2), np.int64)
    counts[:, 3] = fill
    found = time_dispersion(counts)
    assert np.isfinite(found)
    assert found >= 1.0
