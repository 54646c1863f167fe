"""Whatever the counts, every number that leaves is finite, and the probabilities are probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.config.alerts import Alerts
from sentinel.diagnosis.verdict import diagnose
from sentinel.evaluation.evaluate import evaluate
from sentinel.summaries.layout import BIN_ABOVE, BIN_MISSING
from sentinel.summaries.panes import PaneSeries
from sentinel.summaries.rows import Rows
from tests.evaluation.worlds import HOUR_US, Side, draw, offline, series, world_layout

LAYOUT = world_layout(n_features=4, n_values=3)


def _perfect(rows: Rows) -> None:
    rows["score"] = np.where(rows["outcome"] == 1, 1.0, 0.0)
    rows["score_bin"] = np.searchsorted(LAYOUT.edges_array, rows["score"], side="right")


def _constant(rows: Rows) -> None:
    rows["score"], rows["score_bin"] = 0.3, np.searchsorted(LAYOUT.edges_array, 0.3, side="right")


def _all_negative(rows: Rows) -> None:
    rows["outcome"] = 0


def _all_positive(rows: Rows) -> None:
    rows["outcome"] = 1


def _hardly_any(rows: Rows) -> None:
    rows["outcome"] = np.arange(len(rows)) % 1_000 == 0


def _absent_feature(rows: Rows) -> None:
    rows["features"][:, 0] = BIN_MISSING


def _beyond(rows: Rows) -> None:
    rows["features"][:, :] = BIN_ABOVE


def _one_slice(rows: Rows) -> None:
    rows["slices"][:, 0] = 0


def _one_entity(rows: Rows) -> None:
    rows["bucket"] = 5


def _one_pane(rows: Rows) -> None:
    rows["predicted_at"] = rows["predicted_at"][0] if len(rows) else 0
    rows["outcome_at"] = rows["predicted_at"]


def _nothing_wrong(rows: Rows) -> None:
    del rows


TWISTS: tuple[Callable[[Rows], None], ...] = (
    _nothing_wrong, _perfect, _constant, _all_negative, _all_positive, _hardly_any, _absent_feature, _beyond,
    _one_slice, _one_entity, _one_pane,
)  # fmt: skip


def _numbers(value: Any, at: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _numbers(inner, f"{at}.{name}")
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from _numbers(inner, f"{at}[{i}]")
    elif isinstance(value, float):
        yield at, value


def _assert_finite(side: Side, live: PaneSeries, n: int, through_us: int | None = None) -> None:
    evaluation = evaluate(side, live, Alerts(), through_us)
    verdict = diagnose(evaluation, side, {"predictions": n, "joined": n})
    for name, value in _numbers(msgspec.to_builtins((evaluation, verdict))):
        assert math.isfinite(value), name
    assert sum(verdict.probabilities.values()) == pytest.approx(1.0)
    assert all(0.0 <= p <= 1.0 for p in verdict.probabilities.values())


def _rows(seed: int, n: int, twists: tuple[Callable[[Rows], None], ...]) -> Rows:
    rows = draw(LAYOUT, np.random.default_rng(seed), n)
    for twist in twists:
        twist(rows)
    return rows


@pytest.mark.parametrize("before", TWISTS)
@pytest.mark.parametrize("after", TWISTS)
def test_every_pair_of_strange_sides(before: Callable[[Rows], None], after: Callable[[Rows], None]) -> None:
    """Offline of one kind against live of another: perfect, constant, one class, rare, absent, beyond, one of all."""
    side = offline(LAYOUT, _rows(1, 1_200, (before,)))
    _assert_finite(side, series(LAYOUT, _rows(2, 1_500, (after,))), 1_500)


@settings(deadline=None, max_examples=25)
@given(
    sizes=st.tuples(st.sampled_from([1, 2, 40, 700]), st.sampled_from([0, 1, 3, 60, 900])),
    twists=st.tuples(st.lists(st.sampled_from(TWISTS), max_size=3), st.lists(st.sampled_from(TWISTS), max_size=3)),
    seed=st.integers(0, 99),
    age_hours=st.sampled_from([None, 0, 10, 100]),
)
def test_strange_mixtures_of_any_size(
    sizes: tuple[int, int],
    twists: tuple[list[Callable[[Rows], None]], list[Callable[[Rows], None]]],
    seed: int,
    age_hours: int | None,
) -> None:
    """Several oddities at once, a handful of rows or none, outcomes read until any moment."""
    side = offline(LAYOUT, _rows(seed, sizes[0], tuple(twists[0])))
    rows = _rows(seed + 1, sizes[1], tuple(twists[1]))
    through = None
    if age_hours is not None and len(rows):
        through = int(rows["predicted_at"].min()) + age_hours * HOUR_US
    _assert_finite(side, series(LAYOUT, rows), sizes[1], through)
