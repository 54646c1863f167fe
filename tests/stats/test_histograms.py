"""Metrics of histograms are those of the events, whatever the leading axes, and defined where a class is missing."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from sentinel.stats.histograms import HISTOGRAM_METRICS, Reading, histogram_metrics

SCORES = np.array([0.1, 0.35, 0.5, 0.8])


def test_metrics_are_those_of_the_events() -> None:
    """Unrolled into events that have their bin's score, scikit-learn finds the same values."""
    counts = np.random.default_rng(1).integers(1, 60, (4, 2))
    outcomes = np.repeat(np.tile([0, 1], 4), counts.reshape(-1))
    scores = np.repeat(np.repeat(SCORES, 2), counts.reshape(-1))
    decided = scores >= 0.5
    rate = outcomes.mean()
    loss = metrics.log_loss(outcomes, scores)
    expected = {
        "auc": metrics.roc_auc_score(outcomes, scores),
        "log_loss": loss,
        "normalized_entropy": loss / -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate)),
        "brier": metrics.brier_score_loss(outcomes, scores),
        "accuracy": metrics.accuracy_score(outcomes, decided),
        "precision": metrics.precision_score(outcomes, decided),
        "recall": metrics.recall_score(outcomes, decided),
        "f1": metrics.f1_score(outcomes, decided),
        "base_rate": rate,
    }
    found = histogram_metrics(counts, Reading.of_scores(SCORES))
    assert tuple(found) == HISTOGRAM_METRICS
    for name, value in expected.items():
        assert found[name].valid
        assert float(found[name].values) == pytest.approx(value, abs=1e-12), name


def test_leading_axes_are_independent() -> None:
    """A stack of histograms has the metrics of each, and shares have those of counts."""
    counts = np.random.default_rng(2).integers(0, 60, (3, 5, 4, 2))
    reading = Reading.of_scores(SCORES, threshold=0.4)
    stacked = histogram_metrics(counts, reading)
    alone = histogram_metrics(counts[2, 3] / counts[2, 3].sum(), reading)
    for name in HISTOGRAM_METRICS:
        assert stacked[name].values.shape == (3, 5)
        assert float(stacked[name].values[2, 3]) == pytest.approx(float(alone[name].values), abs=1e-12)


def test_missing_classes_are_marked() -> None:
    """Without a class or any event nothing is NaN, and what has no denominator says so."""
    empty, negative = np.zeros((4, 2)), np.array([[5, 0], [0, 0], [0, 0], [0, 0]])
    found = histogram_metrics(np.stack([empty, negative]), Reading.of_scores(SCORES))
    assert all(np.isfinite(defined.values).all() for defined in found.values())
    assert not any(defined.valid[0] for defined in found.values())
    defined = {name for name in found if found[name].valid[1]}
    assert defined == {"log_loss", "brier", "accuracy", "base_rate"}
