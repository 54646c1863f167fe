"""The task's own metric inside the launch window: a gap from the start stands, a later one does not."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.config.alerts import Alerts
from sentinel.evaluation.evaluate import evaluate
from sentinel.evaluation.findings import Evaluation
from sentinel.summaries.panes import PaneBook, PaneSeries
from sentinel.summaries.rows import Rows
from tests.evaluation.test_tasks import LAYOUTS, counted, rows_of
from tests.evaluation.worlds import HOUR_US, START_US, Side

METRICS = {"regression": "explained_variance", "multiclass": "macro_auc", "ranking": "ndcg"}
N = 6_000


def judged(task: str, rows: Rows) -> Evaluation:
    """Rows, one every half minute, against an honest offline side."""
    layout = LAYOUTS[task]
    rows["predicted_at"] = START_US + np.arange(len(rows)) * (HOUR_US // 120)
    rows["outcome_at"] = rows["predicted_at"] + 1
    book = PaneBook(layout, HOUR_US, 512)
    book.observe_predictions(rows)
    book.observe_outcomes(rows)
    side = Side(layout, counted(layout, rows_of(layout, np.random.default_rng(7), 3_000)))
    return evaluate(side, PaneSeries(layout, book.width_us, tuple(book)), Alerts())


@pytest.mark.parametrize("task", METRICS)
def test_a_gap_from_the_start_stands(task: str) -> None:
    """A world that is less predictable from the first row on: evidence in the window, confirmed over four of them."""
    found = judged(task, rows_of(LAYOUTS[task], np.random.default_rng(8), N, noise=2.0))
    assert found.own_launch is not None
    assert found.own_launch.complete
    assert found.own_launch.alarm
    assert found.since_launch


@pytest.mark.parametrize("task", METRICS)
def test_a_later_gap_does_not(task: str) -> None:
    """A world that becomes less predictable after a third: the metric has an alarm, the launch none."""
    rng = np.random.default_rng(9)
    early = rows_of(LAYOUTS[task], rng, N // 3)
    later = rows_of(LAYOUTS[task], rng, N - N // 3, noise=2.0)
    found = judged(task, np.concatenate([early, later]))
    assert next(f for f in found.findings if f.metric == METRICS[task] and f.slice == "all").alarm
    assert found.own_launch is not None
    assert not found.own_launch.alarm
    assert not found.since_launch


@pytest.mark.parametrize("task", METRICS)
def test_without_a_gap_there_is_no_launch_of_it(task: str) -> None:
    """Nothing stands, so nothing is judged."""
    found = judged(task, rows_of(LAYOUTS[task], np.random.default_rng(10), N))
    assert found.own_launch is None
    assert not found.since_launch
