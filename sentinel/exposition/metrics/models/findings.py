"""Estimates, gaps and their evidence, of each metric in each slice; the snapshot renders them in bulk."""

from __future__ import annotations

from sentinel.exposition.labels import FINDING, MODEL
from sentinel.exposition.metric import Metric


def _with_bounds(name: str, what: str, bounds: str) -> tuple[Metric, Metric, Metric]:
    return (
        Metric(name, "gauge", what, FINDING),
        Metric(f"{name}_lower", "gauge", f"Lower bound of {name}, {bounds}.", FINDING),
        Metric(f"{name}_upper", "gauge", f"Upper bound of {name}, {bounds}.", FINDING),
    )


_INTERVAL = "95 % interval"
FINDING_METRICS: tuple[Metric, ...] = (
    *_with_bounds(
        "sentinel_offline_estimate",
        "What offline validation promised for this metric in this slice. Compare only within one metric label.",
        _INTERVAL,
    ),
    *_with_bounds("sentinel_online_estimate", "What live outcomes say about this metric in this slice.", _INTERVAL),
    *_with_bounds(
        "sentinel_expected_estimate",
        "What this metric should be before outcomes arrive, if the scores could be trusted.",
        _INTERVAL,
    ),
    *_with_bounds(
        "sentinel_gap",
        "Offline estimate against live, signed so that above 0 means live is worse.",
        "95 %, valid however often one looks",
    ),
    Metric(
        "sentinel_gap_log_evidence",
        "gauge",
        "Natural log of the odds that outcomes give to a gap beyond the tolerance over none. 4.6 is one in a hundred.",
        FINDING,
    ),
    Metric(
        "sentinel_minimum_detectable_gap",
        "gauge",
        "The smallest gap that this offline estimate could ever prove, however many outcomes arrive.",
        FINDING,
    ),
)
"""In the order of the values that the snapshot takes from a finding."""

OUTCOMES_BEHIND = Metric(
    "sentinel_estimate_outcomes",
    "gauge",
    "Predictions with a known outcome behind the estimates of a slice, on the offline or the online side.",
    (*MODEL, "slice", "side"),
)
