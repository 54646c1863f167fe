"""How strongly each feature goes with the outcome, by sums that add up: what a selection of features ranks by."""

from __future__ import annotations

from copy import deepcopy
from typing import Final, Literal, Self

import numpy as np

from sentinel.events.batch import F64, Bool

Method = Literal["univariate_f", "correlation", "variance"]
_LARGEST: Final = 1.0 - 1e-15
"""Correlation of which Fisher's z is still finite."""
_MOST_NUMBERS: Final = 2_000_000
"""Drawn at once: 16 MB."""


class FeatureScores:
    """Sums of features and outcomes of some rows, from which any exact score follows.

    Parameters
    ----------
    method : Method
    centres : float64, shape (n_features,)
        Near the means, of any rows: taken off first, so that no digits are lost.
    centre : float
        The same for the outcome.
    n_classes : int
        More than 2 where the outcome is the index of a class; else it is a number, 0 and 1 included.
    """

    def __init__(self, method: Method, centres: F64, centre: float, n_classes: int) -> None:
        self._method = method
        self._centres = centres[:, None]
        self._centre = centre
        n_parts = n_classes if n_classes > 2 else 1
        self._features = np.zeros((3, n_parts, len(centres)))  # rows, sum, sum of squares of known values
        self._pairs = np.zeros((3, len(centres)))  # sum of y, of y^2, of x y where x is known
        self._outcomes = np.zeros(3)  # rows, sum of y, of y^2

    @property
    def n(self) -> int:
        """Rows that count."""
        return int(self._outcomes[0])

    def add(self, values: F64, outcomes: F64) -> None:
        """Take in rows; those without an outcome count for a variance only.

        Parameters
        ----------
        values : float64, shape (n_features, n)
            NaN where missing.
        outcomes : float64, shape (n,)
        """
        if self._method == "variance":
            outcomes = np.zeros(len(outcomes))
        used = np.isfinite(outcomes)
        values, outcomes = values[:, used], outcomes[used]
        known = np.isfinite(values)
        x = np.where(known, values - self._centres, 0.0)
        mask = known.astype(np.float64)
        n_parts = self._features.shape[1]
        with np.errstate(over="ignore", invalid="ignore"):  # of huge numbers no score is told
            squares = x * x
            for part in range(n_parts):
                chosen = np.ones(len(outcomes)) if n_parts == 1 else (outcomes == part).astype(np.float64)
                self._features[:, part] += np.stack([mask @ chosen, x @ chosen, squares @ chosen])
            y = np.zeros(len(outcomes)) if n_parts > 1 else outcomes - self._centre
            self._pairs += np.stack([mask @ y, mask @ (y * y), x @ y])
            self._outcomes += (len(y), y.sum(), (y * y).sum())

    def merge(self, other: Self) -> None:
        """Take in the rows of another of the same columns."""
        self._features += other._features
        self._pairs += other._pairs
        self._outcomes += other._outcomes

    def plus(self, other: Self) -> Self:
        """A new one of the rows of both."""
        both = deepcopy(self)
        both.merge(other)
        return both

    def scores(self) -> tuple[F64, ...]:
        """Scores of the features, an array for each reading of the method; NaN where a feature does not vary.

        All are in a unit of which the standard error is about 1 / sqrt(n): Fisher's z of a correlation, or of the root
        of the share of variance that classes explain (the F statistic rises with it); half the logarithm of a variance,
        times the square root of 2. They rank features as the statistics themselves do.
        """
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            if self._method == "variance":
                return (np.log(self._spread() / self._features[0].sum(axis=0)) / np.sqrt(2.0),)
            if self._features.shape[1] > 1:
                return (_stabilised(np.sqrt(self._explained())),)
            pairwise = self._correlation(self._pairs[0], self._pairs[1], self._features[0, 0])
            n, total, squares = self._outcomes
            imputed = self._correlation(np.full_like(pairwise, total), np.full_like(pairwise, squares), n)
            sizes = (_stabilised(abs(pairwise)), _stabilised(abs(imputed)))
            return (*sizes, _stabilised(pairwise)) if self._method == "correlation" else sizes

    def _spread(self) -> F64:
        """Sum of squared deviations of each feature from its mean."""
        n, total, squares = self._features.sum(axis=1)
        result: F64 = squares - total * total / n
        return np.where(result > 1e-12 * squares, result, np.nan)

    def _explained(self) -> F64:
        n, total, _ = self._features
        between = np.where(n > 0, total * total / np.maximum(n, 1.0), 0.0).sum(axis=0)
        every, sums = n.sum(axis=0), total.sum(axis=0)
        result: F64 = np.maximum(between - sums * sums / every, 0.0) / self._spread()
        return result

    def _correlation(self, y: F64, squares: F64, n: F64 | float) -> F64:
        """Of the known values with their outcomes; or, given those of all rows, with means in the place of gaps."""
        known, total, _ = self._features[:, 0]
        together = self._pairs[2] - total * self._pairs[0] / known
        result: F64 = together / np.sqrt(self._spread() * (squares - y * y / n))
        return result


def _stabilised(correlation: F64) -> F64:
    return np.arctanh(np.clip(correlation, -_LARGEST, _LARGEST))


def is_top(scores: F64, chosen: Bool, tolerance: float) -> bool:
    """Whether the chosen features are those with the highest scores; of equal ones any may be chosen.

    Examples
    --------
    >>> scores = np.array([3.0, 1.0, 2.0, 2.0])
    >>> [is_top(scores, np.array(chosen, bool), 1e-9) for chosen in ([1, 0, 1, 0], [1, 0, 0, 1], [1, 1, 0, 0])]
    [True, True, False]
    """
    ranked = np.where(np.isnan(scores), -np.inf, scores)
    k = int(chosen.sum())
    if not 0 < k < len(scores):
        return bool(k)
    edge = np.sort(ranked)[-k]
    if not np.isfinite(edge):
        return False
    return bool((chosen | (ranked <= edge + tolerance)).all() and (ranked[chosen] >= edge - tolerance).all())


def top(scores: F64, k: int) -> Bool:
    """The k highest."""
    chosen = np.zeros(len(scores), np.bool_)
    chosen[np.argsort(np.where(np.isnan(scores), -np.inf, scores), kind="stable")[::-1][:k]] = True
    return chosen


def chance_of(scores: F64, chosen: Bool, n: int, generator: np.random.Generator) -> float:
    """How often as many other rows of the same kind would have led to exactly this choice.

    Parameters
    ----------
    scores : float64, shape (n_features,)
        The best known, with a standard error of 1 / sqrt(n) each on n rows.
    chosen : bool, shape (n_features,)
    n : int, > 0
    generator : Generator

    Returns
    -------
    float in (0, 1]
        At least one over the number of draws.

    Notes
    -----
    Scores are drawn anew, independently: features that go together are swapped less easily than that, which makes the
    choice of one set by chance likelier.
    """
    known = ~np.isnan(scores)
    centres, kept = scores[known], chosen[known]
    n_draws = int(np.clip(_MOST_NUMBERS // max(len(centres), 1), 100, 1_000))
    drawn = generator.normal(centres, 1.0 / np.sqrt(n), (n_draws, len(centres)))
    if kept.all() or not kept.any():
        return 1.0
    same = drawn[:, kept].min(axis=1) > drawn[:, ~kept].max(axis=1)
    return max(float(same.mean()), 1.0 / n_draws)
