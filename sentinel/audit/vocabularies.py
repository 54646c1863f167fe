"""The categories of each column of the training rows, and how many validation rows hold others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from sentinel.audit.inflation import N_BUCKETS
from sentinel.audit.rows import MISSING_CATEGORY, AuditRows
from sentinel.events.batch import I64, U64, Bool

MOST: Final = 1 << 15
"""Categories of a column that are remembered, half a megabyte; a column with more is free text in disguise."""


@dataclass(slots=True)
class Vocabulary:
    """What one column says in training, and what only in validation.

    Attributes
    ----------
    words : uint64, shape (n_words,), ascending
        Hashes of the categories of the training rows.
    n_rows : int64, shape (n_words,)
        Training rows of each.
    new_words : uint64, ascending
        Of categories that only validation rows have.
    n_new : int64, shape (N_BUCKETS,)
        Validation rows that hold such a category, by bucket of entities.
    is_full : bool
        More than ``MOST`` categories came by: nothing is said of the column.
    """

    words: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    n_rows: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    new_words: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    n_new: I64 = field(default_factory=lambda: np.zeros(N_BUCKETS, np.int64))
    is_full: bool = False

    def train(self, values: U64) -> None:
        """Take in training rows."""
        if self.is_full:
            return
        known, at = self._find(values)
        self.n_rows += np.bincount(at[known], minlength=len(self.words))
        words, counts = np.unique(values[~known & (values != MISSING_CATEGORY)], return_counts=True)
        self._add(words, counts.astype(np.int64))

    def add_train(self, other: Self) -> None:
        """Take in the training rows of another copy."""
        self.is_full |= other.is_full
        self._add(other.words, other.n_rows)

    def validation(self, values: U64, buckets: I64) -> None:
        """Take in validation rows."""
        if self.is_full:
            return
        new = ~self._find(values)[0] & (values != MISSING_CATEGORY)
        if new.any():
            self._add_new(values[new])
            self.n_new += np.bincount(buckets[new], minlength=N_BUCKETS)

    def add_validation(self, other: Self) -> None:
        """Take in the validation rows of another copy."""
        self._add_new(other.new_words)
        self.n_new += other.n_new

    @property
    def chance(self) -> float:
        """Share of rows of the same law whose category training has never met.

        By Good's estimate, the share of training rows whose category came once.

        References
        ----------
        .. [1] Good (1953), The population frequencies of species, Biometrika 40:237-264.
        """
        total = int(self.n_rows.sum())
        return float((self.n_rows == 1).sum() / total) if total else 1.0

    @property
    def chance_variance(self) -> float:
        """Of that estimate: (n_1 + 2 n_2) / n^2, n_k being the categories that came k times.

        References
        ----------
        .. [1] Robbins (1968), Estimating the total probability of the unobserved outcomes of an experiment, Annals of
           Mathematical Statistics 39:256-257; its bound, with the observed n_1 and n_2 in the place of their means.
        """
        total = int(self.n_rows.sum())
        return float(((self.n_rows == 1).sum() + 2 * (self.n_rows == 2).sum()) / total**2) if total else 1.0

    def _find(self, values: U64) -> tuple[Bool, I64]:
        """Which of the values are known, and where."""
        if not len(self.words):
            return np.zeros(len(values), np.bool_), np.zeros(len(values), np.int64)
        at = np.minimum(np.searchsorted(self.words, values), len(self.words) - 1)
        return self.words[at] == values, at

    def _add(self, words: U64, counts: I64) -> None:
        if self.is_full or not len(words):
            return
        every, at = np.unique(np.concatenate([self.words, words]), return_inverse=True)
        self.n_rows = np.bincount(at, np.concatenate([self.n_rows, counts]), len(every)).astype(np.int64)
        self.words = every
        self.is_full = len(every) > MOST

    def _add_new(self, words: U64) -> None:
        self.new_words = np.union1d(self.new_words, words)[: MOST + 1]


def empty_vocabularies(n_columns: int) -> list[Vocabulary]:
    """One for each column."""
    return [Vocabulary() for _ in range(n_columns)]


def read_rows(several: list[Vocabulary], rows: AuditRows, buckets: I64) -> None:
    """Show rows of either file to the vocabularies of all columns."""
    for vocabulary, values in zip(several, rows.categories, strict=True):
        if rows.side == "train":
            vocabulary.train(values)
        else:
            vocabulary.validation(values, buckets)
