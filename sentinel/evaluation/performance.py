"""Estimates as values: with their 95 % interval, or with the reason why there is none."""

from __future__ import annotations

from sentinel.evaluation.findings import Calibration, Value
from sentinel.stats.estimate import Measured, NotEnough
from sentinel.stats.intervals import INTERVAL_REACH, normal_interval
from sentinel.summaries.metric import Metric
from sentinel.summaries.metrics import METRICS


def to_value(metric: Metric, measured: Measured) -> Value:
    """An estimate as a reader sees it.

    Parameters
    ----------
    metric : Metric
        Its range cuts the interval.
    measured : Estimate or NotEnough

    Returns
    -------
    Value
        Without numbers, but with what is short and how much it takes, where there is not enough data.

    Examples
    --------
    >>> to_value(METRICS["auc"], NotEnough("too few positive outcomes", 3, 10)).reason
    'too few positive outcomes: 3 of the 10 it takes'
    """
    if isinstance(measured, NotEnough):
        reason = f"{measured.reason}: {measured.n} of the {measured.needed} it takes"
        return Value(value=None, lower=None, upper=None, n=max(measured.n, 0), reason=reason)
    interval = normal_interval(measured, least=metric.least, most=metric.most)
    return Value(value=measured.value, lower=interval.lower, upper=interval.upper, n=measured.n)


def standard_error(value: Value) -> float | None:
    """Standard error behind a value's interval; None where there is no estimate.

    Where the range of the metric has cut one side of the interval, the other tells.
    """
    if value.value is None or value.lower is None or value.upper is None:
        return None
    return max(value.upper - value.value, value.value - value.lower) / INTERVAL_REACH


def to_calibration(measured: dict[str, Measured]) -> Calibration:
    """Slope and intercept out of what `measure` returned."""
    slope, intercept = ("calibration_slope", "calibration_intercept")
    return Calibration(
        slope=to_value(METRICS[slope], measured[slope]), intercept=to_value(METRICS[intercept], measured[intercept])
    )
