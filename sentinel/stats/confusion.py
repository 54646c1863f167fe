"""Metrics at a fixed threshold from the four cells of the confusion table."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel.stats.estimate import DEFAULT_MINIMUM, Estimate, Measured, NotEnough
from sentinel.stats.rates import rate


@dataclass(frozen=True, slots=True)
class Confusion:
    """Events by decision and outcome.

    Attributes
    ----------
    true_positives, false_positives, false_negatives, true_negatives : int, >= 0
    """

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def n_positive(self) -> int:
        """Events with a positive outcome."""
        return self.true_positives + self.false_negatives

    @property
    def n(self) -> int:
        """All events."""
        return self.n_positive + self.false_positives + self.true_negatives


def accuracy(table: Confusion, *, minimum: int = DEFAULT_MINIMUM) -> Measured:
    """Share of events decided right.

    Examples
    --------
    >>> accuracy(Confusion(30, 10, 20, 40)).value
    0.7
    """
    return rate(table.true_positives + table.true_negatives, table.n, minimum=minimum, reason="too few outcomes")


def precision(table: Confusion, *, minimum: int = DEFAULT_MINIMUM) -> Measured:
    """Share of positive decisions with a positive outcome.

    Examples
    --------
    >>> precision(Confusion(30, 10, 20, 40)).value
    0.75
    """
    decided = table.true_positives + table.false_positives
    return rate(table.true_positives, decided, minimum=minimum, reason="too few positive decisions")


def recall(table: Confusion, *, minimum: int = DEFAULT_MINIMUM) -> Measured:
    """Share of positive outcomes that were decided positive.

    Examples
    --------
    >>> recall(Confusion(30, 10, 20, 40)).value
    0.6
    """
    return rate(table.true_positives, table.n_positive, minimum=minimum, reason="too few positive outcomes")


def f1(table: Confusion, *, minimum: int = DEFAULT_MINIMUM) -> Measured:
    """Harmonic mean of precision and recall, 2 TP / d with d = 2 TP + FP + FN.

    Parameters
    ----------
    table : Confusion
    minimum : int
        Fewer positive outcomes than this (never fewer than one) is not enough.

    Returns
    -------
    Estimate in 0..1, or NotEnough

    Notes
    -----
    Delta method on multinomial counts: dF/dTP = 2 (1 - F) / d, dF/dFP = dF/dFN = -F / d, and the counts times
    these slopes sum to zero, so V = [TP (2 - 2F)^2 + (FP + FN) F^2] / d^2. It is taken with half an event
    more in TP and in the errors, so that it is never zero.

    Examples
    --------
    >>> f1(Confusion(30, 10, 20, 40)).value
    0.6666667
    """
    needed = max(minimum, 1)
    if table.n_positive < needed:
        return NotEnough("too few positive outcomes", table.n_positive, needed)
    errors = table.false_positives + table.false_negatives
    hits, misses = table.true_positives + 0.5, errors + 0.5
    size = 2.0 * hits + misses
    smoothed = 2.0 * hits / size
    variance = (hits * (2.0 - 2.0 * smoothed) ** 2 + misses * smoothed**2) / size**2
    value = 2.0 * table.true_positives / (2.0 * table.true_positives + errors)
    return Estimate(value, variance, table.n, table.n_positive)
