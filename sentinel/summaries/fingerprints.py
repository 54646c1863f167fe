"""Row fingerprints: one 64-bit number that says whether two rows hold the same inputs."""

from __future__ import annotations

import numpy as np
import xxhash

from sentinel.events.batch import F64, I32, I64, U64, Predictions
from sentinel.events.schema import EventSchema

SIGNIFICANT_DIGITS = 6
"""Numbers that agree to six digits are the same: what survives float32, text and a change of engine."""

_LARGEST = 10.0**SIGNIFICANT_DIGITS
_MIN_EXPONENT, _MAX_EXPONENT = -300, 308
_NOT_A_NUMBER = np.uint64(0x6E616E)
_POWERS = 10.0 ** np.arange(-_MAX_EXPONENT, -_MIN_EXPONENT + SIGNIFICANT_DIGITS + 1, dtype=np.float64)


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
    z = z * np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
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
    n = numeric.shape[1] if len(numeric) else categorical.shape[1]
    total = np.zeros(n, np.uint64)
    for j, column in enumerate(schema.numeric):
        total += mix(_digits(numeric[j]) ^ _column_seed(column.name))
    for j, column in enumerate(schema.categorical):
        total += mix(categorical[j].astype(np.int64).view(np.uint64) ^ _column_seed(column.name))
    return mix(total)


def _column_seed(name: str) -> np.uint64:
    return np.uint64(xxhash.xxh3_64_intdigest(name.encode()))


def _digits(values: F64) -> U64:
    """Write each number as (its first six digits, its exponent) in one integer."""
    whole = (values == np.rint(values)) & (abs(values) < _LARGEST)
    if whole.all():  # the usual counts and codes: already no more than six digits, only to be told apart
        return _whole(values)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        digits, exponents = _scientific(values)
    result = _combine(digits, exponents)
    result[whole] = _whole(values[whole])
    result[~np.isfinite(values)] = _NOT_A_NUMBER
    result[values == np.inf] = _NOT_A_NUMBER + np.uint64(1)
    result[values == -np.inf] = _NOT_A_NUMBER + np.uint64(2)
    return result


def _whole(values: F64) -> U64:
    return values.astype(np.int64).view(np.uint64) << np.uint64(16)


def _scientific(values: F64) -> tuple[I64, I64]:
    magnitude = np.where(np.isfinite(values), abs(values), 1.0)
    tiny = magnitude < 10.0**_MIN_EXPONENT
    exponents = np.floor(np.log10(np.where(tiny, 1.0, magnitude))).astype(np.int64)
    scale = _POWERS[SIGNIFICANT_DIGITS - 1 - exponents + _MAX_EXPONENT]
    digits = np.rint(np.where(tiny, 0.0, magnitude) * scale).astype(np.int64)
    carried = digits >= _LARGEST  # 9.999996 reads 10.0000
    digits = np.where(carried, digits // 10, digits)
    return np.where(np.signbit(values), -digits, digits), exponents + carried


def _combine(digits: I64, exponents: I64) -> U64:
    """Numbers that round to a whole one below a million are written as that whole number is."""
    shift = SIGNIFICANT_DIGITS - 1 - exponents
    small = (shift >= 0) & (shift < SIGNIFICANT_DIGITS)
    divisor = 10 ** np.where(small, shift, 0)
    rounds_whole = small & (digits % divisor == 0)
    whole = (digits // divisor).view(np.uint64) << np.uint64(16)
    other = (digits.view(np.uint64) << np.uint64(16)) | (exponents - _MIN_EXPONENT + 1).astype(np.uint64)
    zero = digits == 0
    return np.where(zero, np.uint64(0), np.where(rounds_whole, whole, other))
