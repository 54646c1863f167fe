"""Two yes-or-no readings of the same events: which knows more of the outcome, and whether one adds to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from sentinel.stats.arrays import Booleans, Floats, Integers
from sentinel.stats.contingency import independence_p_values, log_odds_ratio

FEWEST_PER_CLASS: Final = 20
"""Events of each outcome before two readings are compared."""
_NO_DOUBT: Final = 0.05
"""A second reading that points the other way by itself, at this level, has a story of its own."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """The second reading against the first, many pairs at once; arrays of shape (n,), all finite.

    Attributes
    ----------
    is_known : bool array
        Whether there are enough events; the others are 1/2, 1/2, 0 and 1.
    first_auc, second_auc : float array, 0..1
        In the direction of the second, whose area is therefore 1/2 or more.
    z : float array
        Above 0 where the second knows more.
    p_values : float array, 0..1
        Two-sided, of readings that know as much: the choice of the direction cannot change it.
    """

    is_known: Booleans
    first_auc: Floats
    second_auc: Floats
    z: Floats
    p_values: Floats


def paired_contrast(tables: Integers) -> Contrast:
    """Compare the areas under the curve of two bits read from the same events.

    The area of a bit is 1/2 + (P(1 | positive) - P(1 | negative)) / 2, so the difference of two areas is half the
    difference between the classes' means of D = second - first, and its variance the sum of Var(D) / 4n over the
    classes. In the variance half an event is added to every cell of a class.

    Parameters
    ----------
    tables : int64 array, shape (n, 2, 2, 2)
        Counts by first bit, second bit and outcome.

    Returns
    -------
    Contrast

    References
    ----------
    .. [1] DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44:837-845, for one bit each; Agresti, Min (2005),
       Stat. Med. 24:729-740, for the half events.

    Examples
    --------
    >>> table = np.zeros((1, 2, 2, 2), np.int64)
    >>> table[0, 0, 0, 0] = table[0, 0, 1, 1] = 100  # the first bit is always 0, the second is the outcome
    >>> found = paired_contrast(table)
    >>> found.first_auc.tolist(), found.second_auc.tolist(), bool(found.p_values[0] < 1e-9)
    ([0.5], [1.0], True)
    """
    counts = tables.astype(np.float64)
    n = counts.sum(axis=(1, 2))
    known = (n >= FEWEST_PER_CLASS).all(axis=1)
    of_class = np.maximum(n, 1.0)
    first = counts[:, 1].sum(axis=1) / of_class
    second = counts[:, :, 1].sum(axis=1) / of_class
    first_lead, second_lead = first[:, 1] - first[:, 0], second[:, 1] - second[:, 0]
    ways = np.where(second_lead < 0.0, -1.0, 1.0)
    gained, lost, size = counts[:, 0, 1] + 0.5, counts[:, 1, 0] + 0.5, n + 2.0
    variance = ((gained + lost) / size - ((gained - lost) / size) ** 2) / size
    z = ways * (second_lead - first_lead) / np.sqrt(variance.sum(axis=1))
    z = np.where(known, z, 0.0)
    return Contrast(
        known,
        np.where(known, 0.5 + ways * first_lead / 2.0, 0.5),
        np.where(known, 0.5 + ways * second_lead / 2.0, 0.5),
        z,
        2.0 * special.ndtr(-np.abs(z)),
    )


def growth_p_values(tables: Integers) -> Floats:
    """Of a first bit that says nothing more of the outcome where the second bit is 1.

    Evidence that what was added to the first reading to make the second knows the outcome: among events whose second
    bit is 1, those that only became 1 lean further in the second's direction than those that were 1 already. A first
    reading that is a function of the second's value and of chance does not do that. None is claimed where the first bit
    leans against the second by itself: it then reads another thing.

    Parameters
    ----------
    tables : int64 array, shape (n, 2, 2, 2)
        Counts by first bit, second bit and outcome.

    Returns
    -------
    float64 array, shape (n,), 0..1
        1 where there is no such evidence.
    """
    second = log_odds_ratio(tables.sum(axis=1))
    ways = np.where(second < 0.0, -1.0, 1.0)
    alone, within = tables.sum(axis=2), tables[:, :, 1]
    own = (ways * log_odds_ratio(alone) < 0.0) & (independence_p_values(alone) < _NO_DOUBT)
    against = ways * log_odds_ratio(within) < 0.0
    p_values: Floats = np.where(against & ~own, independence_p_values(within), 1.0)
    return p_values
