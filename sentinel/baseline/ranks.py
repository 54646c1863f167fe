"""How often the items at each rank were relevant offline: the scores of a ranking's question of yes or no."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sentinel.config.columns import Columns
from sentinel.events.batch import F64
from sentinel.events.codecs.arrow_columns import column_of
from sentinel.events.codecs.arrow_lists import GRADE, SCORE, as_lists
from sentinel.events.rankings import keep_best, largest_values, rank_items

PRIOR_LISTS = 2.0
"""Lists that each rank is thought to have been seen in before, as often relevant as all ranks together."""


class RankTally:
    """Adds up lists and relevant items by rank.

    Parameters
    ----------
    n_ranked : int
        Ranks that count.
    """

    def __init__(self, n_ranked: int) -> None:
        self._shown = np.zeros(n_ranked, np.int64)
        self._relevant = np.zeros(n_ranked, np.int64)

    def add(self, table: pa.Table, columns: Columns) -> F64:
        """Take in one table.

        Returns
        -------
        float64 array, shape (n,)
            The largest score of each list; NaN where the list is none.
        """
        n = table.num_rows
        nothing = np.full(n, np.nan)
        shown, graded = column_of(table, columns.items), column_of(table, columns.relevance)
        listed = None if shown is None else as_lists(shown, SCORE)
        if listed is None:
            return nothing
        items, right = rank_items(listed.flat, n, len(self._shown))
        scores = np.where(right, largest_values(listed.flat, n), np.nan)
        grades = None if graded is None else as_lists(graded, GRADE)
        if grades is None:
            return scores
        best, graded_right = keep_best(grades.flat, n)
        known = right & graded_right & ~grades.missing
        relevant = (items[:, :, None] == best["items"][:, None, :]).any(axis=2) & (items != 0)
        self._shown += np.count_nonzero(items[known], axis=0)
        self._relevant += np.count_nonzero(relevant[known], axis=0)
        return scores

    def merge(self, other: RankTally) -> None:
        """Add the lists of another."""
        self._shown += other._shown
        self._relevant += other._relevant

    def ratios(self) -> tuple[float, ...]:
        """Share of relevant items by rank, the last rank first, never 0 or 1.

        Examples
        --------
        >>> RankTally(2).ratios()
        (0.5, 0.5)
        """
        # A rank that no list reached is worth what the last one is that some did.
        overall = (self._relevant.sum() + 1.0) / (self._shown.sum() + 2.0)
        shares = (self._relevant + PRIOR_LISTS * overall) / (self._shown + PRIOR_LISTS)
        reached = np.flatnonzero(self._shown)
        last = int(reached[-1]) if len(reached) else 0
        shares[last + 1 :] = shares[last]
        return tuple(float(share) for share in shares[::-1])
