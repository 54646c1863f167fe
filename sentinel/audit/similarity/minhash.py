"""Sketches of sets: how alike two sets are, and which of many may be alike at all, from a few numbers of each."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from sentinel.events.batch import F64, I64, U64
from sentinel.summaries.fingerprints import mix

Sketches = npt.NDArray[np.uint32]
"""Shape (n_sets, n_slots): of each set the least hash in each slot."""
EMPTY: Final = np.uint32(0xFFFFFFFF)
"""In every slot of the empty set."""
_AT_ONCE: Final = 1 << 20
"""Tokens hashed at a time: the arrays of so many stay near the cache."""
_HALF: Final = np.uint64(32)
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)


def sketch_sets(values: U64, offsets: I64, n_slots: int, *, seed: int = 1) -> Sketches:
    """Sketch many sets by one permutation each, empty slots filled from others.

    Parameters
    ----------
    values : uint64, shape (n_tokens,)
        Hashes of the tokens of all sets, one set after the other; a token may be there twice.
    offsets : int64, shape (n_sets + 1,)
        Where each set begins, and at last where the last one ends.
    n_slots : int, > 0
    seed : int
        Other sketches of the same sets; only those of one seed can be compared.

    Returns
    -------
    uint32, shape (n_sets, n_slots)

    Notes
    -----
    O(n_tokens + n_sets n_slots), where MinHash of as many permutations [1]_ takes O(n_tokens n_slots). The share of
    equal slots estimates the Jaccard index J without bias; its variance is near J (1 - J) / n_slots where sets have
    more tokens than there are slots, and near J (1 - J) / n_tokens where they have fewer.

    References
    ----------
    .. [1] Broder (1997), On the resemblance and containment of documents, SEQUENCES '97.
    .. [2] Li, Owen & Zhang (2012), One permutation hashing, NIPS 25.
    .. [3] Shrivastava (2017), Optimal densification for fast and accurate minwise hashing, ICML 34: an empty slot
       takes what stands in a slot drawn by a hash of (slot, attempt), the same for all sets.

    Examples
    --------
    >>> tokens = np.array([1, 2, 3, 4, 4, 3, 2, 1], np.uint64)
    >>> first, second = sketch_sets(tokens, np.array([0, 4, 8]), 16)
    >>> bool((first == second).all())
    True
    """
    n = len(offsets) - 1
    sketches = np.full((n, n_slots), EMPTY, np.uint32)
    begin = 0
    while begin < n:
        end = max(int(np.searchsorted(offsets, offsets[begin] + _AT_ONCE, side="right")) - 1, begin + 1)
        _sketch(values[offsets[begin] : offsets[end]], np.diff(offsets[begin : end + 1]), sketches[begin:end], seed)
        begin = end
    return sketches


def _sketch(values: U64, lengths: I64, sketches: Sketches, seed: int) -> None:
    n_slots = sketches.shape[1]
    hashes = mix(values ^ mix(np.array([seed], np.uint64)))
    slots = ((hashes >> _HALF) * np.uint64(n_slots)) >> _HALF
    cells = np.repeat(np.arange(len(lengths)) * n_slots, lengths) + slots.astype(np.int64)
    least = np.minimum(hashes.astype(np.uint32), EMPTY - np.uint32(1))
    np.minimum.at(sketches.reshape(-1), cells, least)
    _fill(sketches)


def _fill(sketches: Sketches) -> None:
    """Fill what is empty; the empty set stays so."""
    n_slots = sketches.shape[1]
    own = sketches.copy()
    rows, slots = np.nonzero((own == EMPTY) & (own != EMPTY).any(axis=1)[:, None])
    attempt = np.uint64(0)
    while len(rows):
        attempt += np.uint64(1)
        drawn = mix((np.arange(n_slots, dtype=np.uint64) << _HALF) ^ attempt) % np.uint64(n_slots)
        borrowed = own[rows, drawn.astype(np.int64)[slots]]
        sketches[rows, slots] = borrowed
        left = borrowed == EMPTY
        rows, slots = rows[left], slots[left]


def band_keys(sketches: Sketches, n_bands: int) -> U64:
    """A number for each band of slots: sets with an equal number in any band are candidates.

    Parameters
    ----------
    sketches : uint32, shape (n_sets, n_slots)
    n_bands : int
        Divides ``n_slots`` into bands of r slots; sets of Jaccard index J meet with probability
        1 - (1 - J^r)^n_bands.

    Returns
    -------
    uint64, shape (n_bands, n_sets)

    Raises
    ------
    ValueError
        If the slots cannot be divided so.

    References
    ----------
    .. [1] Leskovec, Rajaraman & Ullman (2014), Mining of Massive Datasets, section 3.4.
    """
    n, n_slots = sketches.shape
    if n_slots % n_bands:
        raise ValueError(f"{n_slots} slots cannot be divided into {n_bands} bands")
    width = n_slots // n_bands
    keys = np.zeros((n_bands, n), np.uint64)
    for slot in range(width):
        keys = mix((keys + _STEP) ^ sketches[:, slot::width].T.astype(np.uint64))
    return keys


def agreement(left: Sketches, right: Sketches) -> F64:
    """Share of equal slots of each pair, shape (n,): the Jaccard index as the sketches tell it."""
    share: F64 = (left == right).mean(axis=1)
    return share
