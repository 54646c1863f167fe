"""A secret key in the hashes of ids, so that nobody without it can try whether an id is among them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from sentinel.events.batch import U64

_KEY_BYTES: Final = 16
_INITIAL: Final = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_LENGTH: Final = np.uint64(8 << 56)
"""The last block of a message of 8 bytes: its length."""
_FINAL: Final = np.uint64(0xFF)


@dataclass(frozen=True, slots=True)
class HashKey:
    """The key, and what may be shown of it.

    Attributes
    ----------
    fingerprint : str
        16 hexadecimal digits that tell keys apart and give none away.
    letters : bytes
        For hashes of refused events.
    """

    fingerprint: str
    letters: bytes = field(repr=False)
    _halves: tuple[int, int] = field(repr=False)

    @classmethod
    def from_text(cls, text: str) -> HashKey:
        """Derive everything from one secret.

        Parameters
        ----------
        text : str
            Drawn at random, long enough not to be guessed.

        Examples
        --------
        >>> HashKey.from_text("0" * 32).fingerprint == HashKey.from_text("0" * 32).fingerprint
        True
        """
        halves = np.frombuffer(_derived(text, b"ids"), "<u8").tolist()
        return cls(_derived(text, b"fingerprint")[:8].hex(), _derived(text, b"dead letters"), (halves[0], halves[1]))

    def keyed(self, hashes: U64) -> U64:
        """SipHash-2-4 of 64-bit numbers, a column at a time.

        Parameters
        ----------
        hashes : uint64 array, shape (n,)

        Returns
        -------
        uint64 array, shape (n,)

        Notes
        -----
        A number is the message of its 8 bytes in little-endian order. Measured: 0.2 to 0.4 us a number, where BLAKE2b
        of the text takes 0.9 us.

        References
        ----------
        .. [1] Aumasson & Bernstein (2012), INDOCRYPT, "SipHash: a fast short-input PRF".
        """
        k0, k1 = (np.uint64(half) for half in self._halves)
        v0, v1, v2 = (np.full(hashes.shape, k ^ np.uint64(i)) for k, i in zip((k0, k1, k0), _INITIAL[:3], strict=True))
        v3 = (k1 ^ np.uint64(_INITIAL[3])) ^ hashes
        state = (v0, v1, v2, v3, np.empty_like(hashes))
        _rounds(state, 2)
        v0 ^= hashes
        v3 ^= _LENGTH
        _rounds(state, 2)
        v0 ^= _LENGTH
        v2 ^= _FINAL
        _rounds(state, 4)
        keyed: U64 = v0 ^ v1 ^ v2 ^ v3
        return keyed


def _derived(text: str, purpose: bytes) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_KEY_BYTES, person=purpose).digest()


def _rounds(state: tuple[U64, U64, U64, U64, U64], n: int) -> None:
    v0, v1, v2, v3, spare = state
    for _ in range(n):
        v0 += v1
        _rotate(v1, 13, spare)
        v1 ^= v0
        _rotate(v0, 32, spare)
        v2 += v3
        _rotate(v3, 16, spare)
        v3 ^= v2
        v0 += v3
        _rotate(v3, 21, spare)
        v3 ^= v0
        v2 += v1
        _rotate(v1, 17, spare)
        v1 ^= v2
        _rotate(v2, 32, spare)


def _rotate(values: U64, bits: int, spare: U64) -> None:
    np.right_shift(values, np.uint64(64 - bits), out=spare)
    np.left_shift(values, np.uint64(bits), out=values)
    np.bitwise_or(values, spare, out=values)
