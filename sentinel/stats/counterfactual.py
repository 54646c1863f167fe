"""How much of a gap the repair of one leak explains: the stated estimate, the corrected one and the live one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from sentinel.stats.estimate import Estimate, Measured, NotEnough
from sentinel.stats.intervals import INTERVAL_REACH

READABLE_SCORE: Final = 2.0
"""Standard errors of gap from which a share of it is read: below 1.96 the interval of a ratio has no ends."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What taking one leak out of the offline estimate does to the gap.

    Attributes
    ----------
    log_evidence : float, nats
        Log likelihood ratio of the live value under the corrected estimate over that under the stated one.
    explained : float or None
        Share of the gap that the repair removes: 1 is all of it, below 0 the repair leads away from live. None
        where the gap is within 2 standard errors of 0, so that a share of it means nothing.
    lower, upper : float or None
        95 % interval of that share, None where the share is.
    remainder : float
        What is left of the gap after the repair, in standard errors; above 0 live is still worse.
    """

    log_evidence: float
    explained: float | None
    lower: float | None
    upper: float | None
    remainder: float


def repair(
    stated: Measured, corrected: Measured, live: Measured, *, covariance: float, higher_is_better: bool = True
) -> Repair | NotEnough:
    """Hold live against the offline estimate as stated and with one leak taken out.

    Parameters
    ----------
    stated, corrected, live : Estimate or NotEnough
        Of one metric. Offline as published, offline repaired, online; live shares no event with the others.
    covariance : float
        Of `stated` and `corrected`; 0 where they share no rows. Cut to what two variances allow.
    higher_is_better : bool
        Gives the remainder its sign.

    Returns
    -------
    Repair, all finite, or the first of the three that is NotEnough

    Notes
    -----
    With t0, th, t1 the three values and V their variances, A = t0 - th is what the repair takes away and
    D = t0 - t1 the gap; var A = V0 + Vh - 2C, var D = V0 + V1, cov(A, D) = V0 - C. The interval of A / D holds
    every share r with (A - r D)^2 <= z^2 var(A - r D): unlike the delta method it is right for small gaps, and
    it is finite if and only if |D| > z sd(D).

    Where the corrected estimate is made from m of the n stated rows, both are to first order means of one influence
    function psi, over n and over m rows. They share m of them, each of which brings psi^2 / (n m), so that C is
    m var(psi) / (n m) = V0, and A and D do not covary. With leaked rows among the rest C is larger than that, up to
    (m / n) Vh: V0 then only widens the interval.

    References
    ----------
    .. [1] Fieller (1954), Some problems in interval estimation, J. R. Stat. Soc. B 16:175-185.

    Examples
    --------
    >>> stated, corrected, live = (Estimate(v, 1e-4, 2000) for v in (0.9, 0.8, 0.8))
    >>> found = repair(stated, corrected, live, covariance=1e-4)
    >>> round(found.explained, 9), round(found.remainder, 9), round(found.log_evidence, 9)  # .1^2 / 2 / 2e-4
    (1.0, 0.0, 25.0)
    """
    if isinstance(stated, NotEnough):
        return stated
    if isinstance(corrected, NotEnough):
        return corrected
    if isinstance(live, NotEnough):
        return live
    return _repair(stated, corrected, live, covariance, 1.0 if higher_is_better else -1.0)


def _repair(stated: Estimate, corrected: Estimate, live: Estimate, covariance: float, sign: float) -> Repair:
    most = math.sqrt(stated.variance * corrected.variance)
    shared = min(max(covariance, -most), most)
    gap, removed = stated.value - live.value, stated.value - corrected.value
    gap_variance = stated.variance + live.variance
    left, left_variance = corrected.value - live.value, corrected.variance + live.variance
    log_evidence = 0.5 * (gap**2 / gap_variance - left**2 / left_variance + math.log(gap_variance / left_variance))
    remainder = sign * left / math.sqrt(left_variance)
    if abs(gap) < READABLE_SCORE * math.sqrt(gap_variance):
        return Repair(log_evidence, None, None, None, remainder)
    removed_variance = max(stated.variance + corrected.variance - 2.0 * shared, 0.0)
    lower, upper = _fieller(removed, gap, removed_variance, gap_variance, stated.variance - shared)
    return Repair(log_evidence, removed / gap, lower, upper, remainder)


def _fieller(
    top: float, bottom: float, top_variance: float, bottom_variance: float, shared: float
) -> tuple[float, float]:
    """Both roots r of (top - r bottom)^2 = z^2 var(top - r bottom); bottom is more than z standard errors from 0."""
    squared = INTERVAL_REACH**2
    curvature = bottom**2 - squared * bottom_variance
    middle = top * bottom - squared * shared
    height = top**2 - squared * top_variance
    reach = math.sqrt(max(middle**2 - curvature * height, 0.0))
    return (middle - reach) / curvature, (middle + reach) / curvature
