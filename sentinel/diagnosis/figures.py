"""A metric's numbers in words: three decimals, or four digits where it is in the unit of the outcome."""

from __future__ import annotations

from sentinel.evaluation.findings import Value
from sentinel.evaluation.residuals import IN_UNITS


def figure(metric: str, value: float, *, sign: str = "") -> str:
    """One number.

    Parameters
    ----------
    metric : str
    value : float
        In the unit of the metric: a loss of money may be in millions, one of a share in thousandths.
    sign : {"", "+"}
        "+" for a difference.

    Examples
    --------
    >>> figure("auc", 0.76812), figure("mae", 0.00012345), figure("auc", 0.1, sign="+")
    ('0.768', '0.0001234', '+0.100')
    """
    return f"{value:{sign}.4g}" if metric in IN_UNITS else f"{value:{sign}.3f}"


def estimate(metric: str, value: Value, *, unknown: str) -> str:
    """An estimate with its interval, or what is said where there is none."""
    if value.value is None:
        return unknown
    if value.lower is None or value.upper is None:
        return figure(metric, value.value)
    return f"{figure(metric, value.value)} [{figure(metric, value.lower)}, {figure(metric, value.upper)}]"
