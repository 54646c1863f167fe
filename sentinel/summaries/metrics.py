"""Every metric that a Summary's counts give, over all traffic and for each slice at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np

from sentinel.events.batch import F64, I64
from sentinel.stats import confusion
from sentinel.stats.auc import auc_from_histogram, auc_many
from sentinel.stats.calibration import (
    LOWEST_MEAN_SCORE,
    CalibrationLine,
    base_rate,
    calibration_line,
    expected_calibration_error,
)
from sentinel.stats.estimate import DEFAULT_MINIMUM, Measured, NotEnough
from sentinel.stats.jackknife import design_effect_of_mean, jackknife, jackknife_auc, larger_variance
from sentinel.stats.losses import mean_loss, mean_losses, normalized_entropy
from sentinel.stats.rates import rates
from sentinel.summaries import fixed_point, multiclass, ranking, regression
from sentinel.summaries.algebra import Array, Summary
from sentinel.summaries.kinds.losses import LOSSES
from sentinel.summaries.metric import Metric, SliceTable

_ALL: Final = (
    Metric("auc", True, "ratio", "chance that a positive outcome was scored above a negative one"),
    Metric("log_loss", False, "nats", "mean surprise at the outcomes, given the scores", most=None),
    Metric(
        "normalized_entropy",
        False,
        "score",
        "log loss over that of the base rate alone; 1: no skill",
        most=None,
    ),
    Metric("brier", False, "score", "mean squared distance of score and outcome"),
    Metric("accuracy", True, "ratio", "share of decisions that were right"),
    Metric("precision", True, "ratio", "share of positive decisions with a positive outcome"),
    Metric("recall", True, "ratio", "share of positive outcomes that were decided positive"),
    Metric("f1", True, "ratio", "harmonic mean of precision and recall"),
    Metric(
        "calibration_slope",
        None,
        "score",
        "slope of the outcome's log-odds on the score's; below 1: scores are too sure",
        least=None,
        most=None,
    ),
    Metric(
        "calibration_intercept",
        None,
        "score",
        "log-odds of the outcome where the score says one half",
        least=None,
        most=None,
    ),
    Metric("calibration_error", False, "ratio", "mean distance of outcome rate and mean score per score bin"),
    Metric("base_rate", None, "ratio", "share of positive outcomes"),
)

METRICS: Mapping[str, Metric] = MappingProxyType(
    {m.name: m for m in (*_ALL, *regression.METRICS, *multiclass.METRICS, *ranking.METRICS)}
)
"""Every metric of any task, in the order in which reports show them. Which ones a task has, `measure` tells."""

VIEW_METRICS: Final = ("auc", "calibration_slope", "calibration_intercept", "base_rate")
"""Those that every task has, of its question of yes or no (`sentinel.summaries.view`)."""

SLICE_METRICS: Final = ("auc", "log_loss", "brier", "accuracy", "base_rate")
"""Those of a binary task that are also measured in each slice."""


def measure(summary: Summary) -> dict[str, Measured]:
    """Every metric of the task over all traffic.

    Parameters
    ----------
    summary : Summary

    Returns
    -------
    dict of metric name to Estimate or NotEnough, all finite
        In the order of ``METRICS``; the names depend on the task alone.

    Notes
    -----
    Where counts by entity bucket exist (AUC and base rate of every task; all that a regression, several classes or a
    ranking have of their own, but for ``rated_ratio``) the variance is the larger of the one for independent events and
    the bucket jackknife; the others are those of independent events.
    """
    result = _TASKS[summary.layout.task][0](summary)
    return {name: result[name] for name in METRICS if name in result}


def _measure_regression(summary: Summary) -> dict[str, Measured]:
    return {**regression.measure(summary), **_measure_view(summary)}


def _measure_multiclass(summary: Summary) -> dict[str, Measured]:
    return {**multiclass.measure(summary), **_measure_view(summary)}


def _measure_ranking(summary: Summary) -> dict[str, Measured]:
    return {**ranking.measure(summary), **_measure_view(summary)}


def _measure_view(summary: Summary) -> dict[str, Measured]:
    yes_or_no = _measure_binary(summary)
    return {name: yes_or_no[name] for name in VIEW_METRICS}


def _measure_binary(summary: Summary) -> dict[str, Measured]:
    counts = summary["outcomes"]
    table = _confusion(summary["confusion"][0])
    scores = fixed_point.decode(summary["score_sums"])
    line = calibration_line(counts.sum(axis=1), counts[:, 1], scores)
    result: dict[str, Measured] = {"auc": auc_of_buckets(summary["buckets"])}
    result["log_loss"], result["brier"] = _loss(summary, "log_loss"), _loss(summary, "brier")
    result["normalized_entropy"] = _normalized_entropy(summary)
    result["accuracy"] = confusion.accuracy(table)
    result["precision"] = confusion.precision(table)
    result["recall"] = confusion.recall(table)
    result["f1"] = confusion.f1(table)
    result["calibration_slope"] = line.slope if isinstance(line, CalibrationLine) else line
    result["calibration_intercept"] = line.intercept if isinstance(line, CalibrationLine) else line
    result["calibration_error"] = expected_calibration_error(counts.sum(axis=1), counts[:, 1], scores)
    result["base_rate"] = _base_rate(summary["buckets"])
    return result


def auc_of_buckets(buckets: Array) -> Measured:
    """Area under the ROC curve of counts by entity bucket, score bin and outcome.

    Parameters
    ----------
    buckets : int64 array, shape (n_buckets, n_score_bins, 2)

    Returns
    -------
    Estimate or NotEnough
        With the larger of the DeLong and the bucket-jackknife variance; DeLong alone where buckets are too few.
    """
    counts = buckets.sum(axis=0)
    independent = auc_from_histogram(counts[:, 1], counts[:, 0])
    return larger_variance(independent, jackknife_auc(buckets[:, :, 1], buckets[:, :, 0]))


def design_effect(buckets: Array) -> float:
    """Variance of the AUC with entities kept together over that of independent events, at least 1.

    Parameters
    ----------
    buckets : int64 array, shape (n_buckets, n_score_bins, 2)
    """
    counts = buckets.sum(axis=0)
    independent, clustered = auc_from_histogram(counts[:, 1], counts[:, 0]), auc_of_buckets(buckets)
    if isinstance(independent, NotEnough) or isinstance(clustered, NotEnough):
        return 1.0
    return max(clustered.variance / independent.variance, 1.0)


def measure_slices(summary: Summary) -> SliceTable:
    """The metrics of the task that slices have, in every slice.

    Parameters
    ----------
    summary : Summary

    Returns
    -------
    SliceTable
        All values finite, also where a slice is empty. Its metrics depend on the task alone.

    Notes
    -----
    Slices are not counted by entity bucket: the variance of independent events is widened by the metric's design effect
    over all traffic (`slice_design_effects`).
    """
    table = _TASKS[summary.layout.task][1](summary)
    effects = slice_design_effects(summary)
    return replace(table, variances={name: each * effects[name] for name, each in table.variances.items()})


def slice_design_effects(summary: Summary) -> dict[str, float]:
    """Variance with entities kept together over that of independent events, of each metric that slices have.

    Parameters
    ----------
    summary : Summary

    Returns
    -------
    dict of metric name to float, >= 1
        Over all traffic. A slice of which an entity has fewer rows needs less: the sure side.
    """
    events = summary["buckets"].sum(axis=1)
    positives = events[:, 1]
    rate = design_effect_of_mean(events.sum(axis=1), positives, positives)
    shared = {"auc": design_effect(summary["buckets"]), "base_rate": rate}
    return {**shared, **_TASKS[summary.layout.task][2](summary)}


def loss_design_effects(summary: Summary) -> dict[str, float]:
    """The same of the mean losses and the accuracy of a binary task.

    Notes
    -----
    Losses are not counted by entity bucket: every event of a score bin is given the loss of the bin's mean score.
    """
    events, positives = _by_bucket(summary)
    scores = fixed_point.decode(summary["score_sums"]) / np.maximum(summary["outcomes"].sum(axis=1), 1)
    decided = scores >= summary.layout.threshold
    likely = np.clip(scores, LOWEST_MEAN_SCORE, 1.0 - LOWEST_MEAN_SCORE)
    losses = {
        "log_loss": (-np.log1p(-likely), -np.log(likely)),
        "brier": (scores**2, (1.0 - scores) ** 2),
        "accuracy": (decided.astype(np.float64), (~decided).astype(np.float64)),
    }
    n = events.sum(axis=1)
    return {
        name: design_effect_of_mean(
            n,
            (events - positives) @ if_negative + positives @ if_positive,
            (events - positives) @ if_negative**2 + positives @ if_positive**2,
        )
        for name, (if_negative, if_positive) in losses.items()
    }


def _by_bucket(summary: Summary) -> tuple[F64, F64]:
    """Events and positive ones of each entity bucket and score bin."""
    buckets = summary["buckets"].astype(np.float64)
    return buckets.sum(axis=2), buckets[:, :, 1]


def _slices_of_binary(summary: Summary) -> SliceTable:
    """Events taken as independent."""
    counts = summary["slice_outcomes"]
    events = counts.sum(axis=1)
    n, n_positive = events.sum(axis=1), events[:, 1]
    areas = auc_many(counts[:, :, 1], counts[:, :, 0])
    values, variances = {"auc": areas.values}, {"auc": areas.variances}
    enough = n >= DEFAULT_MINIMUM
    valid = {"auc": areas.valid, **dict.fromkeys(SLICE_METRICS[1:], enough)}
    for name in LOSSES:
        values[name], variances[name] = _mean_losses(summary["losses"][1:, :, LOSSES.index(name)], n)
    tables = summary["confusion"][1:]
    values["accuracy"], variances["accuracy"] = rates(tables[:, 0, 0] + tables[:, 1, 1], n)
    values["base_rate"], variances["base_rate"] = rates(n_positive, n)
    return SliceTable(values, variances, valid, n, n_positive)


def _loss(summary: Summary, name: str) -> Measured:
    total, squares = summary["losses"][0, :, LOSSES.index(name)].sum(axis=0)
    return mean_loss(
        summary.n_outcomes,
        float(fixed_point.decode(np.asarray(total))),
        float(fixed_point.decode(np.asarray(squares), fixed_point.SQUARE_SCALE_BITS)),
    )


def _normalized_entropy(summary: Summary) -> Measured:
    sums = summary["losses"][0, :, LOSSES.index("log_loss")]
    totals = fixed_point.decode(sums[:, 0])
    squares = fixed_point.decode(sums[:, 1], fixed_point.SQUARE_SCALE_BITS)
    return normalized_entropy(summary["outcomes"].sum(axis=0), totals, squares)


def _base_rate(buckets: Array) -> Measured:
    events = buckets.sum(axis=1)
    n, positives = events.sum(axis=1), events[:, 1]
    independent = base_rate(float(positives.sum()), float(n.sum()))
    return larger_variance(independent, jackknife((n, positives), lambda size, hits: hits / size))


def _confusion(cells: Array) -> confusion.Confusion:
    (true_negative, false_negative), (false_positive, true_positive) = cells.tolist()
    return confusion.Confusion(true_positive, false_positive, false_negative, true_negative)


def _mean_losses(sums: Array, n: I64) -> tuple[F64, F64]:
    """From sums of shape (n_slices, 2 outcomes, 2 powers)."""
    totals, squares = sums.sum(axis=1).T
    return mean_losses(n, fixed_point.decode(totals), fixed_point.decode(squares, fixed_point.SQUARE_SCALE_BITS))


_Task = tuple[
    Callable[[Summary], dict[str, Measured]], Callable[[Summary], SliceTable], Callable[[Summary], dict[str, float]]
]
_TASKS: Final[Mapping[str, _Task]] = {
    "binary": (_measure_binary, _slices_of_binary, loss_design_effects),
    "regression": (_measure_regression, regression.measure_slices, regression.slice_design_effects),
    "multiclass": (_measure_multiclass, multiclass.measure_slices, multiclass.slice_design_effects),
    "ranking": (_measure_ranking, ranking.measure_slices, ranking.slice_design_effects),
}
