"""Texts as sets of hashed shingles: every five characters in a row, whatever the case and the white space."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sentinel.events.batch import F64, I64, U64
from sentinel.summaries.fingerprints import mix

LENGTH: Final = 5
"""Characters of a shingle: about a word; three are shared by all texts of a language, nine break at each edit."""
MOST_CHARACTERS: Final = 4_000
"""Characters of a text that are looked at, the first ones: two pages; it bounds time and memory."""
_AT_ONCE: Final = 500
"""Texts taken apart at a time: 2 million characters at most, some 50 bytes each on the way."""
_TOKEN_BITS: Final = np.uint64(52)
_TOKEN_MASK: Final = np.uint64((1 << 52) - 1)
_PAIRS_AT_ONCE: Final = 1 << 12
_Codes = npt.NDArray[np.uint32]
_BREAK: Final = "\0" * (LENGTH - 1)
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)
_SPACES: Final = np.array(
    [*range(0x1, 0x21), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200C), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF],
    np.uint32,
)


def shingle_sets(texts: pa.Array) -> Iterator[tuple[U64, I64]]:
    """Take texts apart, some at a time.

    Parameters
    ----------
    texts : Array of strings
        Null ones are empty.

    Yields
    ------
    values : uint64, shape (n_shingles,)
        Hashes; a shingle may come twice in a text.
    offsets : int64, shape (n_texts + 1,)
        Where each text begins and the last one ends. A text has as many shingles as it has characters, the last ones
        running into its end.

    Examples
    --------
    >>> [(values, offsets)] = shingle_sets(pa.array(["Some  Words", " some words", "other", None]))
    >>> offsets.tolist(), bool((values[:10] == values[10:20]).all())
    ([0, 10, 20, 25, 25], True)
    """
    for begin in range(0, len(texts), _AT_ONCE):
        yield _shingles(texts.slice(begin, _AT_ONCE))


def all_shingles(texts: pa.Array) -> tuple[U64, I64]:
    """The same of not too many texts, at once."""
    parts = list(shingle_sets(texts))
    if not parts:
        return np.empty(0, np.uint64), np.zeros(1, np.int64)
    lengths = np.concatenate([np.diff(offsets) for _, offsets in parts])
    return np.concatenate([values for values, _ in parts]), np.concatenate([[0], np.cumsum(lengths)])


def jaccard_indices(values: U64, offsets: I64, left: I64, right: I64) -> F64:
    """The exact Jaccard index of each pair of sets: shared tokens over tokens of either.

    Parameters
    ----------
    values, offsets
        As of :func:`shingle_sets`.
    left, right : int64, shape (n_pairs,)
        Which sets to compare.

    Returns
    -------
    float64, shape (n_pairs,), 0..1
        0 where both are empty.

    Examples
    --------
    >>> jaccard_indices(np.array([1, 2, 2, 3, 2, 3, 4], np.uint64), np.array([0, 4, 7]), np.array([0]), np.array([1]))
    array([0.5])
    """
    owners = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order = np.lexsort((values, owners))
    owners, tokens = owners[order], values[order]
    once = np.ones(len(tokens), np.bool_)
    once[1:] = (owners[1:] != owners[:-1]) | (tokens[1:] != tokens[:-1])
    sizes = np.bincount(owners[once], minlength=len(offsets) - 1)
    result = np.zeros(len(left))
    for begin in range(0, len(left), _PAIRS_AT_ONCE):
        part = slice(begin, begin + _PAIRS_AT_ONCE)
        result[part] = _jaccard(tokens[once], sizes, left[part], right[part])
    return result


def _jaccard(tokens: U64, sizes: I64, left: I64, right: I64) -> F64:
    """The index of pairs of sets that hold each token once."""
    sets = np.concatenate([left, right])
    pairs = np.tile(np.arange(len(left), dtype=np.uint64), 2)
    lengths = sizes[sets]
    firsts = (np.cumsum(sizes) - sizes)[sets] - (np.cumsum(lengths) - lengths)
    at = np.repeat(firsts, lengths) + np.arange(lengths.sum())
    # one number for pair and token: two tokens of a pair agree in 52 bits once in 10^10 pairs
    keys = np.sort((np.repeat(pairs, lengths) << _TOKEN_BITS) | (tokens[at] & _TOKEN_MASK))
    shared = np.bincount((keys[1:][keys[1:] == keys[:-1]] >> _TOKEN_BITS).astype(np.int64), minlength=len(left))
    index: F64 = shared / np.maximum(sizes[left] + sizes[right] - shared, 1)
    return index


def _shingles(texts: pa.Array) -> tuple[U64, I64]:
    cut = pc.utf8_slice_codeunits(texts.cast(pa.large_string()).fill_null(""), 0, MOST_CHARACTERS)
    words: list[str] = pc.replace_substring(cut, "\0", " ").to_pylist()
    folded = _BREAK.join([*words, ""]).casefold()
    codes = _spaced(np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), np.uint32))
    breaks = np.flatnonzero(codes == 0).reshape(-1, LENGTH - 1)
    ends = breaks[:, 0]
    begins = np.concatenate([[0], breaks[:-1, -1] + 1]) if len(breaks) else np.empty(0, np.int64)
    padded = codes.astype(np.uint64)
    n = len(codes) - (LENGTH - 1)
    hashes = np.zeros(max(n, 0), np.uint64)
    for shift in range(LENGTH):
        hashes *= _FACTOR
        hashes += padded[shift : shift + n]
    inside = np.zeros(len(codes) + 1, np.int8)
    np.add.at(inside, begins, 1)
    np.add.at(inside, ends, -1)
    kept = np.cumsum(inside[:n], dtype=np.int8).astype(np.bool_)
    return mix(hashes[kept]), np.concatenate([[0], np.cumsum(ends - begins)])


def _spaced(codes: _Codes) -> _Codes:
    """White space as one blank, and none at the ends of a text."""
    blank = np.isin(codes, _SPACES, kind="table")
    codes = np.where(blank, np.uint32(0x20), codes)
    after = np.concatenate([[True], blank[:-1] | (codes[:-1] == 0)])
    codes = codes[~(blank & after)]
    last = np.concatenate([codes[1:] == 0, [False]])
    trimmed: _Codes = codes[~((codes == 0x20) & last)]
    return trimmed
