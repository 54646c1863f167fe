"""Which gaps of a metric matter, and the smallest that an offline estimate can ever prove."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from sentinel.config.alerts import Alerts
from sentinel.stats.arrays import Values
from sentinel.stats.bayes import minimum_detectable_gap
from sentinel.summaries.metric import Metric

LOSSES: Final = frozenset({"log_loss", "normalized_entropy", "brier"})
LOSS_TAU_PER_AUC_TAU: Final = 4.0
"""A loss is judged relative to its offline value: .2 of it where AUC is judged on .05."""
AREAS: Final = frozenset({"auc", "macro_auc", "class_auc"})
"""What the configured scale is of."""
ERRORS: Final = frozenset({"mae", "rmse"})
"""In the unit of the outcome, so there is no smallest one."""
EXPLAINED: Final = frozenset({"r2", "explained_variance"})
EXPLAINED_TAU_PER_AUC_TAU: Final = 2.0
"""Shares of variance are judged on .1 where AUC is judged on .05: between normal variables, predictions that tell high
outcomes with an AUC of .95 explain .85 of the variance, of .90 they explain .70."""
RATE_TAU_PER_AUC_TAU: Final = 0.4
"""Shares of events are judged on .02 where AUC is judged on .05."""
SMALLEST_LOSS: Final = 1e-3
"""A loss below this is taken as this: a share of nothing would make every live loss a gap."""

UNJUDGED: Final = frozenset({"calibration_error"})
"""It grows by itself as events get fewer, so its gap is shown but is no evidence."""


class Scale(NamedTuple):
    """Which gaps of a metric matter: ``tau`` is looked for hardest, up to ``tolerance`` is no finding."""

    tau: Values
    tolerance: Values


def scale_of(metric: Metric, offline: Values, alerts: Alerts) -> Scale:
    """Translate the configured scale, which is that of AUC, to another metric.

    Parameters
    ----------
    metric : Metric
    offline : float or array
        The offline estimate, in the unit of the metric.
    alerts : Alerts

    Returns
    -------
    Scale
        In the unit of the metric, in the shape of ``offline``.
    """
    share = alerts.tolerance / alerts.tau
    if metric.name in LOSSES:
        tau: Values = LOSS_TAU_PER_AUC_TAU * alerts.tau * np.maximum(offline, SMALLEST_LOSS)
    elif metric.name in ERRORS:
        tau = LOSS_TAU_PER_AUC_TAU * alerts.tau * np.asarray(offline)
    elif metric.name in EXPLAINED:
        tau = EXPLAINED_TAU_PER_AUC_TAU * alerts.tau
    elif metric.name in AREAS:
        tau = alerts.tau
    else:
        tau = RATE_TAU_PER_AUC_TAU * alerts.tau
    return Scale(tau, share * tau)


def detectable_gap(metric: Metric, value: float, variance: float, alerts: Alerts) -> float | None:
    """The smallest gap that could ever be proved against an offline estimate, however much live data comes.

    The one function behind the table of a baseline and ``minimum_detectable_gap`` of a finding over all traffic.

    Parameters
    ----------
    metric : Metric
    value : float
        The offline estimate, in the unit of the metric.
    variance : float, > 0
        Its variance.
    alerts : Alerts
        ``alpha``, ``tau`` and ``tolerance`` of the test that has to prove it.

    Returns
    -------
    float or None
        In the unit of the metric, above the tolerance; None where no gap of this metric is evidence.
    """
    if metric.higher_is_better is None or metric.name in UNJUDGED:
        return None
    tau, tolerance = scale_of(metric, value, alerts)
    return float(minimum_detectable_gap(variance, tau, alerts.alpha, tolerance))
