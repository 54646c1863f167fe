"""The same events in any number of shards and any order: the same counts, the same evidence, the same verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest

from sentinel.config.alerts import Alerts
from sentinel.diagnosis.report import Verdict
from sentinel.diagnosis.verdict import diagnose
from sentinel.evaluation.evaluate import evaluate
from sentinel.evaluation.findings import Evaluation
from sentinel.summaries.panes import PaneBook, PaneSeries, join_series
from sentinel.summaries.rows import Rows
from tests.evaluation.worlds import HOUR_US, draw, offline, world_layout

LAYOUT = world_layout(n_features=6, n_values=8)
BASELINE = offline(LAYOUT, draw(LAYOUT, np.random.default_rng(1), 4_000, auc=0.9, first_feature=0.85))
ROWS = draw(LAYOUT, np.random.default_rng(2), 6_000, auc=0.72, first_feature=0.55)
COUNTS = {"predictions": len(ROWS), "joined": len(ROWS)}


def _shards(n: int, seed: int) -> PaneSeries:
    """Rows dealt out to n partitions in random order, in batches of random sizes, a tenth corrected on the way."""
    rng = np.random.default_rng(seed)
    shard = rng.integers(0, n, len(ROWS))
    parts = []
    for i in range(n):
        rows = rng.permutation(ROWS[shard == i])
        book = PaneBook(LAYOUT, HOUR_US, 256)
        for batch in np.array_split(rows, rng.integers(1, 9)):
            _count(book, batch, rng)
        parts.append(PaneSeries(LAYOUT, book.width_us, tuple(book)))
    return join_series(LAYOUT, parts)


def _count(book: PaneBook, batch: Rows, rng: np.random.Generator) -> None:
    book.observe_predictions(batch)
    wrong = batch.copy()
    struck = rng.random(len(batch)) < 0.1
    wrong["outcome"] = np.where(struck, 1 - wrong["outcome"], wrong["outcome"])
    book.observe_outcomes(wrong)
    book.observe_outcomes(wrong[struck], -1)
    book.observe_outcomes(batch[struck])


def _judged(live: PaneSeries) -> tuple[Evaluation, Verdict]:
    evaluation = evaluate(BASELINE, live, Alerts())
    return evaluation, diagnose(evaluation, BASELINE, COUNTS)


def _leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{at}.{name}")
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _leaves(inner, f"{at}[{i}]")
    else:
        yield at, value


ONE = _shards(1, 0)
EXPECTED = _judged(ONE)


@pytest.mark.parametrize(("n", "seed"), [(1, 7), (4, 8), (4, 9), (16, 10)])
def test_shards_and_order_change_nothing(n: int, seed: int) -> None:
    """Counts are equal bit for bit, every number of the evaluation within 1e-9, and the verdict is the same."""
    live = _shards(n, seed)
    assert [at for at, _ in live.panes] == [at for at, _ in ONE.panes]
    assert all(mine == other for (_, mine), (_, other) in zip(live.panes, ONE.panes, strict=True))
    evaluation, verdict = _judged(live)
    assert verdict.cause is EXPECTED[1].cause
    for found, expected in ((evaluation, EXPECTED[0]), (verdict, EXPECTED[1])):
        mine, other = (dict(_leaves(msgspec.to_builtins(one))) for one in (found, expected))
        assert mine.keys() == other.keys()
        for name, value in other.items():
            if isinstance(value, float):
                assert mine[name] == pytest.approx(value, abs=1e-9, rel=1e-9), name
            else:
                assert mine[name] == value, name
