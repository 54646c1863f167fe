"""Metrics from counts agree with independent implementations, and stay finite whatever was counted."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from sklearn import metrics as sk

from sentinel.stats.auc import auc_from_histogram
from sentinel.stats.estimate import Estimate, Measured, NotEnough
from sentinel.stats.jackknife import design_effect_of_mean
from sentinel.stats.losses import brier_losses, log_losses
from sentinel.summaries.algebra import Summary
from sentinel.summaries.metrics import (
    METRICS,
    SLICE_METRICS,
    loss_design_effects,
    measure,
    measure_slices,
    slice_design_effects,
)
from sentinel.summaries.multiclass import CLASS_METRICS
from tests.evaluation.worlds import count, draw, world_layout
from tests.support.layouts import TASKS, small_layout

LAYOUT = world_layout()


def value(measured: Measured) -> float:
    """The number, where there is one."""
    assert isinstance(measured, Estimate)
    return measured.value


def test_headline_agrees_with_scikit_learn() -> None:
    """Losses and rates are exact to the scaled integers' 1e-9; the AUC differs by what 64 bins tie."""
    rows = draw(LAYOUT, np.random.default_rng(1), 4_000)
    score, outcome, decision = rows["score"], rows["outcome"], rows["score"] >= 0.5
    found = measure(count(LAYOUT, rows))
    clipped = np.clip(score, 1e-4, 1 - 1e-4)
    assert value(found["log_loss"]) == pytest.approx(sk.log_loss(outcome, clipped), abs=1e-9)
    assert value(found["brier"]) == pytest.approx(sk.brier_score_loss(outcome, score), abs=1e-9)
    assert value(found["accuracy"]) == pytest.approx(sk.accuracy_score(outcome, decision), abs=1e-12)
    assert value(found["precision"]) == pytest.approx(sk.precision_score(outcome, decision), abs=1e-12)
    assert value(found["recall"]) == pytest.approx(sk.recall_score(outcome, decision), abs=1e-12)
    assert value(found["f1"]) == pytest.approx(sk.f1_score(outcome, decision), abs=1e-12)
    assert value(found["base_rate"]) == pytest.approx(outcome.mean(), abs=1e-12)
    assert value(found["auc"]) == pytest.approx(sk.roc_auc_score(outcome, score), abs=2e-3)
    assert value(found["auc"]) == pytest.approx(sk.roc_auc_score(outcome, rows["score_bin"]), abs=1e-12)


def test_normalized_entropy_is_log_loss_over_entropy() -> None:
    """Normalized entropy is the log loss over the entropy of the base rate, by hand."""
    found = measure(count(LAYOUT, draw(LAYOUT, np.random.default_rng(2), 2_000)))
    rate = value(found["base_rate"])
    entropy = -rate * math.log(rate) - (1 - rate) * math.log(1 - rate)
    assert value(found["normalized_entropy"]) == pytest.approx(value(found["log_loss"]) / entropy, abs=1e-12)


def test_entities_widen_the_error() -> None:
    """Rows that come fifty to an entity, all with its outcome, widen the base rate's error by sqrt(50)."""
    rng = np.random.default_rng(3)
    rows = draw(LAYOUT, rng, 6_400)
    entity = np.arange(6_400) // 50
    rows["outcome"] = rng.integers(0, 2, 128)[entity]
    rows["bucket"] = entity % 32
    clustered = measure(count(LAYOUT, rows))["base_rate"]
    assert isinstance(clustered, Estimate)
    binomial = math.sqrt(0.25 / 6_400)
    # The jackknife over 32 buckets has a relative standard deviation of 1 / sqrt(2 * 31) = 13 %.
    assert clustered.standard_error == pytest.approx(math.sqrt(50) * binomial, rel=0.4)


def test_auc_variance_is_never_below_delong() -> None:
    """The jackknife may only widen what DeLong says for independent events."""
    for seed in range(20):
        summary = count(LAYOUT, draw(LAYOUT, np.random.default_rng(seed), 500))
        independent = auc_from_histogram(summary["outcomes"][:, 1], summary["outcomes"][:, 0])
        found = measure(summary)["auc"]
        assert isinstance(independent, Estimate)
        assert isinstance(found, Estimate)
        assert found.variance >= independent.variance
        assert found.value == pytest.approx(independent.value, abs=1e-12)


def test_slices_agree_with_the_headline() -> None:
    """A slice that holds every event has the headline's loss and accuracy, and its variances by the design effect."""
    layout = world_layout(n_values=1)
    summary = count(layout, draw(layout, np.random.default_rng(4), 1_000))
    whole, table, effects = measure(summary), measure_slices(summary), slice_design_effects(summary)
    for name in ("log_loss", "brier", "accuracy"):
        headline = whole[name]
        assert isinstance(headline, Estimate)
        assert table.values[name][0] == pytest.approx(headline.value, abs=1e-12)
        assert table.variances[name][0] == pytest.approx(headline.variance * effects[name], rel=1e-9)
    assert table.n[0] == 1_000
    assert len(table) == layout.n_slices


