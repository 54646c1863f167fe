"""Whose outcomes stand in a target encoding: those of the training rows, or also those that judge the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pyarrow as pa

from sentinel.audit.preprocessing.fits import SAME_FIT, Fitted, half_unit
from sentinel.audit.preprocessing.known_words import KnownCategories
from sentinel.events.batch import F64
from sentinel.events.schema import category
from sentinel.stats.auc import auc_values

_WIDEST: Final = 2.0
"""Times the tolerance of one number: the smoothing is reckoned from numbers that are rounded alike."""
FEWEST: Final = 3
"""Categories from which one smoothing of all is no coincidence: one of them settles it, the others test it."""


class TargetMeans:
    """Adds up outcomes by category.

    Parameters
    ----------
    encoding : mapping of category to the number that stands for it
    """

    def __init__(self, encoding: Mapping[str, float]) -> None:
        by_word = {category(word): float(value) for word, value in encoding.items()}
        self.known = KnownCategories(by_word)
        self.stated: F64 = np.array([by_word[word] for word in self.known.words], np.float64)
        self.sums: F64 = np.zeros((3, len(self.stated) + 1))
        """Rows with an outcome, sum and sum of squares of outcomes; last, those of all other rows."""

    def add(self, column: pa.Array, outcomes: F64) -> None:
        """Take in rows; those without an outcome only as rows of their category."""
        self.known.add(column)
        is_known = np.isfinite(outcomes)
        n = len(self.stated)
        at, values = np.minimum(self.known.places(column), n)[is_known], outcomes[is_known]
        weights = (np.ones(len(values)), values, values * values)
        self.sums += np.stack([np.bincount(at, weight, minlength=n + 1) for weight in weights])

    def merge(self, other: Self) -> None:
        """Take in the rows of another of the same encoding."""
        self.known.merge(other.known)
        self.sums += other.sums

    def plus(self, other: Self) -> Self:
        """A new one of the rows of both."""
        both = type(self)(dict(zip(self.known.words, self.stated.tolist(), strict=True)))
        both.merge(self)
        both.merge(other)
        return both


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How means are drawn towards the mean of all rows: by as many rows of it, or by the spread within a category.

    ``rows`` is None for the latter.
    """

    rows: float | None


def judge_encoding(train: TargetMeans, validation: TargetMeans) -> tuple[Fitted, Smoothing | None]:
    """Say which rows the numbers are the means of, and how they were smoothed.

    Notes
    -----
    Smoothed by m rows, category c stands for (s_c + m * p) / (n_c + m): n_c rows with the sum s_c, p the mean of all.
    So m = sum w_c (s_c - n_c * e_c) / sum w_c (e_c - p) with w_c = e_c - p, by least squares; all categories have to
    agree with it within their digits. By the spread [1]_, it stands for l_c * mean_c + (1 - l_c) * p with
    l_c = n_c * v / (n_c * v + v_c), v and v_c the variance of all outcomes and of those of the category.

    References
    ----------
    .. [1] Micci-Barreca (2001), A preprocessing scheme for high-cardinality categorical attributes in classification
       and prediction problems, ACM SIGKDD Explorations 3(1):27-32: equations 5 and 6.
    """
    both = train.plus(validation)
    if not both.sums[0, :-1].any():
        return "unclear", None
    fits = [_fit(side) for side in (train, both, validation)]
    if fits[0] is not None:
        return ("unclear" if fits[1] is not None else "train"), fits[0]
    if fits[1] is not None:
        return "both", fits[1]
    return ("validation" if fits[2] is not None else "other"), fits[2]


def encoded_by(side: TargetMeans, smoothing: Smoothing) -> F64:
    """The numbers that the rows of one file, or both, would have given."""
    n, total, squares = side.sums
    overall, variance = _overall(side)
    with np.errstate(invalid="ignore", divide="ignore"):
        if smoothing.rows is not None:
            result = (total + smoothing.rows * overall) / (n + smoothing.rows)
        else:
            mean = total / n
            within = np.maximum(squares / n - mean * mean, 0.0)
            weight = n * variance / (n * variance + within)
            result = weight * mean + (1.0 - weight) * overall
    return np.where(np.isfinite(result), result, overall)[:-1]


def _overall(side: TargetMeans) -> tuple[float, float]:
    n, total, squares = side.sums.sum(axis=1)
    mean = total / max(n, 1.0)
    return float(mean), float(max(squares / max(n, 1.0) - mean * mean, 0.0))


def _fit(side: TargetMeans) -> Smoothing | None:
    if not side.sums[0].any():
        return None
    _, variance = _overall(side)
    digits = np.array([half_unit(value) for value in side.stated.tolist()])
    tolerance = _WIDEST * np.maximum(digits, SAME_FIT * np.sqrt(variance))
    for smoothing in _smoothings(side):
        if (np.abs(encoded_by(side, smoothing) - side.stated) <= tolerance).all():
            return smoothing
    return None


def _smoothings(side: TargetMeans) -> Iterator[Smoothing]:
    yield Smoothing(0.0)
    yield Smoothing(None)
    n, total = side.sums[0, :-1], side.sums[1, :-1]
    weight = side.stated - _overall(side)[0]
    if np.count_nonzero(n) < FEWEST or not (weight * weight).any():
        return
    rows = float((weight * (total - n * side.stated)).sum() / (weight * weight).sum())
    for one in (rows, float(round(rows))):
        if one > 0.0:
            yield Smoothing(one)


def own_gain(train: TargetMeans, validation: TargetMeans, smoothing: Smoothing, *, is_binary: bool) -> float:
    """How much better the stated numbers order (or meet) the validation outcomes than those of training rows alone.

    Returns
    -------
    float
        Of yes and no, a difference of AUC; of a number, of the share of its variance that is met. Rows of categories
        without a number are left out.
    """
    n, total, squares = (part[:-1] for part in validation.sums)
    honest, stated = encoded_by(train, smoothing), validation.stated
    if is_binary:
        return _auc(stated, n, total) - _auc(honest, n, total)
    spread = float(squares.sum() - total.sum() ** 2 / max(n.sum(), 1.0))
    missed = [float((squares - 2.0 * e * total + n * e * e).sum()) for e in (honest, stated)]
    return (missed[0] - missed[1]) / spread if spread > 0.0 else 0.0


def _auc(encoding: F64, n: F64, positive: F64) -> float:
    values, at = np.unique(encoding, return_inverse=True)
    yes, every = (np.bincount(at, some, minlength=len(values)) for some in (positive, n))
    return float(auc_values(yes, every - yes))
