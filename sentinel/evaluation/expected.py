"""What live scores promise before outcomes arrive, if outcomes at equal scores are what they were offline."""

from __future__ import annotations

from functools import partial

import numpy as np

from sentinel.evaluation.cells import exogenous_slicing, mean_scores, reading_of
from sentinel.evaluation.findings import Value
from sentinel.evaluation.performance import to_value
from sentinel.stats.arrays import Counts
from sentinel.stats.decomposition import expected_metrics
from sentinel.stats.estimate import DEFAULT_MINIMUM, Estimate, NotEnough, variance_floor
from sentinel.stats.histograms import HISTOGRAM_METRICS, histogram_metrics
from sentinel.summaries.algebra import Summary
from sentinel.summaries.metrics import METRICS

MOST_EXTRAPOLATED = 0.5
"""Share of live scores in bins that offline never filled, above which nothing is promised."""


def expected_values(offline: Summary, online: Summary) -> dict[str, Value]:
    """Every metric that a histogram gives, for all live predictions, trusting the scores.

    Parameters
    ----------
    offline, online : Summary
        Under one layout of a binary task. No live outcome is read.

    Returns
    -------
    dict of metric name to Value
        ``n`` is the offline events that the outcome rates come from. The interval counts their error and that of the
        live scores. It says nothing of leakage: a leak changes what outcomes follow a score, which is assumed away.
    """
    short = _lacks(offline["outcomes"], online["scores"])
    if short is not None:
        return {name: to_value(METRICS[name], short) for name in HISTOGRAM_METRICS}
    slicing = exogenous_slicing(offline, online)
    reading = reading_of(offline, mean_scores(offline))
    found = expected_metrics(
        offline["outcomes"],
        online["scores"],
        slicing and slicing.slicing,
        partial(histogram_metrics, reading=reading),
    )
    n, n_live = offline.n_outcomes, online.n_predictions
    undefined = NotEnough("the metric is not defined for what the scores promise", 0, 1)
    return {
        name: to_value(
            METRICS[name],
            Estimate(found[name][0], max(found[name][1] ** 2, variance_floor(min(n, n_live))), n)
            if name in found
            else undefined,
        )
        for name in HISTOGRAM_METRICS
    }


def _lacks(offline: Counts, scores: Counts) -> NotEnough | None:
    """What is missing to promise anything."""
    n_live, scarce = int(scores.sum()), int(offline.sum(axis=0).min())
    if scarce < DEFAULT_MINIMUM:
        return NotEnough("too few offline outcomes of one class", scarce, DEFAULT_MINIMUM)
    if n_live < DEFAULT_MINIMUM:
        return NotEnough("too few live predictions", n_live, DEFAULT_MINIMUM)
    seen = int(scores[np.asarray(offline).sum(axis=1) > 0].sum())
    if n_live - seen > MOST_EXTRAPOLATED * n_live:
        return NotEnough("too few live scores like those seen offline", seen, n_live - int(MOST_EXTRAPOLATED * n_live))
    return None
