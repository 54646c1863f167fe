"""Whether the rate of outcomes moves over time, by more than sampling does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.audit.files.rows import AuditRows
from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.events.batch import F64, I64
from sentinel.events.times import BAD_TIME
from sentinel.stats.chisquare import upper_tail
from sentinel.stats.estimate import NotEnough

N_PARTS: Final = 10
"""Stretches of as many rows each: fewer miss a season, more have too few outcomes."""
FINE_PARTS: Final = 40
"""Shorter stretches, for shocks of a few days, which ten would average away."""
FINE_CHANCE: Final = 1e-6
"""Chance at which those differ: rows of one entity or one hour lie close together in them and are not independent."""
FINE_LARGE: Final = 0.15
"""The spread of those that is large. Measured on 16 simulated worlds split at random over shocks: 6 are found, 5
without shorter stretches; with ``LARGE`` 9 are, but so is an honest real stream (.13) whose rate moves as it goes."""
DAY_US: Final = 86_400 * MICROSECONDS_PER_SECOND
"""Shorter stretches last no less than this: the cycle of a day returns live, and is no shock."""
FEWEST: Final = 30
"""Rows of a stretch: below, the spread of its mean is a guess."""
CHANCE: Final = 1e-4
"""Chance at which means are said to differ."""
LARGE: Final = 0.1
"""Standard deviation of the means over time beyond sampling, in standard deviations of an outcome: a random split
then mixes times as unlike as the smallest effects that are called small."""


@dataclass(frozen=True, slots=True)
class RateDrift:
    """Mean outcomes over time.

    Parameters
    ----------
    means : float64, shape (N_PARTS,) or (FINE_PARTS,)
        In order of time.
    spread : float, >= 0
        Their standard deviation beyond sampling, in standard deviations of an outcome.
    p_value : float
        Chance of means as different where nothing moves.
    """

    means: F64
    spread: float
    p_value: float

    @property
    def is_large(self) -> bool:
        """Whether times are surely unlike, and by much."""
        return self.p_value < CHANCE and self.spread >= LARGE


def rate_drift(rows: AuditRows) -> RateDrift | NotEnough:
    """Compare mean outcomes between stretches of time of as many rows each: short ones, if only they show a move.

    Notes
    -----
    Analysis of variance between stretches: Q = sum n_k (m_k - m)^2 / s^2 has a chi-square law with K - 1 degrees of
    freedom where nothing moves; (Q - (K - 1)) / n estimates the variance of the true means in units of s^2.

    References
    ----------
    .. [1] DerSimonian & Laird (1986), Meta-analysis in clinical trials, Controlled Clinical Trials 7:177-188.
    """
    known = np.isfinite(rows.outcomes) & (rows.times != BAD_TIME)
    n = int(known.sum())
    if n < N_PARTS * FEWEST:
        return NotEnough("too few rows have a time and an outcome", n, N_PARTS * FEWEST)
    order = np.argsort(rows.times[known], kind="stable")
    outcomes, times = rows.outcomes[known][order], rows.times[known][order]
    if float(outcomes.var()) == 0.0:
        return NotEnough("all outcomes are the same", n, n)
    coarse = _between(outcomes, N_PARTS)
    if coarse.is_large or n < FINE_PARTS * FEWEST or times[-1] - times[0] < FINE_PARTS * DAY_US:
        return coarse
    fine = _between(outcomes, FINE_PARTS)
    is_shocked = fine.spread >= FINE_LARGE and fine.p_value < FINE_CHANCE
    return fine if is_shocked else coarse


def _between(outcomes: F64, n_parts: int) -> RateDrift:
    n, variance = len(outcomes), float(outcomes.var())
    parts: I64 = np.arange(n) * n_parts // n
    sizes = np.bincount(parts, minlength=n_parts)
    means = np.bincount(parts, outcomes, n_parts) / sizes
    between = float((sizes * (means - outcomes.mean()) ** 2).sum()) / variance
    beyond = max(between - (n_parts - 1), 0.0) / n
    return RateDrift(means, float(np.sqrt(beyond)), upper_tail(between, n_parts - 1))
