"""The categories of each column of the training rows, and how many validation rows hold others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from sentinel.audit.estimates.inflation import N_BUCKETS
from sentinel.audit.files.rows import MISSING_CATEGORY, AuditRows
from sentinel.events.batch import I64, U64, Bool
from sentinel.summaries.fingerprints import mix

MOST: Final = 1 << 15
"""Categories of a column that are remembered, a megabyte; a column with more is free text in disguise."""

_GREATEST: Final = np.uint64((1 << 64) - 1)


@dataclass(slots=True)
class Vocabulary:
    """What one column says in training, and what only in validation.

    Attributes
    ----------
    words : uint64, shape (n_words,), ascending
        Hashes of the categories of the training rows.
    n_rows : int64, shape (n_words,)
        Training rows of each.
    first, last : uint64, shape (n_words,)
        Least and greatest hash of the entities of these rows: equal where all are of one.
    new_words : uint64, ascending
        Of categories that only validation rows have.
    n_new : int64, shape (N_BUCKETS,)
        Validation rows that hold such a category, by bucket of entities.
    is_full : bool
        More than ``MOST`` categories came by: nothing is said of the column.
    """

    words: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    n_rows: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    first: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    last: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    new_words: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    n_new: I64 = field(default_factory=lambda: np.zeros(N_BUCKETS, np.int64))
    is_full: bool = False

    def train(self, values: U64, entities: U64) -> None:
        """Take in training rows, each with a hash of its entity, or of itself where it names none."""
        if self.is_full:
            return
        there = values != MISSING_CATEGORY
        entities = entities[there]
        words, at, counts = np.unique(values[there], return_inverse=True, return_counts=True)
        first, last = np.full(len(words), _GREATEST), np.zeros(len(words), np.uint64)
        np.minimum.at(first, at, entities)
        np.maximum.at(last, at, entities)
        self._add(words, counts.astype(np.int64), first, last)

    def add_train(self, other: Self) -> None:
        """Take in the training rows of another copy."""
        self.is_full |= other.is_full
        self._add(other.words, other.n_rows, other.first, other.last)

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

        By Good's estimate, with entities in the place of rows: the share of training rows whose category only their own
        entity has. That is what each entity would meet if it came anew.

        References
        ----------
        .. [1] Good (1953), The population frequencies of species, Biometrika 40:237-264.
        """
        total = int(self.n_rows.sum())
        return float(self._own().sum() / total) if total else 1.0

    @property
    def chance_variance(self) -> float:
        """Of that estimate: twice the sum of squares of the rows of such categories, and of one category more.

        Where each entity has one row that is 2 (n_1 + 1) / n^2, n_k being the categories that came k times. Robbins'
        bound is (n_1 + 2 n_2) / n^2: no more, where half as many came twice as came once, as heavy tails have it.

        References
        ----------
        .. [1] Robbins (1968), Estimating the total probability of the unobserved outcomes of an experiment, Annals of
           Mathematical Statistics 39:256-257.
        """
        total = int(self.n_rows.sum())
        own = self._own()
        more = float(own.mean()) if len(own) else 1.0
        return 2.0 * (float(np.square(own.astype(np.float64)).sum()) + more**2) / total**2 if total else 1.0

    def _own(self) -> I64:
        """Training rows of each category that only one entity has."""
        own: I64 = self.n_rows[self.first == self.last]
        return own

    def _find(self, values: U64) -> tuple[Bool, I64]:
        """Which of the values are known, and where."""
        if not len(self.words):
            return np.zeros(len(values), np.bool_), np.zeros(len(values), np.int64)
        at = np.minimum(np.searchsorted(self.words, values), len(self.words) - 1)
        return self.words[at] == values, at

    def _add(self, words: U64, counts: I64, first: U64, last: U64) -> None:
        if self.is_full or not len(words):
            return
        every, at = np.unique(np.concatenate([self.words, words]), return_inverse=True)
        n_rows, firsts, lasts = np.zeros(len(every), np.int64), np.full(len(every), _GREATEST), np.zeros_like(every)
        np.add.at(n_rows, at, np.concatenate([self.n_rows, counts]))
        np.minimum.at(firsts, at, np.concatenate([self.first, first]))
        np.maximum.at(lasts, at, np.concatenate([self.last, last]))
        self.words, self.n_rows, self.first, self.last = every, n_rows, firsts, lasts
        self.is_full = len(every) > MOST

    def _add_new(self, words: U64) -> None:
        self.new_words = np.union1d(self.new_words, words)[: MOST + 1]


def empty_vocabularies(n_columns: int) -> list[Vocabulary]:
    """One for each column."""
    return [Vocabulary() for _ in range(n_columns)]


def read_rows(several: list[Vocabulary], rows: AuditRows, buckets: I64) -> None:
    """Show rows of either file to the vocabularies of all columns."""
    entities = np.where(rows.groups == 0, mix(rows.numbers.astype(np.uint64)), rows.groups)
    for vocabulary, values in zip(several, rows.categories, strict=True):
        if rows.side == "train":
            vocabulary.train(values, entities)
        else:
            vocabulary.validation(values, buckets)
