"""Rows of a simulated world as plain arrays: quick to draw, to copy and to train on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from scipy.stats import rankdata

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

N_LATENTS = 6
"""Normal and uniform traits that each entity has, from which its lasting features are made."""


@dataclass(frozen=True, slots=True)
class Field:
    """What is known of one column of a feature matrix.

    Parameters
    ----------
    name : str
    categories : tuple of str
        The values behind the codes 0, 1, ...; empty for numbers.
    is_static : bool
        The value belongs to the entity and never changes.
    is_fine : bool
        A linear model gets it in narrow bins, since its level as such says nothing.
    """

    name: str
    categories: tuple[str, ...] = ()
    is_static: bool = False
    is_fine: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """Predictions with their features and outcomes.

    Parameters
    ----------
    at : float64 array, shape (n,), days since the launch
        Ascending.
    entity : int64 array, shape (n,)
    x : float64 array, shape (n, n_fields)
        NaN is missing; categories are codes.
    outcome : int64 array, shape (n,)
    log_odds : float64 array, shape (n,)
        Of the law that the outcome was drawn from.
    """

    at: F64
    entity: I64
    x: F64
    outcome: I64
    log_odds: F64

    def __len__(self) -> int:
        return len(self.at)

    def take(self, index: I64) -> Rows:
        """Rows by their position, repeats allowed."""
        return Rows(self.at[index], self.entity[index], self.x[index], self.outcome[index], self.log_odds[index])

    def sorted(self) -> Rows:
        """In the order of time."""
        return self.take(np.argsort(self.at, kind="stable"))


def join(first: Rows, second: Rows) -> Rows:
    """Both, one after the other, without sorting."""
    return Rows(
        np.concatenate([first.at, second.at]),
        np.concatenate([first.entity, second.entity]),
        np.concatenate([first.x, second.x]),
        np.concatenate([first.outcome, second.outcome]),
        np.concatenate([first.log_odds, second.log_odds]),
    )


def toss(log_odds: F64, rng: np.random.Generator) -> I64:
    """Draw 0 or 1 with these log-odds."""
    return (rng.random(len(log_odds)) < expit(log_odds)).astype(np.int64)


def expected_auc(scores: F64, positive: F64, weights: F64 | None = None) -> float:
    """AUC that scores have when row i is positive with probability ``positive[i]``.

    Ties are counted half. With ``weights``, a row stands for so many rows.

    Returns
    -------
    float in [0, 1]; .5 when one class has no mass.

    Examples
    --------
    >>> expected_auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]))
    0.875
    """
    mass = np.ones(len(scores)) if weights is None else weights
    places = (rankdata(scores, "dense") - 1).astype(np.int64)
    positives = np.bincount(places, mass * positive)
    negatives = np.bincount(places, mass * (1.0 - positive))
    total = float(positives.sum() * negatives.sum())
    if total <= 0.0:
        return 0.5
    below = np.cumsum(negatives) - negatives / 2.0
    return float((positives * below).sum()) / total
