"""Rows that agree in every feature that entities keep, more often than rows of two entities do by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.audit.similarity.linkage import Linkage
from sentinel.events.batch import I64, U64
from sentinel.summaries.fingerprints import mix

DISTINCT: Final = 0.5
"""Distinct combinations for each training entity, from which a combination can name one."""
MOST_ALIKE: Final = 3
"""Training entities of one combination: of a more common one nobody can say who is meant."""
TIMES_CHANCE: Final = 3.0
"""By how much pairs have to outnumber those of chance: its estimate takes one feature at a time for independent."""
FEWEST: Final = 10
"""Pairs beyond that."""


@dataclass(frozen=True, slots=True)
class Twins:
    """Pairs of rows that agree, and how many pairs would by chance."""

    train: I64
    validation: I64
    chance: float


def twins(links: Linkage, train: I64, validation: I64) -> Twins | None:
    """Rows of the second kind that agree with one of the first; None where chance explains it.

    Parameters
    ----------
    links : Linkage
    train, validation : int64 array
        Rows, one for each entity, or for each row that names none. No entity may stand in both.

    Notes
    -----
    Pairs that agree in all features but one tell how many agree in all by chance: if the odds of agreement in the last
    one are u / (1 - u), as many times the pairs that differ in it alone. Where features depend on one another this is
    too low for some of them, so the largest such number counts. Pairs of one entity differ in none.
    """
    parts = np.stack([mix(codes ^ mix(np.array([f + 1], np.uint64))) for f, codes in enumerate(links.codes)])
    whole = parts.sum(axis=0, dtype=np.uint64)
    distinct, first, sizes = np.unique(whole[train], return_index=True, return_counts=True)
    if not len(validation) or len(distinct) < DISTINCT * len(train):
        return None
    at = np.minimum(np.searchsorted(distinct, whole[validation]), len(distinct) - 1)
    alike = (distinct[at] == whole[validation]) & (sizes[at] <= MOST_ALIKE)
    n_pairs = int(sizes[at[alike]].sum())
    if n_pairs < FEWEST:
        return None
    n_all = _n_pairs(whole[train], whole[validation])
    odds = links.different / (1.0 - links.different)
    near = [_n_pairs((whole - part)[train], (whole - part)[validation]) - n_all for part in parts]
    chance = float((np.array(near) * odds).max())
    if n_pairs < TIMES_CHANCE * chance + FEWEST:
        return None
    return Twins(train[first[at[alike]]], validation[alike], chance)


def _n_pairs(first: U64, second: U64) -> int:
    distinct, sizes = np.unique(first, return_counts=True)
    at = np.minimum(np.searchsorted(distinct, second), len(distinct) - 1)
    return int(sizes[at[distinct[at] == second]].sum())
