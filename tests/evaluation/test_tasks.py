"""The gates of every task where nothing is wrong, and where something is; gaps in parts; nothing infinite."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sentinel.config.alerts import Alerts
from sentinel.evaluation.classes import compare_classes
from sentinel.evaluation.decomposition import decompose
from sentinel.evaluation.gap import log_evidence, signed_gap
from sentinel.evaluation.residuals import compare_residuals, decompose_errors
from sentinel.events.batch import Predictions
from sentinel.events.classes import class_code
from sentinel.events.rankings import Flat, keep_best, rank_items, relevance_code
from sentinel.stats.estimate import Estimate
from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import Layout, OutcomeScale
from sentinel.summaries.metrics import METRICS, measure
from sentinel.summaries.outcome import with_outcomes
from sentinel.summaries.rows import JOINED, Rows, bin_predictions
from tests.support.layouts import draw_predictions, small_layout

ALERTS = Alerts()
EDGES = tuple(np.linspace(-3.0, 3.0, 61).round(2).tolist())
CLASSES = ("a", "b", "c")
LAYOUTS: dict[str, Layout] = {
    "regression": small_layout(
        task="regression",
        n_buckets=32,
        score_edges=EDGES,
        slice_score_edges=EDGES[::4],
        outcome_scale=OutcomeScale(
            centre=0.0,
            unit=1.2,
            split=0.0,
            error_limit=12.0,
            high_ratios=tuple(1 / (1 + math.exp(-2 * x)) for x in (*EDGES, 3.1)),
        ),
        twin_horizons_us=(),
    ),
    "multiclass": small_layout(
        task="multiclass",
        n_buckets=16,
        score_edges=tuple(np.linspace(0.02, 0.98, 49).round(2).tolist()),
        slice_score_edges=tuple(np.linspace(0.1, 0.9, 9).round(1).tolist()),
        classes=CLASSES,
        class_edges=(tuple(np.linspace(0.05, 0.95, 19).round(2).tolist()),) * 3,
        twin_horizons_us=(),
    ),
    "ranking": small_layout(
        task="ranking",
        n_buckets=32,
        n_ranked=5,
        score_edges=(0.5, 1.5, 2.5, 3.5),
        slice_score_edges=(0.5, 1.5, 2.5, 3.5),
        rank_ratios=(0.15, 0.2, 0.3, 0.4, 0.6),
        twin_horizons_us=(),
    ),
}
GATES = [("regression", name) for name in ("auc", "explained_variance", "r2", "mae", "rmse")]
GATES += [("ranking", name) for name in ("auc", "ndcg", "mrr")]
N_ITEMS = 8
GATES += [("multiclass", name) for name in ("auc", "macro_auc", "log_loss", "accuracy", "macro_f1")]


def rows_of(layout: Layout, rng: np.random.Generator, n: int, noise: float = 1.0) -> Rows:
    """Rows of a world in which predictions are right; ``noise`` above 1 makes outcomes less predictable."""
    drawn = draw_predictions(layout, rng, n)
    if layout.task == "ranking":
        return ranked_rows(layout, rng, drawn, noise)
    if layout.task == "regression":
        predicted = rng.normal(0.0, 1.0, n)
        outcomes = predicted / noise + rng.normal(0.0, 0.7 * noise, n)
        drawn = replace(drawn, scores=predicted)
    else:
        chances = rng.dirichlet(np.full(3, 0.5), n)
        true = chances ** (1 / noise) / (chances ** (1 / noise)).sum(axis=1, keepdims=True)
        places = (rng.random((n, 1)) > true.cumsum(axis=1)).sum(axis=1).clip(0, 2)
        outcomes = np.array([class_code(name) for name in CLASSES])[places]
        drawn = replace(drawn, probabilities=chances, scores=chances.max(axis=1))
    rows = bin_predictions(layout, drawn)
    rows["state"], rows["outcome"], rows["outcome_at"] = JOINED, outcomes, rows["predicted_at"] + 1
    return rows


def ranked_rows(layout: Layout, rng: np.random.Generator, drawn: Predictions, noise: float) -> Rows:
    """Lists of eight items whose scores know which one is best, and which is second."""
    n = len(drawn)
    scores = rng.normal(0.0, 1.0, (n, N_ITEMS))
    order = np.argsort(-(scores / noise + rng.normal(0.0, noise, scores.shape)), axis=1)
    grades = np.zeros(scores.shape)
    for place, grade in ((0, 3.0), (1, 1.0)):
        np.put_along_axis(grades, order[:, place : place + 1], grade, axis=1)
    items = np.tile(np.arange(1, N_ITEMS + 1, dtype=np.uint64), n)
    lists = np.repeat(np.arange(n), N_ITEMS)
    shown, _ = rank_items(Flat(lists, items, scores.ravel()), n, layout.n_ranked)
    relevances, _ = keep_best(Flat(lists, items, grades.ravel()), n)
    rows = bin_predictions(layout, replace(drawn, items=shown))
    return with_outcomes(layout, rows, relevance_code(relevances), rows["predicted_at"] + 1, relevances)


def counted(layout: Layout, rows: Rows) -> Summary:
    """A Summary of rows as predictions and outcomes."""
    summary = Summary.zero(layout)
    summary.observe_predictions(rows)
    summary.observe_outcomes(rows)
    return summary


@pytest.mark.parametrize("task", LAYOUTS)
def test_no_gate_cries_more_often_than_it_says(task: str) -> None:
    """Without a gap or a tolerance, seven looks each, alarms at .05 come in at most .05 of 120 streams (and 2.6 sd)."""
    strict = Alerts(tolerance=0.0)
    layout, names = LAYOUTS[task], [name for of, name in GATES if of == task]
    alarms = dict.fromkeys(names, 0)
    for seed in range(120):
        rng = np.random.default_rng([seed, len(task)])
        offline = measure(counted(layout, rows_of(layout, rng, 1_500)))
        live, raised = Summary.zero(layout), set()
        for _ in range(7):
            live.merge(counted(layout, rows_of(layout, rng, 400)))
            found = measure(live)
            evidence = {name: log_evidence(name, offline[name], found[name], strict) for name in names}
            raised |= {name for name, one in evidence.items() if one is not None and one >= -math.log(0.05)}
        for name in raised:
            alarms[name] += 1
    assert max(alarms.values()) <= 120 * 0.05 + 2.6 * math.sqrt(120 * 0.05 * 0.95), alarms


@pytest.mark.parametrize(("task", "name"), GATES)
def test_a_worse_world_passes_the_gate(task: str, name: str) -> None:
    """Outcomes that are much less predictable live raise every metric that has a better direction."""
    rng = np.random.default_rng(5)
    layout = LAYOUTS[task]
    offline = measure(counted(layout, rows_of(layout, rng, 2_000)))
    live = measure(counted(layout, rows_of(layout, rng, 3_000, noise=3.0)))
    evidence = log_evidence(name, offline[name], live[name], ALERTS)
    assert evidence is not None
    assert evidence > -math.log(ALERTS.alpha)


@pytest.mark.parametrize("task", LAYOUTS)
def test_parts_add_up_to_the_gap(task: str) -> None:
    """Slice mix, score mix, outcome and selection sum to the gap of the question of yes or no."""
    rng = np.random.default_rng(6)
    layout = LAYOUTS[task]
    offline, live = (
        counted(layout, rows_of(layout, rng, 3_000)),
        counted(layout, rows_of(layout, rng, 3_000, noise=2.0)),
    )
    before, after = measure(offline)["auc"], measure(live)["auc"]
    parts = decompose(offline, live, {"auc": before}, {"auc": after})["auc"]
    assert isinstance(before, Estimate)
    assert isinstance(after, Estimate)
    told = [parts.slice_mix, parts.score_mix, parts.outcome, parts.label_selection]
    assert sum(one for one in told if one is not None) == pytest.approx(before.value - after.value, abs=1e-6)
    assert parts.outcome == pytest.approx(before.value - after.value, abs=0.03)  # only what outcomes follow has changed


@pytest.mark.parametrize("name", ["mae", "rmse", "r2", "explained_variance"])
def test_the_errors_of_a_regression_come_in_parts(name: str) -> None:
    """Twice the noise everywhere is other errors, not other predictions; the parts sum to the gap."""
    rng, layout = np.random.default_rng(6), LAYOUTS["regression"]
    offline = counted(layout, rows_of(layout, rng, 3_000))
    rows = rows_of(layout, rng, 3_000)
    rows["outcome"] = rows["score"] + 2.0 * (rows["outcome"] - rows["score"])
    live = counted(layout, rows)
    before, after = measure(offline)[name], measure(live)[name]
    assert isinstance(before, Estimate)
    assert isinstance(after, Estimate)
    gap = float(signed_gap(METRICS[name], before.value, after.value))
    parts = decompose_errors(offline, live)[name]
    told = [parts.score_mix, parts.outcome, parts.label_selection]
    assert sum(one for one in told if one is not None) == pytest.approx(gap, abs=1e-9)
    assert parts.outcome == pytest.approx(gap, rel=0.1)
    assert parts.score_mix == pytest.approx(0.0, abs=0.05)
    lower, upper = parts.intervals["outcome"]
    assert 0.0 < lower < gap < upper


def test_tasks_without_errors_have_no_residuals() -> None:
    """Other tasks, sides without an outcome, and errors that are all alike have no residuals to tell."""
    rng = np.random.default_rng(6)
    for task, layout in LAYOUTS.items():
        some, none = counted(layout, rows_of(layout, rng, 50)), Summary.zero(layout)
        assert compare_residuals(some, none) is None, task
        assert decompose_errors(some, none) == {}, task
        if task != "regression":
            assert compare_residuals(some, some) is None
            assert decompose_errors(some, some) == {}


@pytest.mark.parametrize("task", LAYOUTS)
@pytest.mark.parametrize("n", [0, 1, 12, 300])
def test_everything_is_finite_on_little_data(task: str, n: int) -> None:
    """Empty, tiny and one-sided samples give numbers or reasons, never NaN or infinity."""
    layout = LAYOUTS[task]
    rows = rows_of(layout, np.random.default_rng(n), n)
    rows["outcome"] = rows["outcome"][:1] if n else 0.0
    for name, measured in measure(counted(layout, rows)).items():
        if isinstance(measured, Estimate):
            assert math.isfinite(measured.value), name
            assert 0.0 < measured.variance < math.inf, name


def test_one_bad_class_is_raised_alone() -> None:
    """A class whose outcomes no longer follow its probability is raised; the findings name it."""
    rng = np.random.default_rng(8)
    layout = LAYOUTS["multiclass"]
    offline, rows = counted(layout, rows_of(layout, rng, 3_000)), rows_of(layout, rng, 4_000)
    was_c = rows["outcome"] == class_code("c")
    rows["outcome"][was_c] = rng.permutation(rows["outcome"][was_c])
    found = compare_classes(offline, counted(layout, rows), ALERTS)
    assert not [f.slice for f in found if f.alarm]
    swapped = rows["outcome"].copy()
    chosen = was_c & (rng.random(len(rows)) < 0.8)
    swapped[chosen] = class_code("a")
    rows["outcome"] = swapped
    raised: set[Any] = {f.slice for f in compare_classes(offline, counted(layout, rows), ALERTS) if f.alarm}
    assert "outcome=c" in raised


def test_every_metric_with_a_direction_has_a_scale() -> None:
    """No metric of any task is judged on a scale of zero."""
    rng = np.random.default_rng(9)
    for layout in LAYOUTS.values():
        offline = measure(counted(layout, rows_of(layout, rng, 2_000)))
        for name, measured in offline.items():
            if METRICS[name].higher_is_better is not None:
                assert log_evidence(name, measured, measured, ALERTS) is not None, name