def test_entities_that_repeat_widen_every_slice() -> None:
    """Each row ten times over, by one entity: variances as of a tenth of the rows, in every slice."""
    layout = world_layout(n_values=2)
    found: dict[str, list[float]] = {name: [] for name in SLICE_METRICS}
    for seed in range(24):
        rows = draw(layout, np.random.default_rng(seed), 1_600)
        rows["bucket"] = np.arange(1_600) % layout.n_buckets
        once, repeated = count(layout, rows), count(layout, np.repeat(rows, 10))
        alone, effects = slice_design_effects(once), slice_design_effects(repeated)
        assert alone.keys() == effects.keys() == set(SLICE_METRICS)
        before, after = measure_slices(once).variances, measure_slices(repeated).variances
        for name in SLICE_METRICS:
            found[name].append(effects[name])
            filled = once["slice_outcomes"].sum(axis=(1, 2)) > 0
            widened = (after[name] / before[name])[filled]
            # Ten times the rows have a tenth of the variance, but for the half events and n - 1 of small samples.
            assert widened == pytest.approx(effects[name] / alone[name] / 10.0, rel=0.02)
    for effects_of_one in found.values():
        # Each jackknife over 32 buckets has a relative standard deviation of 1 / sqrt(2 * 31) = 13 %, their mean 3 %.
        assert np.mean(effects_of_one) == pytest.approx(10.0, rel=0.1)


def test_design_effects_are_of_the_losses_of_mean_scores() -> None:
    """Every row has the loss of its bin's mean score, also where it is alone in its bin; recomputed from the rows."""
    rows = draw(LAYOUT, np.random.default_rng(5), 150)
    n_in_bin = np.bincount(rows["score_bin"])
    assert 1 in n_in_bin
    scores = (np.bincount(rows["score_bin"], rows["score"]) / np.maximum(n_in_bin, 1))[rows["score_bin"]]
    outcomes = rows["outcome"].astype(np.int64)
    losses = {
        "log_loss": log_losses(scores, outcomes),
        "brier": brier_losses(scores, outcomes),
        "accuracy": ((scores >= LAYOUT.threshold) == (outcomes == 1)).astype(np.float64),
    }
    found = loss_design_effects(count(LAYOUT, rows))
    for name, each in losses.items():
        n, totals, squares = (np.bincount(rows["bucket"], x, LAYOUT.n_buckets) for x in (each**0, each, each**2))
        assert found[name] == pytest.approx(design_effect_of_mean(n, totals, squares), rel=1e-6)


def test_few_entities_leave_the_variances_alone() -> None:
    """With eleven entities, or one that has a third of the rows, leaving one out says nothing: no design effect."""
    rows = draw(LAYOUT, np.random.default_rng(8), 1_100)
    for buckets in (np.arange(1_100) % 11, np.where(np.arange(1_100) % 3 == 0, 0, np.arange(1_100) % 32)):
        rows["bucket"] = buckets
        assert set(slice_design_effects(count(LAYOUT, rows)).values()) == {1.0}


@pytest.mark.parametrize("base_rate", [0.0, 0.001, 0.5, 1.0])
@pytest.mark.parametrize("auc", [0.5, 0.8, 0.9999999])
@pytest.mark.parametrize("n", [0, 1, 9, 300])
def test_everything_is_finite(base_rate: float, auc: float, n: int) -> None:
    """Empty, one-class, perfectly parted and tiny counts give finite numbers or a reason, never NaN."""
    rng = np.random.default_rng(5)
    rows = draw(LAYOUT, rng, n, auc=auc, base_rate=0.5)
    rows["outcome"] = rng.random(n) < base_rate
    summary = count(LAYOUT, rows)
    for name, measured in measure(summary).items():
        assert name in METRICS
        if isinstance(measured, NotEnough):
            assert measured.reason
        else:
            assert np.isfinite([measured.value, measured.variance]).all()
            assert measured.variance > 0
    table = measure_slices(summary)
    for name in SLICE_METRICS:
        assert np.isfinite(table.values[name]).all()
        assert (table.variances[name] > 0).all()


def test_every_metric_is_described() -> None:
    """Each metric has a description, the table's keys are the metrics' own names, and some task has each."""
    assert all(name == metric.name and metric.description for name, metric in METRICS.items())
    assert set(SLICE_METRICS) <= set(METRICS)
    layouts = [small_layout(**fields) for fields in TASKS.values()]
    measured = set().union(*(measure(Summary.zero(layout)) for layout in layouts))
    assert measured | set(CLASS_METRICS) == METRICS.keys()
    assert all(set(measure_slices(Summary.zero(layout)).values) <= METRICS.keys() for layout in layouts)
    assert dataclasses.is_dataclass(METRICS["auc"])


def test_every_metric_has_the_direction_that_its_definition_gives() -> None:
    """Losses and distances are better below, areas and shares of what is right above, rates and levels neither."""
    better_below = {"log_loss", "normalized_entropy", "brier", "calibration_error", "mae", "rmse"}
    neither = {
        "calibration_slope", "calibration_intercept", "base_rate", "mean_error", "slope", "mean_outcome", "rated_ratio"
    }  # fmt: skip
    assert {name for name, metric in METRICS.items() if metric.higher_is_better is False} == better_below
    assert {name for name, metric in METRICS.items() if metric.higher_is_better is None} == neither
