"""How long outcomes take offline: the age at which they are settled, and the earlier ages worth comparing at."""

from __future__ import annotations

from typing import Final

import numpy as np

from sentinel.baseline.profile import DELAY, OUTCOME, Profile
from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.model import Outcome
from sentinel.events.batch import F64, I64

SECONDS_PER_DAY: Final = 86_400.0
LONGEST_HORIZON_SECONDS: Final = 730.0 * SECONDS_PER_DAY
"""As of a configured horizon: a delay of decades is a placeholder for a time that is not known."""
SETTLED_RATIO: Final = 0.99
"""Share of offline outcomes that had come by the age of maturity."""
TWIN_DIVISORS: Final = (10, 3)
"""Fixed ages, as parts of the maturity: they found 3 of 3 leaks after a tenth of the stream, with 0 of 6 false."""
LEAST_PER_CLASS: Final = 100
LEAST_ARRIVED: Final = 0.05
"""Share of outcomes that must have come by a fixed age: fewer are not yet a model of the rest,"""
MOST_ARRIVED: Final = 0.98
"""and from this share on it is maturity by another name."""


def plan_ages(outcome: Outcome, profile: Profile) -> tuple[int, tuple[int, ...]]:
    """Measure maturity, and choose the fixed ages of the twins.

    Parameters
    ----------
    outcome : Outcome
        ``maturity`` overrides what is measured; ``horizon`` bounds it. With ``absence: negative`` only positives have
        a delay.
    profile : Profile

    Returns
    -------
    (maturity_us, twin_horizons_us)
        0 and none where the rows do not tell when outcomes were known. Where neither part of the maturity is worth it,
        the age by which half the outcomes had come may be. With ``absence: negative`` the maturity is a
        twin too: the join counts a negative only when the horizon has passed.
    """
    silent = outcome.absence == "negative"
    positive = _known(profile.positive_delays)
    values, delays = profile.rows[OUTCOME].astype(np.float64), profile.rows[DELAY].astype(np.float64)
    negative = _known(delays[values == 0.0])
    maturity_us = _maturity_us(outcome, positive if silent else _known(delays))
    if maturity_us == 0:
        return 0, ()
    classes = (positive,) if silent else (positive, negative)
    shares = positive if silent else _known(delays)
    twins = [age for age in (maturity_us // divisor for divisor in TWIN_DIVISORS) if _worth_it(age, classes, shares)]
    if not twins and len(shares):  # outcomes that all come late: half of them earlier is still something
        half_us = int(shares[(len(shares) - 1) // 2])
        twins = [half_us] if half_us < maturity_us and _worth_it(half_us, classes, shares) else []
    return maturity_us, (*twins, maturity_us) if silent else tuple(twins)


def _maturity_us(outcome: Outcome, delays: I64) -> int:
    if outcome.maturity is not None:
        measured = round(float(outcome.maturity) * MICROSECONDS_PER_SECOND)
    elif len(delays):
        rank = int(np.ceil(SETTLED_RATIO * len(delays))) - 1
        measured = max(int(delays[rank]), 0)
    else:
        return 0
    longest = LONGEST_HORIZON_SECONDS if outcome.horizon is None else float(outcome.horizon)
    return min(measured, round(longest * MICROSECONDS_PER_SECOND))


def _known(delays: F64) -> I64:
    """Delays in microseconds, ascending, without those that are not known."""
    known = delays[~np.isnan(delays)]
    return np.sort(np.rint(known * MICROSECONDS_PER_SECOND)).astype(np.int64)


def _worth_it(age_us: int, classes: tuple[I64, ...], delays: I64) -> bool:
    """Whether enough outcomes of each class had come by this age, and not nearly all."""
    if age_us <= 0 or not len(delays):
        return False
    arrived = float(np.searchsorted(delays, age_us, side="right")) / len(delays)
    fewest = min(int(np.searchsorted(one, age_us, side="right")) for one in classes)
    return fewest >= LEAST_PER_CLASS and LEAST_ARRIVED <= arrived < MOST_ARRIVED
