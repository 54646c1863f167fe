"""The kind of shift between two Summaries, and what is said of it before outcomes arrive."""

from __future__ import annotations

import math
from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.evaluation.findings import Shift
from sentinel.evaluation.shift import judge_shift
from sentinel.summaries.algebra import Summary
from sentinel.summaries.rows import Rows
from tests.evaluation.worlds import count, draw, world_layout

LAYOUT = world_layout()


def world(rng: np.random.Generator, kind: str) -> Rows:
    """2,000 live rows of one world; offline they have an AUC of .8 and a base rate of .3."""
    if kind == "label":
        rows = draw(LAYOUT, rng, 2_000, base_rate=0.45)
        odds = np.log(rows["score"] / (1.0 - rows["score"])) + np.log(0.3 / 0.7) - np.log(0.45 / 0.55)
        rows["score"] = 1.0 / (1.0 + np.exp(-odds))  # the model still believes in the old base rate
        rows["score_bin"] = np.searchsorted(LAYOUT.edges_array, rows["score"], side="right")
        return rows
    if kind == "covariate":
        pool = draw(LAYOUT, rng, 12_000)
        return pool[rng.random(len(pool)) < 0.1 + 0.5 * pool["score"]][:2_000]
    rows = draw(LAYOUT, rng, 2_000)
    if kind == "concept":
        rows["outcome"][:1_000] = rng.permutation(rows["outcome"][:1_000])
    return rows


@pytest.mark.parametrize("kind", ["same", "covariate", "label", "concept"])
def test_worlds_are_told_apart(kind: str) -> None:
    """At least 38 of 40 draws of each world are named right."""
    named: Counter[str] = Counter()
    for seed in range(40):
        rng = np.random.default_rng(4_000 + seed)
        named[judge_shift(count(LAYOUT, draw(LAYOUT, rng, 2_000)), count(LAYOUT, world(rng, kind))).kind] += 1
    assert named[kind] >= 38, named


def test_base_rate_is_known_before_outcomes() -> None:
    """Live scores alone say that the base rate has gone from .3 to .45, and that is all they say."""
    rng = np.random.default_rng(1)
    live = Summary.zero(LAYOUT)
    live.observe_predictions(world(rng, "label"))
    found = judge_shift(count(LAYOUT, draw(LAYOUT, rng, 2_000)), live)
    assert (found.kind, found.p_level, found.p_slope, found.p_scores_by_outcome) == ("unknown", None, None, None)
    assert found.p_scores is not None
    assert found.base_rate is not None
    assert found.base_rate.lower is not None
    assert found.base_rate.upper is not None
    assert found.base_rate.lower <= 0.45 <= found.base_rate.upper


def test_level_is_the_change_of_log_odds() -> None:
    """A base rate from .3 to .45 moves the level by logit(.45) - logit(.3) = .647, within three standard errors."""
    rng = np.random.default_rng(2)
    found = judge_shift(count(LAYOUT, draw(LAYOUT, rng, 2_000)), count(LAYOUT, world(rng, "label")))
    assert found.level == pytest.approx(0.647, abs=0.25)


@given(st.sampled_from([0, 1, 12, 300]), st.sampled_from([0, 1, 12, 300]), st.sampled_from([0.5, 0.9999999]))
@settings(max_examples=30, deadline=None)
def test_any_sizes_give_finite_results(n: int, n_live: int, auc: float) -> None:
    """Empty, tiny and perfectly separated sides give finite numbers."""
    rng = np.random.default_rng(n + n_live)
    found = judge_shift(count(LAYOUT, draw(LAYOUT, rng, n, auc=auc)), count(LAYOUT, draw(LAYOUT, rng, n_live)))
    assert isinstance(found, Shift)
    numbers = [value for value in msgspec.to_builtins(found).values() if isinstance(value, float)]
    assert all(math.isfinite(number) for number in numbers)
