"""Neighbouring bins as one, where they hold too few events to be compared."""

from __future__ import annotations

from typing import Final

import numpy as np

from sentinel.stats.arrays import Counts, Floats

LEAST_EXPECTED: Final = 10.0
"""Events that each side of a pooled bin expects: with 5, a test at .005 is false at .011."""
MOST_POOLED: Final = 32
"""Bins that are compared: more of them would drown a smooth change in degrees of freedom."""


def pool_bins(counts: Counts, needed: float) -> list[int]:
    """First bins of neighbours that hold at least ``needed`` together; what is left over joins the last.

    Parameters
    ----------
    counts : array, shape (n_bins,)
    needed : float, events

    Returns
    -------
    list of int, for `numpy.add.reduceat`

    Examples
    --------
    >>> pool_bins(np.array([5.0, 1.0, 4.0, 3.0]), 5.0)
    [0, 1]
    """
    starts, held = [0], 0.0
    for at, count in enumerate(counts.tolist()):
        if held >= needed:
            starts.append(at)
            held = 0.0
        held += count
    if held < needed and len(starts) > 1:
        starts.pop()
    return starts


def pool_sides(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Two histograms with neighbours pooled until both sides expect ``LEAST_EXPECTED`` events in each bin.

    Parameters
    ----------
    first, second : float64 array, shape (n_bins,)
        Each with an event at least.

    Returns
    -------
    two float64 arrays of one shape, at most ``MOST_POOLED`` bins

    Examples
    --------
    >>> pool_sides(np.array([10.0, 5.0, 5.0]), np.array([10.0, 5.0, 5.0]))
    (array([10., 10.]), array([10., 10.]))
    """
    sizes = float(first.sum()), float(second.sum())
    starts = pool_bins(first + second, sum(sizes) * max(LEAST_EXPECTED / min(sizes), 1.0 / MOST_POOLED))
    return np.add.reduceat(first, starts), np.add.reduceat(second, starts)
