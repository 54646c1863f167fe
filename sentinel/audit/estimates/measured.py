"""What was measured, in the form that a finding states it."""

from __future__ import annotations

from sentinel.audit.findings import Inflation, Interval
from sentinel.stats.estimate import NotEnough
from sentinel.stats.intervals import wilson_interval


def share_of(n: float, of: float) -> Interval:
    """Share of rows, 0 to 1, with Wilson's interval.

    Parameters
    ----------
    n : float, >= 0, <= ``of``
    of : float, >= 0
        0 of 0 rows are none; their interval is that of one row.

    Examples
    --------
    >>> share_of(5, 10)
    Interval(value=0.5, lower=0.2366, upper=0.7634)
    """
    bounds = wilson_interval(n, max(of, 1))
    return Interval(value=n / max(of, 1), lower=bounds.lower, upper=bounds.upper)


def priced(measured: Inflation | NotEnough | None, otherwise: str | None = None) -> tuple[Inflation | None, str | None]:
    """The inflation of a finding, and why it is not known where it is not.

    Parameters
    ----------
    measured : Inflation, NotEnough or None
        None where nothing was measured, for the reason ``otherwise``.
    """
    if isinstance(measured, Inflation):
        return measured, None
    return None, otherwise if measured is None else measured.reason
