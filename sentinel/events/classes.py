"""Classes of a multiclass task: their codes, their probabilities, and the one class that each row is asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import xxhash

from sentinel.events.batch import F64, I64, U64, Bool

SUM_TOLERANCE: Final = 1e-3
"""Probabilities that sum to 1 within this are divided by their sum; others are no probabilities."""
CODE_MASK: Final = (1 << 52) - 1
"""Of a hash, as many bits as a float64 holds exactly as a whole number."""


def class_code(name: str) -> float:
    """A whole number that stands for a class wherever an outcome is a number, the same for every model version.

    Two of 32 classes share one with probability 1e-13.

    Examples
    --------
    >>> class_code("cat") == class_code("cat") != class_code("dog")
    True
    """
    return float(xxhash.xxh3_64_intdigest(name.encode()) & CODE_MASK)


def normalised(probabilities: F64) -> tuple[F64, Bool]:
    """Probabilities that sum to 1, and which rows had such.

    Parameters
    ----------
    probabilities : float64 array, shape (n, n_classes)

    Returns
    -------
    (float64 array, bool array)
        Rows that are refused hold equal probabilities.

    Examples
    --------
    >>> normalised(np.array([[0.5, 0.5004], [0.5, 0.9], [1.2, -0.2]]))[1].tolist()
    [True, False, False]
    """
    right: Bool = np.all(np.isfinite(probabilities) & (probabilities >= 0.0), axis=1)
    totals = np.where(right[:, None], probabilities, 0.0).sum(axis=1)
    right &= np.abs(totals - 1.0) <= SUM_TOLERANCE
    even = 1.0 / max(probabilities.shape[1], 1)
    return np.where(right[:, None], probabilities / np.where(right, totals, 1.0)[:, None], even), right


def asked_classes(probabilities: F64, keys: U64) -> I64:
    """The class that each row is asked about: its likeliest, or its second likeliest, by a bit of its key.

    So every row is one question of yes or no whose answer a good model knows, about half of them with a yes.

    Parameters
    ----------
    probabilities : float64 array, shape (n, n_classes), n_classes >= 2
    keys : uint64 array, shape (n,)

    Returns
    -------
    int64 array, shape (n,)
    """
    second = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
    bit = ((keys >> np.uint64(17)) & np.uint64(1)).astype(np.int64)
    chosen: I64 = second[np.arange(len(keys)), bit]
    return chosen


def read_probabilities(scores: Sequence[Mapping[str, float]], classes: Sequence[str]) -> tuple[F64, Bool]:
    """Probabilities by class, and which rows name classes of these alone.

    A class that a row leaves out has probability 0.

    Parameters
    ----------
    scores : sequence of mapping of class to probability, length n
    classes : sequence of str

    Returns
    -------
    (float64 array of shape (n, n_classes), bool array of shape (n,))
    """
    table = np.array([[row.get(name, 0.0) for name in classes] for row in scores], np.float64)
    named = set(classes)
    known = np.fromiter((named.issuperset(row) for row in scores), np.bool_, len(scores))
    return table.reshape(len(scores), len(classes)), known
