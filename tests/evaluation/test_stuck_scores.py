"""A live score that is one value: found in all or part of the traffic, since launch or later, but no honest one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as changed

from sentinel.evaluation.findings import StuckScore
from sentinel.evaluation.stuck_scores import LEAST_PREDICTIONS, MATERIAL, SPREAD, find_stuck_score
from sentinel.summaries.panes import PaneSeries
from sentinel.summaries.rows import Rows
from tests.evaluation.worlds import Side, count, draw, offline, series, world_layout

LAYOUT = world_layout()
BASELINE = offline(LAYOUT, draw(LAYOUT, np.random.default_rng(1), 4_000))
N = 4_800
HONEST = 17
"""A score bin in the middle of 64."""


def live(seed: int = 2, **world: float) -> Rows:
    """A hundred predictions an hour."""
    return draw(LAYOUT, np.random.default_rng(seed), N, **world)  # type: ignore[arg-type]


def stuck_in(rows: Rows, at: int, chosen: slice = slice(None), ratio: float = 1.0, seed: int = 3) -> Rows:
    """The same rows with a share of some in one score bin."""
    hit = np.random.default_rng(seed).random(len(rows)) < ratio
    hit[: chosen.start or 0] = False
    hit[len(rows) if chosen.stop is None else chosen.stop :] = False
    rows["score_bin"][hit] = at
    return rows


def found(rows: Rows, side: Side = BASELINE) -> StuckScore | None:
    """What is found of rows in panes of an hour."""
    return find_stuck_score(side.layout, side.summary, series(side.layout, rows))


@pytest.mark.parametrize(("ratio", "whole"), [(1.0, True), (0.97, True), (0.6, False), (0.3, False)])
def test_from_launch(ratio: float, whole: bool) -> None:
    """All or part of the traffic since the first prediction, with its span, its share, and both offline shares."""
    one = found(stuck_in(live(), HONEST, ratio=ratio))
    assert one is not None
    assert (one.lower, one.upper) == (HONEST / 64, (HONEST + 1) / 64)
    assert one.ratio == pytest.approx(ratio, abs=0.03)
    shares = BASELINE.summary["scores"] / 4_000
    assert (one.offline_ratio, one.offline_top_ratio) == (shares[HONEST], shares.max())
    assert (one.from_launch, one.until, one.whole, one.n) == (True, None, whole, N)


@pytest.mark.parametrize(
    ("at", "lower", "upper"), [(0, None, 1 / 64), (1, 1 / 64, 2 / 64), (62, 62 / 64, 63 / 64), (63, 63 / 64, None)]
)
def test_the_span_is_that_of_the_bin(at: int, lower: float | None, upper: float | None) -> None:
    """The lowest bin has no lower end, the highest no upper one."""
    one = found(stuck_in(live(), at))
    assert one is not None
    assert (one.lower, one.upper) == (lower, upper)


def test_later_and_still_so() -> None:
    """From the middle on: since the start of a pane there, to within two panes, until now."""
    one = found(stuck_in(live(), HONEST, slice(2_400, None)))
    assert one is not None
    assert not one.from_launch
    assert one.until is None
    assert one.n == pytest.approx(2_400, abs=200)


def test_a_stretch_that_is_over() -> None:
    """It ends with its last pane, and is told as long as it held enough of all predictions."""
    one = found(stuck_in(live(), HONEST, slice(2_400, 3_600)))
    assert one is not None
    assert one.until is not None
    short = stuck_in(live(), HONEST, slice(2_400, 2_400 + int(MATERIAL * N) - 40))
    assert found(short) is None


@pytest.mark.parametrize("at", [0, 63])
def test_an_outermost_bin_takes_outcomes_that_contradict_it(at: int) -> None:
    """There honest scores of many inputs meet: outcomes as frequent as ever tell a default, none tell nothing."""
    one = found(stuck_in(live(), at))
    assert one is not None
    assert one.contradicted
    assert one.whole
    silent = series(LAYOUT, stuck_in(live(), at))
    panes = tuple((start, pane.copy()) for start, pane in silent.panes)
    for _, pane in panes:
        pane.arrays["outcomes"][:] = 0
    assert find_stuck_score(LAYOUT, BASELINE.summary, PaneSeries(LAYOUT, silent.width_us, panes)) is None


@pytest.mark.parametrize(
    "world",
    [{}, {"base_rate": 0.05}, {"base_rate": 0.6}, {"auc": 0.55}, {"auc": 0.95}],
    ids=["honest", "rarer", "commoner", "useless", "better"],
)
def test_scores_that_are_spread_otherwise_are_not_stuck(world: dict[str, float]) -> None:
    """In none of 20 streams each: nothing wrong, other rates, other spreads."""
    assert [seed for seed in range(20) if found(live(seed, **world)) is not None] == []


def leaves(rows: Rows, shares: tuple[float, ...]) -> Rows:
    """The scores of a small tree: so many values, each with its share of the rows, the lowest scores first."""
    order = rows["score"].argsort(kind="stable").argsort(kind="stable") / len(rows)
    rows["score_bin"] = 10 * np.searchsorted(np.cumsum(shares)[:-1], order, side="right")
    return rows


def test_a_small_tree_is_not_stuck() -> None:
    """Five leaves: as offline, and where nearly all rows are of one leaf with its outcomes."""
    shares = (0.4, 0.2, 0.2, 0.1, 0.1)
    tree = offline(LAYOUT, leaves(draw(LAYOUT, np.random.default_rng(1), 4_000), shares))
    assert found(leaves(live(), shares), tree) is None
    moved = leaves(live(), shares)
    kept = moved[(moved["score_bin"] == 10) | (np.arange(N) % 40 == 0)]
    assert found(kept, tree) is None


def test_a_constant_is_not_stuck_where_it_was_one_offline() -> None:
    """A model that says the same of half the offline rows says so live."""
    constant = offline(LAYOUT, leaves(draw(LAYOUT, np.random.default_rng(1), 4_000), (SPREAD + 0.01, 0.49)))
    assert found(leaves(live(), (0.97, 0.03)), constant) is None


def test_too_few_predictions_and_none_say_nothing() -> None:
    """Below the least a share is chance; without panes or offline rows there is none."""
    assert found(stuck_in(live(), HONEST)[: LEAST_PREDICTIONS - 1]) is None
    assert find_stuck_score(LAYOUT, BASELINE.summary, PaneSeries(LAYOUT, 1, ())) is None
    nothing = replace(BASELINE, summary=count(LAYOUT, live()[:0]))
    assert found(stuck_in(live(), HONEST), nothing) is None


def test_a_ranking_is_not_looked_at() -> None:
    """Its score is a place in a list, spread evenly by construction."""
    layout = changed(LAYOUT, task="ranking")
    assert find_stuck_score(layout, BASELINE.summary, series(LAYOUT, stuck_in(live(), HONEST))) is None
