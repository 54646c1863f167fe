"""Row fingerprints: one 64-bit number that says whether two rows hold the same inputs."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import xxhash

from sentinel.events.batch import F64, I32, U64, Predictions
from sentinel.events.schema import Column, EventSchema

SIGNIFICANT_DIGITS = 6
"""Numbers that agree to six digits are the same: what survives float32, text and a change of engine."""

_MIN_EXPONENT = -300  # smaller numbers count as zero: their scale would leave the range of a double
_EXPONENT_BITS, _MANTISSA_BITS = 11, 52
_N_EXPONENTS = 1 << _EXPONENT_BITS
_NOT_A_NUMBER = np.uint64(0x7FF8000000000000)
_FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
"""Of `mix`."""
_CHUNK = 1 << 14
"""Values hashed at a time: a few arrays of so many fit the cache."""


def mix(values: U64) -> U64:
    """Scramble 64 bits so that each input bit moves about half of the output bits.

    Parameters
    ----------
    values : uint64 array

    Returns
    -------
    uint64 array

    References
    ----------
    .. [1] Steele, Lea & Flood (2014), OOPSLA, "Fast splittable pseudorandom number generators": the finaliser
       mix64 with Stafford's variant 13 constants.
    """
    z = values ^ (values >> np.uint64(30))
    z = z * _FACTORS[0]
    z ^= z >> np.uint64(27)
    z *= _FACTORS[1]
    z ^= z >> np.uint64(31)
    return z


def row_fingerprints(predictions: Predictions) -> U64:
    """Fingerprint the inputs of predictions; id, time, entity, score and outcome do not enter.

    Returns
    -------
    uint64 array, shape (n,)
        Equal where all numbers agree to six digits and all categories are equal.
    """
    return fingerprint_columns(predictions.schema, predictions.numeric, predictions.categorical)


def fingerprint_columns(schema: EventSchema, numeric: F64, categorical: I32) -> U64:
    """Fingerprint decoded columns.

    Parameters
    ----------
    schema : EventSchema
    numeric : float64, shape (n_numeric, n)
    categorical : int32, shape (n_categorical, n)

    Returns
    -------
    uint64 array, shape (n,)

    Notes
    -----
    The sum over columns of mixed (column, value) pairs: the order of the columns does not matter. Two different rows
    share a fingerprint with probability 2^-64, except where they differ only in categories that the vocabulary
    does not hold.
    """
    return fingerprint_values(_names(schema.numeric), numeric, _names(schema.categorical), categorical)


def fingerprint_values(
    numeric_names: tuple[str, ...],
    numeric: F64,
    word_names: tuple[str, ...],
    words: npt.NDArray[np.int32] | U64,
) -> U64:
    """Fingerprint rows of named columns, as :func:`fingerprint_columns` does.

    Parameters
    ----------
    numeric_names : tuple of str, length n_numeric
    numeric : float64, shape (n_numeric, n)
    word_names : tuple of str, length n_words
    words : int32 or uint64, shape (n_words, n)
        Codes, or hashes, that say which values are the same.
    """
    n = numeric.shape[1] if len(numeric) else words.shape[1]
    total = np.zeros(n, np.uint64)
    step = max(_CHUNK // max(len(numeric), len(words), 1), 1)
    for start in range(0, n, step):
        part = slice(start, start + step)
        if len(numeric):
            total[part] += _sum_mixed(_six_digits(numeric[:, part]), _seeds(numeric_names))
        if len(words):
            codes = words[:, part].astype(np.int64 if words.dtype == np.int32 else np.uint64).view(np.uint64)
            total[part] += _sum_mixed(codes, _seeds(word_names))
    return mix(total)


@lru_cache(maxsize=64)
def _names(columns: tuple[Column, ...]) -> tuple[str, ...]:
    return tuple(column.name for column in columns)


@lru_cache(maxsize=64)
def _seeds(names: tuple[str, ...]) -> U64:
    """A number for each column, by its name; shape (n_columns, 1)."""
    return np.array([[xxhash.xxh3_64_intdigest(name.encode())] for name in names], np.uint64)


def _sum_mixed(values: U64, seeds: U64) -> U64:
    """The sum over rows of :func:`mix` of (value, row's seed); ``values`` is used up."""
    values ^= seeds
    shifted = values >> np.uint64(30)
    values ^= shifted
    values *= _FACTORS[0]
    np.right_shift(values, np.uint64(27), out=shifted)
    values ^= shifted
    values *= _FACTORS[1]
    np.right_shift(values, np.uint64(31), out=shifted)
    values ^= shifted
    total: U64 = values.sum(axis=0, dtype=np.uint64)
    return total


def _decades() -> tuple[F64, F64]:
    """For each binary exponent: the power of ten inside its range, and the scales below and from it on.

    A double in [2^e, 2^(e+1)) has one of at most two decimal exponents, so a table and one comparison stand for a
    logarithm. Scales are 10^(5 - decimal exponent); 1 where a double is tiny, infinite or no number.
    """
    bounds = np.full(_N_EXPONENTS, np.inf)
    scales = np.ones(2 * _N_EXPONENTS)
    for biased in range(1, _N_EXPONENTS - 1):
        binary = biased - (_N_EXPONENTS // 2 - 1)
        decade = math.floor(binary * math.log10(2.0))
        if decade < _MIN_EXPONENT:
            continue
        power = float(f"1e{decade + 1}") if decade < 308 else math.inf
        bounds[biased] = power if binary < 1023 and power < 2.0 ** (binary + 1) else math.inf
        for above in (0, 1):
            scales[biased + above * _N_EXPONENTS] = float(f"1e{SIGNIFICANT_DIGITS - 1 - decade - above}")
    return bounds, scales


_BOUNDS, _SCALES = _decades()


def _six_digits(values: F64) -> U64:
    """Round to six significant digits; the bits of the double nearest to what is left."""
    bits: npt.NDArray[np.int64] = values.view(np.int64) >> _MANTISSA_BITS
    bits &= _N_EXPONENTS - 1
    over = np.abs(values) >= _BOUNDS[bits]
    bits += np.multiply(over, _N_EXPONENTS, dtype=np.int64)
    scales = _SCALES[bits]
    rounded = values * scales
    np.rint(rounded, out=rounded)
    rounded /= scales
    rounded += 0.0  # a negative zero becomes zero
    result: U64 = rounded.view(np.uint64)
    missing = np.isnan(rounded)
    if missing.any():
        result[missing] = _NOT_A_NUMBER
    return result
