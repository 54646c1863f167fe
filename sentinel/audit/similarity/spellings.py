"""Ways to write one id: normal forms, each coarser than the one before, and ids that are one character apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentinel.events.batch import I64, U64

MIXED_CASE: Final = 0.2
"""Share of ids that mix cases inside a word from which the case is part of the id (base 62) and kept."""
SHORTEST: Final = 8
"""Characters from which one that differs may be a typing error: most short ids have a neighbour."""
LONGEST: Final = 40
"""Bytes up to which ids are compared letter by letter: a UUID has 36."""
_FILTER_BITS: Final = 18  # of the few thousand hashes wanted, one in a hundred others passes by chance
_BASE: Final = np.uint64(0x9E3779B97F4A7C15)  # odd, so it has an inverse modulo 2^64


def normal_forms(ids: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    """The ids in normal forms, each made of the one before, with the rule in words.

    Parameters
    ----------
    ids : string array
        Distinct, of both files: what is a rule for all of them is decided on all of them.

    Examples
    --------
    >>> ids = pa.array(["user-9", " USER_9", "user-009", "9", "1-11", "11-1"], pa.large_string())
    >>> for rule, forms in normal_forms(ids):
    ...     print(rule.split(":")[0], len(set(forms.to_pylist())))
    case and spaces 6
    separators 5
    leading zeros 4
    prefix 3
    """
    trimmed = pc.utf8_trim_whitespace(ids)
    mixed = pc.match_substring_regex(trimmed, "[a-z][A-Z]|[a-z][0-9]+[A-Z]")
    keeps_case = bool(len(ids)) and pc.sum(mixed).as_py() > MIXED_CASE * len(ids)
    forms = trimmed if keeps_case else pc.utf8_lower(trimmed)
    yield "case and spaces: " + ("trim" if keeps_case else "trim and write in lower case"), forms
    forms = pc.replace_substring_regex(forms, r"[\s_\-./:#]+", "-")
    forms = pc.replace_substring_regex(forms, r"^-|-$", "")
    forms = pc.replace_substring_regex(forms, r"([A-Za-z])-([0-9])", r"\1\2")
    yield "separators: write them alike, and none between letters and digits", forms
    forms = pc.replace_substring_regex(forms, r"(^|[^0-9])0+([0-9])", r"\1\2")
    yield "leading zeros: drop them", forms
    prefixed = pc.match_substring_regex(forms, "^[A-Za-z]+[0-9]+$")
    prefixes = pc.unique(pc.replace_substring_regex(forms.filter(prefixed), "[0-9]+$", ""))
    if len(prefixes) == 1:  # two prefixes tell two kinds of entities apart
        bare = pc.replace_substring_regex(forms, "^[A-Za-z]+", "")
        yield "prefix: drop it", pc.if_else(prefixed, bare, forms)


def one_apart(wanted: pa.Array, among: pa.Array) -> I64:
    """For each id the place of one that is a single character away (another, one more or one less); -1 without.

    Parameters
    ----------
    wanted, among : string array
        Ids shorter than ``SHORTEST`` or longer than ``LONGEST`` bytes are passed over.

    Notes
    -----
    Ids are hashed as polynomials of their bytes, sum b_i r^i modulo 2^64; with one byte left out the hash follows from
    those of the parts before and after it (Karp & Rabin). Two ids of one length that agree without their i-th bytes
    differ there alone; one that agrees without a byte with the whole of another has one more. A chance agreement of
    two hashes has the odds of 2^-64.

    References
    ----------
    .. [1] Karp & Rabin (1987), Efficient randomized pattern-matching algorithms, IBM J. Res. Dev. 31:249-260.

    Examples
    --------
    >>> one_apart(pa.array(["4711-0815", "47110815x"]), pa.array(["4711-0816", "47110815", "47119815"])).tolist()
    [0, 1]
    """
    found = np.full(len(wanted), -1, np.int64)
    first, second = _Hashed(wanted), _Hashed(among)
    for at in range(LONGEST):
        one, other = first.without(at), second.without(at)
        if not len(one[0]) and not len(other[0]):
            break
        _match(*one[:2], second.places, second.whole, found)
        _match(first.places, first.whole, *other[:2], found)
        same_length = one[1] ^ (one[2] * _BASE), other[1] ^ (other[2] * _BASE)
        _match(one[0], same_length[0], other[0], same_length[1], found)
    return found


class _Hashed:
    """Polynomial hashes of some ids, whole and with a byte left out."""

    def __init__(self, ids: pa.Array) -> None:
        words = ids.cast(pa.large_binary())
        sizes = np.asarray(pc.binary_length(words), np.int64)
        self.places = np.flatnonzero((sizes >= SHORTEST) & (sizes <= LONGEST))
        self._sizes = sizes[self.places]
        chosen = words.take(pa.array(self.places)).to_pylist()
        self._width = int(self._sizes.max(initial=1))
        letters = np.array(chosen, dtype=f"S{self._width}").view(np.uint8).reshape(-1, self._width)
        inside = np.arange(self._width)[None, :] < self._sizes[:, None]
        powers = np.cumprod(np.full(self._width, _BASE, np.uint64), dtype=np.uint64)
        self._terms = np.where(inside, (letters + np.uint64(1)) * powers, np.uint64(0))
        self._before = np.cumsum(self._terms, axis=1, dtype=np.uint64) - self._terms
        self.whole: U64 = self._terms.sum(axis=1, dtype=np.uint64)
        self._inverse = np.uint64(pow(int(_BASE), -1, 1 << 64))

    def without(self, at: int) -> tuple[I64, U64, U64]:
        """Places of the ids that have a byte there, their hashes without it, and their lengths."""
        if at >= self._width:
            return self.places[:0], self.whole[:0], self.whole[:0]
        has = self._sizes > at
        after = (self.whole - self._before[:, at] - self._terms[:, at]) * self._inverse
        return self.places[has], (self._before[:, at] + after)[has], self._sizes[has].astype(np.uint64)


def _match(places: I64, hashes: U64, others: I64, other_hashes: U64, found: I64) -> None:
    """Note the place of an equal hash, in place."""
    if not len(hashes) or not len(other_hashes):
        return
    maybe = np.zeros(1 << _FILTER_BITS, np.bool_)
    maybe[hashes >> np.uint64(64 - _FILTER_BITS)] = True
    near = np.flatnonzero(maybe[other_hashes >> np.uint64(64 - _FILTER_BITS)])
    distinct, which = np.unique(hashes, return_inverse=True)
    at = np.minimum(np.searchsorted(distinct, other_hashes[near]), len(distinct) - 1)
    equal = distinct[at] == other_hashes[near]
    place_of = np.full(len(distinct), -1, np.int64)
    place_of[at[equal]] = others[near[equal]]
    hit = place_of[which] >= 0
    found[places[hit]] = place_of[which][hit]
