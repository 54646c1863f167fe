"""The offline estimates that a baseline carries, computed from its counts."""

from __future__ import annotations

import math
from collections.abc import Iterator

from sentinel.baseline.artifact import OfflineEstimate
from sentinel.stats.estimate import DEFAULT_MINIMUM, Measured, NotEnough
from sentinel.stats.intervals import INTERVAL_REACH
from sentinel.summaries.algebra import Summary
from sentinel.summaries.metrics import METRICS, measure, measure_slices
from sentinel.summaries.multiclass import measure_classes


def offline_estimates(summary: Summary) -> tuple[OfflineEstimate, ...]:
    """Measure everything that the counts allow, over all rows and per slice.

    Returns
    -------
    tuple of OfflineEstimate
        A metric without enough data is there too, with its reason. A slice without a prediction is not.
    """
    headline = (_of_measured(name, measured, summary.n_outcomes) for name, measured in measure(summary).items())
    classes = measure_classes(summary) if summary.layout.task == "multiclass" else ()
    each = (_of_measured(metric, measured, summary.n_outcomes, name) for metric, name, measured in classes)
    return (*headline, *each, *_slices(summary))


def _slices(summary: Summary) -> Iterator[OfflineEstimate]:
    table = measure_slices(summary)
    seen = summary["slice_scores"].sum(axis=1) > 0
    of_score = summary.layout.is_of_score.tolist()
    for i, name in enumerate(summary.layout.slice_names):
        if not seen[i]:
            continue
        n = int(table.n[i])
        for metric in table.values:
            if metric == "auc" and of_score[i]:
                continue  # of scores cut to a range: low by that alone
            if table.valid[metric][i]:
                yield _estimate(metric, name, float(table.values[metric][i]), float(table.variances[metric][i]), n)
            else:
                yield _none(metric, name, n, _shortage(metric, n, int(table.n_positive[i])))


def _shortage(metric: str, n: int, n_positive: int) -> str:
    if metric != "auc":
        return f"too few outcomes: {n}, needs {DEFAULT_MINIMUM}"
    scarce, kind = min((n_positive, "positive"), (n - n_positive, "negative"))
    return f"too few {kind} outcomes: {scarce}, needs {DEFAULT_MINIMUM}"


def _of_measured(metric: str, measured: Measured, n: int, name: str = "all") -> OfflineEstimate:
    if isinstance(measured, NotEnough):
        return _none(metric, name, n, f"{measured.reason}: {measured.n}, needs {measured.needed}")
    return _estimate(metric, name, measured.value, measured.variance, measured.n)


def _estimate(metric: str, name: str, value: float, variance: float, n: int) -> OfflineEstimate:
    half = INTERVAL_REACH * math.sqrt(variance)
    least, most = METRICS[metric].least, METRICS[metric].most
    lower = value - half if least is None else max(value - half, least)
    upper = value + half if most is None else min(value + half, most)
    return OfflineEstimate(metric=metric, slice=name, value=value, lower=lower, upper=upper, variance=variance, n=n)


def _none(metric: str, name: str, n: int, reason: str) -> OfflineEstimate:
    return OfflineEstimate(
        metric=metric, slice=name, value=None, lower=None, upper=None, variance=None, n=n, reason=reason
    )
