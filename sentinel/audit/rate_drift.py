"""Whether the rate of outcomes moves over time, by more than sampling does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.audit.rows import AuditRows
from sentinel.events.batch import F64, I64
from sentinel.events.times import BAD_TIME
from sentinel.stats.chisquare import upper_tail
from sentinel.stats.estimate import NotEnough

N_PARTS: Final = 10
"""Stretches of as many rows each: fewer miss a season, more have too few outcomes."""
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
    means : float64, shape (N_PARTS,)
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
    """Compare mean outcomes between stretches of time of as many rows each.

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
    outcomes = rows.outcomes[known][np.argsort(rows.times[known], kind="stable")]
    spread = float(outcomes.var())
    if spread == 0.0:
        return NotEnough("all outcomes are the same", n, n)
    parts: I64 = np.arange(n) * N_PARTS // n
    sizes = np.bincount(parts, minlength=N_PARTS)
    means = np.bincount(parts, outcomes, N_PARTS) / sizes
    between = float((sizes * (means - outcomes.mean()) ** 2).sum()) / spread
    beyond = max(between - (N_PARTS - 1), 0.0) / n
    return RateDrift(means, float(np.sqrt(beyond)), upper_tail(between, N_PARTS - 1))
