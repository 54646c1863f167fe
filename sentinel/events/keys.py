"""Stable 64-bit keys of prediction ids and entities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat

import numpy as np
import xxhash

from sentinel.events.batch import U64

_GROUP_SEED = 0x67726F7570


def model_seed(model: str) -> int:
    """Seed that keeps equal prediction ids of two models apart."""
    return xxhash.xxh3_64_intdigest(model.encode())


def prediction_keys(ids: Iterable[str], seed: int, n: int) -> U64:
    """Hash prediction ids with XXH3-64.

    Two of n ids that are held at once collide with probability about n^2 / 2^65: 3e-6 for ten million.

    Parameters
    ----------
    ids : iterable of str, length n
    seed : int
        :func:`model_seed` of the model.

    Returns
    -------
    uint64 array, shape (n,)
    """
    return np.fromiter(map(xxhash.xxh3_64_intdigest, map(str.encode, ids), repeat(seed)), np.uint64, n)


def group_keys(groups: Sequence[str | None], n: int) -> U64:
    """Hash entity names; 0 stands for none (an absent, null or empty name).

    Returns
    -------
    uint64 array, shape (n,)
    """
    names = [group.encode() if group else b"" for group in groups]
    keys = np.fromiter(map(xxhash.xxh3_64_intdigest, names, repeat(_GROUP_SEED)), np.uint64, n) | np.uint64(1)
    if not all(names):
        keys[[not name for name in names]] = 0
    return keys
