"""A hash index in memory from 64-bit keys to places, worked a batch at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sentinel.pipeline.store.protocol import I64Array, U64Array

U32Array = npt.NDArray[np.uint32]

ABSENT = -1
MAX_PLACES = 2**32 - 2
_EMPTY = np.uint32(2**32 - 1)  # never used: a search ends here
_REMOVED = np.uint32(2**32 - 2)  # used once: a search goes on, an insert may take it
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio
_MIN_BITS = 10
_MAX_USED = 0.70  # a miss then takes about 3 probes
_GROW_TO = 0.62  # room left after a rebuild, so that rebuilds stay rare
_REBUILD_STEP = 1 << 16  # keys put back at a time, to keep temporaries small


class KeyIndex:
    """Open addressing with triangular probing; 12 bytes a slot, 17 to 39 bytes a key.

    Every method costs a few numpy passes over a shrinking set of unsettled keys, so batches of 1000
    keys and more are cheap and single keys are not. Doubling or sweeping out removed slots takes about
    0.1 s a million keys, once in about as many inserts.

    Multiplicative hashing follows Knuth, The Art of Computer Programming 3, section 6.4. Triangular
    steps 1, 2, 3, ... visit every slot of a table whose size is a power of two.

    Examples
    --------
    >>> index = KeyIndex()
    >>> index.insert(np.array([7, 9], np.uint64), np.array([0, 1]))
    >>> index.find(np.array([9, 8], np.uint64))[0].tolist()
    [1, -1]
    """

    def __init__(self, n_keys: int = 0) -> None:
        self._allocate(_bits_for(n_keys))

    def __len__(self) -> int:
        """Keys held."""
        return self._n_keys

    @property
    def memory_bytes(self) -> int:
        """Bytes of the table."""
        return self._keys.nbytes + self._places.nbytes

    def find(self, keys: U64Array) -> tuple[I64Array, I64Array]:
        """Find the place of each key, and the slot it was found in.

        Parameters
        ----------
        keys : uint64 array, shape (n,)
            May repeat.

        Returns
        -------
        places : int64 array, shape (n,)
            -1 where the key is absent.
        slots : int64 array, shape (n,)
            For `move` and `remove`; valid until the next insert.
        """
        slots = self._home(keys)
        places = np.full(len(keys), ABSENT, np.int64)
        open_ = np.arange(len(keys))
        at = slots
        for step in range(1, len(self._places) + 1):
            there = self._places[at]
            hit = (self._keys[at] == keys[open_]) & (there < _REMOVED)
            places[open_[hit]] = there[hit]
            slots[open_[hit]] = at[hit]
            on = ~hit & (there != _EMPTY)
            open_ = open_[on]
            if not len(open_):
                break
            at = (at[on] + step) & self._mask
        return places, slots

    def insert(self, keys: U64Array, places: I64Array) -> None:
        """Add keys that are absent and unique, each with a place that no other key has."""
        if self._n_used + len(keys) > _MAX_USED * len(self._places):
            self._rebuild(len(keys))
        at, wanted = self._home(keys), places.astype(np.uint32)
        for step in range(1, len(self._places) + 1):
            free = self._places[at] >= _REMOVED
            was_empty = self._places[at] == _EMPTY
            self._places[at[free]] = wanted[free]  # of several that want one slot the last wins
            won = free & (self._places[at] == wanted)
            self._keys[at[won]] = keys[won]
            self._n_used += int(np.count_nonzero(won & was_empty))
            on = ~won
            keys, wanted, at = keys[on], wanted[on], (at[on] + step) & self._mask
            if not len(keys):
                break
        self._n_keys += len(places)

    def move(self, slots: I64Array, places: I64Array) -> None:
        """Give the keys in these slots new places."""
        self._places[slots] = places

    def remove(self, slots: I64Array) -> None:
        """Drop the keys in these slots."""
        self._places[slots] = _REMOVED
        self._n_keys -= len(slots)

    def _home(self, keys: U64Array) -> I64Array:
        return ((keys * _MULTIPLIER) >> self._shift).astype(np.int64)

    def _allocate(self, bits: int) -> None:
        self._keys: U64Array = np.zeros(1 << bits, np.uint64)
        self._places: U32Array = np.full(1 << bits, _EMPTY, np.uint32)
        self._shift = np.uint64(64 - bits)
        self._mask = (1 << bits) - 1
        self._n_keys = 0
        self._n_used = 0

    def _rebuild(self, n_more: int) -> None:
        old_keys, old_places = self._keys, self._places
        self._allocate(_bits_for(len(self) + n_more))
        for start in range(0, len(old_keys), _REBUILD_STEP):
            held = np.flatnonzero(old_places[start : start + _REBUILD_STEP] < _REMOVED) + start
            self.insert(old_keys[held], old_places[held].astype(np.int64))


def _bits_for(n_keys: int) -> int:
    return max(_MIN_BITS, int(np.ceil(np.log2(max(n_keys, 1) / _GROW_TO))))
