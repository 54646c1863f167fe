"""The metrics of several classes from counts: against scikit-learn on the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as sk

from sentinel.events.classes import asked_classes, class_code
from sentinel.stats.estimate import Estimate, Measured
from sentinel.summaries.algebra import Summary
from sentinel.summaries.metrics import measure, measure_slices
from sentinel.summaries.multiclass import measure_classes
from sentinel.summaries.rows import JOINED, Rows, bin_predictions
from tests.support.layouts import CLASSES, draw_predictions, small_layout

GRID = tuple(np.linspace(1 / 31, 30 / 31, 30).tolist())
LAYOUT = small_layout(task="multiclass", classes=CLASSES, class_edges=(GRID,) * 3, score_edges=GRID, n_buckets=16)
CODES = np.array([class_code(name) for name in CLASSES])


def value(measured: Measured) -> float:
    """The number, where there is one."""
    assert isinstance(measured, Estimate)
    return measured.value


def world(n: int = 3_000) -> tuple[np.ndarray, np.ndarray, Rows, Summary]:
    """Probabilities, outcomes drawn from them, their rows and counts."""
    rng = np.random.default_rng(4)
    chances = rng.dirichlet(np.array([2.0, 1.0, 0.7]), n)
    places = (rng.random((n, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    rows = bin_predictions(LAYOUT, replace(draw_predictions(LAYOUT, rng, n), probabilities=chances))
    rows["state"], rows["outcome"], rows["outcome_at"] = JOINED, CODES[places], rows["predicted_at"] + 1
    summary = Summary.zero(LAYOUT)
    summary.observe_predictions(rows)
    summary.observe_outcomes(rows)
    return chances, places, rows, summary


def test_metrics_agree_with_scikit_learn() -> None:
    """Accuracy and F1 are exact, the log loss to its steps of 2^-12 nats, areas to what 31 bins tie."""
    chances, places, _, summary = world()
    found, predicted = measure(summary), chances.argmax(axis=1)
    assert value(found["accuracy"]) == pytest.approx(sk.accuracy_score(places, predicted), abs=1e-12)
    assert value(found["macro_f1"]) == pytest.approx(sk.f1_score(places, predicted, average="macro"), abs=1e-12)
    clipped = np.clip(chances[np.arange(len(places)), places], 1e-4, 1.0)
    assert value(found["log_loss"]) == pytest.approx(-np.log(clipped).mean(), abs=1e-5)
    area = sk.roc_auc_score(places, chances, multi_class="ovr", average="macro")
    assert value(found["macro_auc"]) == pytest.approx(area, abs=5e-3)
    each = {(metric, name): value(measured) for metric, name, measured in measure_classes(summary)}
    f1 = sk.f1_score(places, predicted, average=None)
    assert [each["class_f1", f"outcome={name}"] for name in CLASSES] == pytest.approx(f1)


def test_the_question_is_whether_the_class_asked_about_came_true() -> None:
    """The AUC and base rate of the view are those of the asked class's probability and its coming true."""
    chances, places, rows, summary = world()
    asked = rows["asked"].astype(int)
    score, hit = chances[np.arange(len(places)), asked], asked == places
    found = measure(summary)
    assert rows["score"] == pytest.approx(score)
    assert value(found["base_rate"]) == pytest.approx(hit.mean())
    assert value(found["auc"]) == pytest.approx(sk.roc_auc_score(hit, rows["score_bin"]), abs=1e-12)
    rank = (chances > score[:, None]).sum(axis=1)
    assert set(rank.tolist()) == {0, 1}
    assert asked_classes(chances, np.zeros(len(places), np.uint64)).tolist() == chances.argmax(axis=1).tolist()


def test_slices_agree_with_their_rows() -> None:
    """Accuracy and log loss of one slice are those of its rows alone."""
    chances, places, rows, summary = world()
    slot = LAYOUT.slice_names.index("region=EU")
    inside = rows["slices"][:, 0] == slot
    table = measure_slices(summary)
    assert table.values["accuracy"][slot] == pytest.approx((chances.argmax(axis=1) == places)[inside].mean())
    clipped = np.clip(chances[np.arange(len(places)), places], 1e-4, 1.0)[inside]
    assert table.values["log_loss"][slot] == pytest.approx(-np.log(clipped).mean(), abs=1e-4)


def test_a_class_that_the_version_does_not_know_is_wrong_and_counted_apart() -> None:
    """It is a miss, the worst surprise, and a column of the confusion table of its own."""
    _, _, rows, _ = world(400)
    rows["outcome"] = class_code("never heard of")
    summary = Summary.zero(LAYOUT)
    summary.observe_outcomes(rows)
    assert summary["class_confusion"][:, :, -1].sum() == 400
    found = measure(summary)
    assert value(found["accuracy"]) == 0.0
    assert value(found["log_loss"]) == pytest.approx(-np.log(1e-4), abs=1e-3)
