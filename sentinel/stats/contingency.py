"""Two by two tables, many at once: the odds ratio, and a test of independence that holds for small counts."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import special

from sentinel.stats.arrays import Floats, Integers

ENOUGH_EXPECTED: Final = 10.0
"""Events expected in the emptiest cell from which the chi-square law holds; below, Fisher's exact test."""
_TIES: Final = 1.0 + 1e-7
"""Tables as likely as the one seen up to rounding are as extreme as it."""


def log_odds_ratio(tables: Integers) -> Floats:
    """Log odds ratio with half an event added to every cell, so that empty cells stay finite.

    Parameters
    ----------
    tables : int64 array, shape (n, 2, 2)
        Counts >= 0.

    Returns
    -------
    float64 array, shape (n,), finite
        Above 0 where the diagonal is heavier than under independence.

    References
    ----------
    .. [1] Haldane (1956), Ann. Hum. Genet. 20:309-311; Anscombe (1956), Biometrika 43:461-464.

    Examples
    --------
    >>> log_odds_ratio(np.array([[[1, 0], [0, 1]]])).round(4).tolist()
    [2.1972]
    """
    cells = np.log(tables + 0.5)
    ratio: Floats = cells[:, 0, 0] + cells[:, 1, 1] - cells[:, 0, 1] - cells[:, 1, 0]
    return ratio


def independence_p_values(tables: Integers) -> Floats:
    """Two-sided p-value of independence of rows and columns.

    The likelihood-ratio statistic G2 with one degree of freedom where every expected count reaches
    ``ENOUGH_EXPECTED``, Fisher's exact test elsewhere.

    Parameters
    ----------
    tables : int64 array, shape (n, 2, 2)
        Counts >= 0.

    Returns
    -------
    float64 array, shape (n,), in [0, 1]
        1 where a margin is empty: such a table says nothing.

    References
    ----------
    .. [1] Fisher (1935), J. R. Stat. Soc. 98:39-54; Wilks (1938), Ann. Math. Stat. 9:60-62.

    Examples
    --------
    >>> independence_p_values(np.array([[[3, 1], [1, 3]]])).round(4).tolist()
    [0.4857]
    """
    counts = tables.astype(np.float64)
    rows, columns, n = counts.sum(axis=2), counts.sum(axis=1), counts.sum(axis=(1, 2))
    expected = rows[:, :, None] * columns[:, None, :] / np.maximum(n, 1.0)[:, None, None]
    statistic = 2.0 * special.xlogy(counts, counts / np.where(expected > 0.0, expected, 1.0)).sum(axis=(1, 2))
    p_values: Floats = special.chdtrc(1.0, np.maximum(statistic, 0.0))
    for at in np.flatnonzero(expected.min(axis=(1, 2)) < ENOUGH_EXPECTED).tolist():
        p_values[at] = _fisher(tables[at])
    return p_values


def _fisher(table: Integers) -> float:
    """Share of all tables with these margins that are no likelier than this one."""
    n_row, n_column, n = int(table[0].sum()), int(table[:, 0].sum()), int(table.sum())
    first = np.arange(max(0, n_row + n_column - n), min(n_row, n_column) + 1, dtype=np.float64)
    others = (n_row - first, n_column - first, n - n_row - n_column + first)
    logs = -special.gammaln(first + 1.0) - sum(special.gammaln(cell + 1.0) for cell in others)
    shares = np.exp(logs - logs.max())
    seen = shares[int(table[0, 0] - first[0])]
    return float(min(shares[shares <= seen * _TIES].sum() / shares.sum(), 1.0))
