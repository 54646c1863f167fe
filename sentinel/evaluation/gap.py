"""The gap between offline and online, with bounds and evidence that count the error of both sides."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from sentinel.baseline.gap_scale import AREAS, UNJUDGED, detectable_gap, scale_of
from sentinel.config.alerts import Alerts
from sentinel.evaluation.findings import Finding, Parts
from sentinel.evaluation.performance import to_value
from sentinel.stats.arrays import Floats, Values
from sentinel.stats.bayes import anytime_interval, log_bayes_factor
from sentinel.stats.estimate import Measured, NotEnough
from sentinel.summaries.metric import Metric
from sentinel.summaries.metrics import METRICS

BOUNDS_ALPHA: Final = 0.05
"""The bounds of a gap hold at every look with 95 %."""


def signed_gap(metric: Metric, offline: Values, online: Values) -> Floats:
    """Offline against online, above 0 where live is worse."""
    sign = 1.0 if metric.higher_is_better else -1.0
    return np.asarray(sign * (np.asarray(offline, np.float64) - np.asarray(online, np.float64)))


def enough_to_judge(name: str, measured: Measured, alerts: Alerts) -> bool:
    """Whether one side carries the normal approximation behind the evidence."""
    if isinstance(measured, NotEnough) or measured.n < alerts.minimum_outcomes:
        return False
    if name not in AREAS or measured.n_positive is None:
        return True
    return min(measured.n_positive, measured.n - measured.n_positive) >= alerts.minimum_per_class


def log_evidence(name: str, offline: Measured, online: Measured, alerts: Alerts) -> float | None:
    """Log Bayes factor that live is worse by more than the tolerance.

    Parameters
    ----------
    name : str
        A metric with a better direction.
    offline, online : Estimate or NotEnough
    alerts : Alerts

    Returns
    -------
    float, nats, or None where a side has too few events to be judged
    """
    metric = METRICS[name]
    if metric.higher_is_better is None or name in UNJUDGED:
        return None
    if isinstance(offline, NotEnough) or isinstance(online, NotEnough):
        return None
    if not (enough_to_judge(name, offline, alerts) and enough_to_judge(name, online, alerts)):
        return None
    tau, tolerance = scale_of(metric, offline.value, alerts)
    gap = signed_gap(metric, offline.value, online.value)
    return float(log_bayes_factor(gap, offline.variance + online.variance, tau, tolerance))


def compare(name: str, offline: Measured, online: Measured, alerts: Alerts, parts: Parts | None = None) -> Finding:
    """Hold one metric over all traffic against its offline estimate.

    Parameters
    ----------
    name : str
        One of ``METRICS``.
    offline, online : Estimate or NotEnough
    alerts : Alerts
    parts : Parts, optional

    Returns
    -------
    Finding
        With a gap where the metric has a better direction and both sides have an estimate; with evidence where
        both have enough to be judged. ``alarm`` is evidence of 1 / alpha or more.
    """
    metric = METRICS[name]
    gap = lower = upper = detectable = None
    if metric.higher_is_better is not None and not isinstance(offline, NotEnough):
        tau = scale_of(metric, offline.value, alerts).tau
        detectable = detectable_gap(metric, offline.value, offline.variance, alerts)
        if not isinstance(online, NotEnough):
            gap = float(signed_gap(metric, offline.value, online.value))
            bounds = anytime_interval(gap, offline.variance + online.variance, tau, BOUNDS_ALPHA)
            lower, upper = float(bounds.lower), float(bounds.upper)
    evidence = log_evidence(name, offline, online, alerts)
    return Finding(
        metric=name,
        slice="all",
        offline=to_value(metric, offline),
        online=to_value(metric, online),
        gap=gap,
        lower=lower,
        upper=upper,
        log_evidence=evidence,
        minimum_detectable_gap=detectable,
        alarm=evidence is not None and evidence >= -math.log(alerts.alpha),
        parts=parts or Parts(),
    )
