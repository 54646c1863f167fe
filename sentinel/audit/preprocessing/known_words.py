"""Which of the words that an encoder or a vectoriser knows are in a column of one file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentinel.events.batch import I64
from sentinel.events.codecs.arrow_columns import category_names, is_text
from sentinel.events.schema import category

_TOKEN: Final = re.compile(r"\b\w\w+\b")
"""What scikit-learn's vectorisers take for a token unless they are told otherwise."""


class KnownCategories:
    """Counts rows of each known category, and rows of another.

    Parameters
    ----------
    words : iterable
        As the manifest states them; null and NaN, which some encoders list, are no category.
    """

    def __init__(self, words: Iterable[Any]) -> None:
        stated = (category(word) for word in words if word == word)
        self.words = tuple(dict.fromkeys(word for word in stated if word is not None))
        self._index = {word: i for i, word in enumerate(self.words)}
        self.n_rows: I64 = np.zeros(len(self.words), np.int64)
        self.n_others = 0

    def places(self, column: pa.Array) -> I64:
        """Of each row the number of its word, that of all words where it has another, one more where it has none."""
        n, named = len(self.words), category_names(column)
        if named is None:
            return np.full(len(column), n + 1, np.int64)
        table = [n + 1 if word is None else self._index.get(word, n) for word in named[1]]
        result: I64 = np.array([*table, n + 1], np.int64)[named[0]]
        return result

    def add(self, column: pa.Array) -> None:
        """Take in rows."""
        n = len(self.words)
        counts = np.bincount(self.places(column), minlength=n + 2)
        self.n_rows += counts[:n]
        self.n_others += int(counts[n])

    def merge(self, other: Self) -> None:
        """Take in the rows of another of the same words."""
        self.n_rows += other.n_rows
        self.n_others += other.n_others


class KnownTokens:
    """Tells which tokens occur at all; those of several words are not looked up.

    Parameters
    ----------
    words : iterable
        A vocabulary. Texts are folded to lower case where all of it is.
    """

    def __init__(self, words: Iterable[Any]) -> None:
        stated = [str(word) for word in words]
        self.words = tuple(dict.fromkeys(word for word in stated if _TOKEN.fullmatch(word)))
        self.n_passed_over = len(set(stated)) - len(self.words)
        self._index = {word: i for i, word in enumerate(self.words)}
        self._folds = all(word == word.lower() for word in self.words)
        self.n_rows: I64 = np.zeros(len(self.words), np.int64)
        """1 where the token occurs."""

    def add(self, column: pa.Array) -> None:
        """Take in rows."""
        if not is_text(column.type):
            return
        text = "\n".join(pc.drop_null(column).to_pylist())
        tokens = set(_TOKEN.findall(text.lower() if self._folds else text))
        self.n_rows[[self._index[token] for token in tokens & self._index.keys()]] = 1

    def merge(self, other: Self) -> None:
        """Take in the rows of another of the same words."""
        self.n_rows = np.maximum(self.n_rows, other.n_rows)
