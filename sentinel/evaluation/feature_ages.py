"""How old the served values were, live against offline, from the counts of feature times."""

from __future__ import annotations

import numpy as np

from sentinel.evaluation.findings import Ages
from sentinel.events.batch import F64, I64
from sentinel.summaries.algebra import Summary
from sentinel.summaries.checks import AGE_AFTER, AGE_BAD, AGE_EDGES_SECONDS
from sentinel.summaries.layout import Layout

_STARTS: F64 = np.array([0.0, 0.0, *AGE_EDGES_SECONDS])
_ENDS: F64 = np.array([0.0, *AGE_EDGES_SECONDS, AGE_EDGES_SECONDS[-1]])
"""Seconds at which the bins of readable times begin and end; a time after the prediction counts as age zero."""


def judge_ages(layout: Layout, offline: Summary, online: Summary) -> tuple[Ages | None, ...]:
    """Read every feature's ages.

    Parameters
    ----------
    layout : Layout
    offline, online : Summary
        Under that layout.

    Returns
    -------
    tuple of Ages or None
        In the layout's order; None where neither side carries a time that can be read.
    """
    sides = [side["ages"] for side in (offline, online)]
    before_n, live_n = (ages[:, AGE_AFTER:].sum(axis=1) for ages in sides)
    before_after, live_after = (
        ages[:, AGE_AFTER] / np.maximum(n, 1) for ages, n in zip(sides, (before_n, live_n), strict=True)
    )
    before_median, live_median = (medians_seconds(ages) for ages in sides)
    bad = sides[1][:, AGE_BAD]
    too_old = online["too_old"] / np.maximum(live_n, 1)
    return tuple(
        None
        if not live_n[j] and not before_n[j]
        else Ages(
            n=int(live_n[j]),
            offline_n=int(before_n[j]),
            after_prediction_ratio=float(live_after[j]),
            offline_after_prediction_ratio=float(before_after[j]),
            median_seconds=float(live_median[j]) if live_n[j] else None,
            offline_median_seconds=float(before_median[j]) if before_n[j] else None,
            too_old_ratio=float(too_old[j]) if feature.max_age_us and live_n[j] else None,
            unreadable_ratio=float(bad[j] / (bad[j] + live_n[j])) if bad[j] else 0.0,
        )
        for j, feature in enumerate(layout.features)
    )


def medians_seconds(ages: I64) -> F64:
    """Median age, interpolated inside its bin: geometrically, as the bins grow; linearly in the first.

    Parameters
    ----------
    ages : int64 array, shape (n_features, n_age_bins)

    Returns
    -------
    float64 array, shape (n_features,), seconds, >= 0 and at most a year
        0 without readable times.
    """
    counts = ages[:, AGE_AFTER:]
    reached = counts.cumsum(axis=1)
    half = reached[:, -1:] / 2.0
    at = (reached >= half).argmax(axis=1)
    inside = np.take_along_axis(counts, at[:, None], axis=1)[:, 0]
    below = np.take_along_axis(reached, at[:, None], axis=1)[:, 0] - inside
    part = np.clip((half[:, 0] - below) / np.maximum(inside, 1), 0.0, 1.0)
    start, end = _STARTS[at], _ENDS[at]
    linear = start == 0.0
    grown = np.where(linear, 1.0, start) * (end / np.where(start > 0.0, start, 1.0)) ** np.where(linear, 0.0, part)
    medians: F64 = np.where(linear, part * end, grown)
    return medians
