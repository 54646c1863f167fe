"""Whether strange values have come to stay, as a fault does, or come and go, as seasons and weather do."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from sentinel.events.batch import I64, Bool
from sentinel.stats.arrays import Floats

MOST_PIECES: Final = 40
"""Pieces of about equal traffic in which a share is followed over time."""
NOTICED: Final = 0.05
"""Rise of a share that announces a season, while a fault comes at once."""
STAYED: Final = 0.9
"""Part of the pieces since the first noticed one that must show the fault."""
LEAST_TRAFFIC: Final = 0.1
"""Share of all predictions that one stretch must hold before it is told from weather."""
FEWEST_BLOCKS: Final = 5
"""Blocks of such a stretch, and of those outside it that tell how values come in clusters."""
EXPECTED: Final = 10.0
"""Other values expected in it, in standard deviations,"""
CLUSTERED: Final = 4.0
"""where they come in clusters that widen the variance by this factor, unless the blocks outside tell another,"""
LONGER: Final = 3.0
"""and by how much it is longer than any other stretch of the same value."""


def has_stayed(risen: Bool, rise: Floats) -> bool:
    """Whether a share rose at once and stayed up.

    Parameters
    ----------
    risen : bool array, shape (n_pieces,)
        Pieces of time in which the share is that of a fault.
    rise : float array, shape (n_pieces,)
        Live less offline share.

    Returns
    -------
    bool
        Nine in ten of the pieces since the first in which the rise can be noticed show it. One noticed piece right
        before the first risen one is that in which the fault began.

    Examples
    --------
    >>> rise = np.array([0.0, 0.1, 0.7, 0.7, 0.7])
    >>> has_stayed(rise > 0.2, rise)
    True
    >>> rise = np.array([0.1, 0.3, 0.0, 0.2, 0.7])
    >>> has_stayed(rise > 0.2, rise)
    False
    """
    if not risen.any():
        return False
    first_risen = int(risen.argmax())
    first = int((risen | (rise > NOTICED)).argmax())
    since = first_risen if first == first_risen - 1 else first
    return float(risen[since:].mean()) >= STAYED


def pieces(n: I64) -> I64:
    """First block of each piece, of blocks of so many predictions.

    Examples
    --------
    >>> pieces(np.array([50, 60, 70])).tolist()
    [0, 1, 2]
    """
    middle = np.cumsum(n) - n / 2.0
    at = (middle * (min(MOST_PIECES, len(n)) / n.sum())).astype(np.int64)
    firsts: I64 = np.flatnonzero(np.diff(np.r_[-1, at])).astype(np.int64)
    return firsts


def is_stuck(run: tuple[int, int], runs: list[tuple[int, int]], others: I64, n: I64, expected: float) -> bool:
    """Whether one value held so long that other values have ceased to come, not only failed to for a while.

    Parameters
    ----------
    run : (int, int)
        First block and end of the stretch in question,
    runs : list of such pairs
        among all stretches of that value.
    others : int64 array, shape (n_blocks,)
        Predictions with any other value,
    n : int64 array, shape (n_blocks,)
        of so many.
    expected : float, in [0, 1]
        Share of other values offline.

    Returns
    -------
    bool
        A dry week has no rain either: the stretch is several times as long as any other, holds a tenth of all traffic,
        and other values would be missed by ten standard deviations of a binomial count, widened by the clusters in
        which they come elsewhere.
    """
    start, stop = run
    size = int(n[start:stop].sum())
    rest = max((int(n[a:b].sum()) for a, b in runs if (a, b) != run), default=0)
    if stop - start < FEWEST_BLOCKS or size < LEAST_TRAFFIC * n.sum() or size < LONGER * rest:
        return False
    if expected >= 1.0:
        return True
    outside = np.r_[0:start, stop : len(n)]
    width = clustering(others[outside], n[outside])
    return math.sqrt(size * expected / ((1.0 - expected) * width)) >= EXPECTED


def clustering(hits: I64, n: I64) -> float:
    """How much wider than binomial the counts of blocks scatter, at least 1; ``CLUSTERED`` where they cannot tell.

    Examples
    --------
    Half of the blocks hold nothing else, half of them nothing of it.

    >>> clustering(np.array([0, 50] * 20), np.full(40, 50)) > 50
    True
    """
    share = float(hits.sum()) / max(int(n.sum()), 1)
    if len(n) < FEWEST_BLOCKS or not 0.0 < share < 1.0:
        return CLUSTERED
    squares = (hits - n * share) ** 2 / (n * (share * (1.0 - share)))
    return max(float(squares.sum()) / (len(n) - 1), 1.0)
