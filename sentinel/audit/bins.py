"""Bins of features that both files are counted over: quantiles of the pooled sample, or its commonest categories."""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np

from sentinel.audit.rows import MISSING_CATEGORY
from sentinel.events.batch import F64, I64, U64

N_BINS: Final = 16
"""Bins of values; one more holds what is missing, and of categories one more all rare ones."""
MISSING: Final = N_BINS
REST: Final = N_BINS + 1
WIDTH: Final = N_BINS + 2
_MOST_SORTED: Final = 20_000
"""Values that the cuts are taken from: a quantile is then off by less than .4 % of the rows."""

_Values = TypeVar("_Values", F64, U64)


def cuts_of(values: F64) -> F64:
    """Inner edges between bins of about as many rows each, ascending, at most ``N_BINS - 1``.

    Where few values take most rows, each of them gets a bin of its own: edges lie at values, and a value belongs to
    the bin above its edge.
    """
    known = _thinned(values[np.isfinite(values)])
    if not len(known):
        return np.empty(0)
    cuts: F64 = np.unique(np.quantile(known, np.arange(1, N_BINS) / N_BINS, method="higher"))
    inner: F64 = cuts[cuts > known.min()]
    return inner


def bin_numbers(values: F64, cuts: F64) -> I64:
    """The bin of each value, shape (n,); what is no number is in ``MISSING``."""
    at: I64 = np.searchsorted(cuts, values, side="right")
    at[np.isnan(values)] = MISSING
    return at


def commonest(words: U64) -> U64:
    """The hashes of the commonest categories, ascending, at most ``N_BINS``."""
    known, counts = np.unique(_thinned(words[words != MISSING_CATEGORY]), return_counts=True)
    kept: U64 = np.sort(known[np.lexsort((known, -counts))[:N_BINS]])
    return kept


def bin_words(words: U64, kept: U64) -> I64:
    """The bin of each category, shape (n,); rare ones are in ``REST``."""
    if not len(kept):
        return np.where(words == MISSING_CATEGORY, MISSING, REST)
    at = np.minimum(np.searchsorted(kept, words), len(kept) - 1)
    binned: I64 = np.where(kept[at] == words, at, np.where(words == MISSING_CATEGORY, MISSING, REST))
    return binned


def _thinned(values: _Values) -> _Values:
    """Every k-th value: rows of a sample that keeps the order of the file are spread evenly over it."""
    return values[:: max(-(-len(values) // _MOST_SORTED), 1)]
