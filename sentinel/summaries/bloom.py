"""Bloom filters: whether a row or an entity was seen in training, at ten bits each and without keeping it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentinel.errors import LayoutMismatchError
from sentinel.events.batch import U64, Bool
from sentinel.summaries.fingerprints import mix

BITS_PER_KEY = 10
N_HASHES = 7
"""With ten bits a key, seven hashes are the optimum (10 ln 2): .8 % false positives."""
_SMALLEST_BYTES = 1 << 10
_LARGEST_BYTES = 1 << 28  # 256 MiB: 215 million keys; more of them raise the false positives, and that is reported
_CHUNK = 1 << 16
_FIRST_HASHES = 3  # half of the bits are set: seven of eight strangers end here
_LOW_HALF = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class BloomFilter:
    """A set of 64-bit keys that never forgets one and sometimes claims one too many.

    Parameters
    ----------
    bits : uint8 array, shape (n_bytes,)
    salt : int, 64 bits
        Mixed into every key, so that two filters do not err on the same keys.
    """

    bits: npt.NDArray[np.uint8]
    salt: int

    @classmethod
    def sized_for(cls, n_keys: int, salt: int) -> BloomFilter:
        """An empty filter with room for so many keys."""
        n_bytes = max(_SMALLEST_BYTES, -(-n_keys * BITS_PER_KEY // 8))
        return cls(np.zeros(min(n_bytes, _LARGEST_BYTES), np.uint8), salt)

    def add(self, keys: U64) -> None:
        """Put keys in."""
        for start in range(0, len(keys), _CHUNK):
            positions = self._positions(*self._halves(keys[start : start + _CHUNK]), range(N_HASHES))
            np.bitwise_or.at(self.bits, (positions >> 3).reshape(-1), _mask(positions).reshape(-1))

    def contains(self, keys: U64) -> Bool:
        """Tell for each key whether it may be in; False is certain.

        Returns
        -------
        bool array, shape (n,)
        """
        found = np.empty(len(keys), np.bool_)
        for start in range(0, len(keys), _CHUNK):
            found[start : start + _CHUNK] = self._contains(keys[start : start + _CHUNK])
        return found

    def merge(self, other: BloomFilter) -> BloomFilter:
        """Return the filter of both sets.

        Raises
        ------
        LayoutMismatchError
            If size or salt differ.
        """
        if len(self.bits) != len(other.bits) or self.salt != other.salt:
            raise LayoutMismatchError("two Bloom filters of different size or salt cannot be united")
        return BloomFilter(self.bits | other.bits, self.salt)

    def false_positive_ratio(self) -> float:
        """Chance that a key never put in is claimed to be in: (share of bits set) ^ hashes."""
        share = float(np.bitwise_count(self.bits).sum(dtype=np.int64)) / (8 * len(self.bits))
        return float(share**N_HASHES)

    def _contains(self, keys: U64) -> Bool:
        """Ask with a few hashes first: most strangers end there."""
        first, step = self._halves(keys)
        found = self._all_set(first, step, range(_FIRST_HASHES))
        rest = np.flatnonzero(found)
        if len(rest):
            found[rest] = self._all_set(first[rest], step[rest], range(_FIRST_HASHES, N_HASHES))
        return found

    def _all_set(self, first: U64, step: U64, rounds: range) -> Bool:
        positions = self._positions(first, step, rounds)
        found: Bool = ((self.bits[positions >> 3] & _mask(positions)) != 0).all(axis=0)
        return found

    def _halves(self, keys: U64) -> tuple[U64, U64]:
        """Start and step of double hashing: both halves of the salted, mixed key."""
        mixed = mix(keys ^ np.uint64(self.salt))
        return mixed & _LOW_HALF, (mixed >> np.uint64(32)) | np.uint64(1)

    def _positions(self, first: U64, step: U64, rounds: range) -> npt.NDArray[np.int64]:
        """Bit positions, shape (len(rounds), n): 32 bits scaled to the size by multiplication, not by division [1]_.

        References
        ----------
        .. [1] Lemire (2019), Fast random integer generation in an interval, ACM TOMACS 29(1).
        """
        numbers = np.array(rounds, np.uint64)[:, None]
        hashes = (first + numbers * step) & _LOW_HALF
        hashes *= np.uint64(8 * len(self.bits))
        hashes >>= np.uint64(32)
        return hashes.view(np.int64)


def _mask(positions: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    return np.left_shift(np.uint8(1), (positions & 7).astype(np.uint8))
