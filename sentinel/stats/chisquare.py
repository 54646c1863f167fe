"""Do two histograms come from one law? The G2 test of homogeneity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from sentinel.stats.arrays import Counts
from sentinel.stats.estimate import NotEnough


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A statistic with the chi-square law that it has when nothing differs.

    Attributes
    ----------
    statistic : float, >= 0
    degrees_of_freedom : int, >= 0
        Zero when there is only one cell to compare: then the statistic is 0 and the p-value 1.
    p_value : float, 0..1
    n : int
        Events compared.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    n: int


def upper_tail(statistic: float, degrees_of_freedom: int) -> float:
    """Chance that a chi-square variable exceeds the statistic; 1 without degrees of freedom.

    Examples
    --------
    >>> round(upper_tail(3.841458820694124, 1), 9)
    0.05
    """
    if degrees_of_freedom <= 0:
        return 1.0
    return float(special.chdtrc(float(degrees_of_freedom), max(statistic, 0.0)))


def g_squared(first: Counts, second: Counts) -> ChiSquare | NotEnough:
    """Likelihood-ratio test that two histograms share one law: 2 sum O ln(O / E).

    Parameters
    ----------
    first, second : array, shape (n_bins,)
        Counts over the same bins. Bins empty in both are dropped.

    Returns
    -------
    ChiSquare with (bins kept - 1) degrees of freedom, or NotEnough when a histogram is empty

    Notes
    -----
    G2 is additive over independent tables; with cells below about five expected events its p-value is too
    small.

    Examples
    --------
    >>> g_squared(np.array([10, 20]), np.array([20, 40])).p_value
    1.0
    """
    table = np.asarray([first, second], dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    sizes = table.sum(axis=1)
    if sizes.min() < 1:
        return NotEnough("one side has no events", 0, 1)
    size = float(sizes.sum())
    expected = np.outer(sizes, table.sum(axis=0) / size)
    freedom = table.shape[1] - 1
    statistic = float((2.0 * special.kl_div(table, expected)).sum())
    return ChiSquare(statistic, freedom, upper_tail(statistic, freedom), round(size))
