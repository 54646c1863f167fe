"""How entities return over time: what share of the predictions to come will be about entities known by then."""

from __future__ import annotations

from typing import Final, Self

import numpy as np
import numpy.typing as npt

from sentinel.audit.findings import Interval
from sentinel.events.batch import I64, U64
from sentinel.events.times import BAD_TIME
from sentinel.stats.estimate import NotEnough
from sentinel.stats.intervals import wilson_interval
from sentinel.summaries.fingerprints import mix

LATE_SHARE: Final = 0.2
"""Of the training rows, by time, that stand for live ones: as many as a validation file usually has."""
MAX_ROWS: Final = 1 << 17
"""Rows kept: all those of a sample of entities by hash; 16 bytes each."""
FEWEST_ROWS: Final = 100
"""Late rows below which a share says nothing: it would be known to .1."""
FEWEST_ENTITIES: Final = 30
"""Late entities below which a few of them are the share."""


class Returning:
    """Rows of a sample of entities, with their times.

    An entity is kept with all its rows or not at all, so that a sample of a large file misses no return. Entities
    are those of the lowest hashes; how low is halved until their rows fit, which does not depend on the order of rows.
    """

    def __init__(self) -> None:
        self._below = 1 << 64
        self._hashes: U64 = np.empty(0, np.uint64)
        self._times: I64 = np.empty(0, np.int64)

    def add(self, entities: U64, times: I64) -> None:
        """Take in rows; those without an entity (0) or a time are passed over."""
        usable = (entities != 0) & (times != BAD_TIME)
        self._fold(mix(entities[usable]), times[usable])

    def merge(self, other: Self) -> None:
        """Take in the rows that another has kept."""
        self._below = min(self._below, other._below)
        self._fold(other._hashes, other._times)

    def _fold(self, hashes: U64, times: I64) -> None:
        self._hashes = np.concatenate([self._hashes, hashes])
        self._times = np.concatenate([self._times, times])
        self._keep()
        while len(self._hashes) > MAX_ROWS:
            self._below //= 2
            self._keep()

    def _keep(self) -> None:
        kept = self._hashes <= np.uint64(self._below - 1)
        if not kept.all():
            self._hashes, self._times = self._hashes[kept], self._times[kept]

    def expected(self) -> Interval | NotEnough:
        """Share of rows right after the training rows whose entity is in them, with its 95 % interval.

        Notes
        -----
        Of the late rows a share m are of entities that are not in the earlier rows, and m' not in those less the oldest
        ones, as many as the late rows are. What is to come has a history that is longer by as many rows, so m is
        taken to fall once more by m / m': exactly right where entities come at random, too far where some come much
        more often than others. The interval takes the entities, not their rows, for independent.
        """
        if not len(self._times):
            return NotEnough("the training rows carry no time, or name no entity", 0, FEWEST_ROWS)
        oldest, cut = np.quantile(self._times, [LATE_SHARE, 1.0 - LATE_SHARE]).tolist()
        late = self._times > cut
        distinct, at = np.unique(self._hashes, return_inverse=True)
        last_before = np.full(len(distinct), BAD_TIME)
        np.maximum.at(last_before, at[~late], self._times[~late])
        before = last_before[at[late]]
        n, n_entities = int(late.sum()), len(np.unique(at[late]))
        if n < FEWEST_ROWS:
            return NotEnough("too few late training rows name an entity", n, FEWEST_ROWS)
        if n_entities < FEWEST_ENTITIES:
            return NotEnough("late training rows name too few entities", n_entities, FEWEST_ENTITIES)
        unseen, unseen_lately = float((before == BAD_TIME).mean()), float((before <= oldest).mean())
        share = 1.0 - (unseen**2 / unseen_lately if unseen else 0.0)
        effective = _effective(np.bincount(at[late]))
        bounds = wilson_interval(share * effective, effective)
        return Interval(value=share, lower=bounds.lower, upper=bounds.upper)


def _effective(rows_of: npt.NDArray[np.int64]) -> float:
    """Rows that would be as sure a sample if independent: Kish's n^2 / sum of squares of the entities' rows."""
    return float(rows_of.sum()) ** 2 / float((rows_of.astype(np.float64) ** 2).sum())
