"""Intervals for display: one look, one estimate. Alarms use `sentinel.stats.bayes`."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from scipy import special

from sentinel.stats.estimate import Estimate

INTERVAL_REACH: Final = 1.959963984540054
"""Standard errors to either end of a normal interval of 95 %: the normal law's .975 quantile."""


class Interval(NamedTuple):
    """Lower and upper end, in the unit of the estimate."""

    lower: float
    upper: float


def wilson_interval(successes: float, n: float, confidence: float = 0.95) -> Interval:
    """Score interval of a rate; never leaves 0..1 and never has zero width.

    Parameters
    ----------
    successes, n : float
        Counts; without events the interval is 0..1.
    confidence : float, 0 < confidence < 1

    Returns
    -------
    Interval in 0..1

    Raises
    ------
    ValueError
        If confidence is not inside (0, 1).

    References
    ----------
    .. [1] Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA
       22:209-212.

    Examples
    --------
    >>> wilson_interval(0, 10)
    Interval(lower=0.0, upper=0.2775328)
    """
    z = _normal_quantile(confidence)
    if n <= 0:
        return Interval(0.0, 1.0)
    seen = successes / n
    scale = 1.0 + z * z / n
    centre = (seen + 0.5 * z * z / n) / scale
    reach = z * math.sqrt(seen * (1.0 - seen) / n + 0.25 * (z / n) ** 2) / scale
    lower = 0.0 if successes <= 0 else max(centre - reach, 0.0)
    upper = 1.0 if successes >= n else min(centre + reach, 1.0)
    return Interval(lower, upper)


def normal_interval(
    estimate: Estimate,
    confidence: float = 0.95,
    *,
    least: float | None = None,
    most: float | None = None,
) -> Interval:
    """Estimate plus and minus its normal quantile of standard errors, cut to the range of the metric.

    Parameters
    ----------
    estimate : Estimate
    confidence : float, 0 < confidence < 1
    least, most : float or None
        Range of the metric, 0 and 1 for an area.

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If confidence is not inside (0, 1).

    Examples
    --------
    >>> normal_interval(Estimate(0.98, 0.0004, 500), most=1.0)
    Interval(lower=0.9408007, upper=1.0)
    """
    reach = _normal_quantile(confidence) * estimate.standard_error
    lower, upper = estimate.value - reach, estimate.value + reach
    return Interval(lower if least is None else max(lower, least), upper if most is None else min(upper, most))


def _normal_quantile(confidence: float) -> float:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be inside (0, 1), not {confidence!r}")
    return float(special.ndtri(0.5 + 0.5 * confidence))
