"""Real numbers as scaled integers, so that their sums do not depend on the order of addition."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sentinel.events.batch import F64, I64

SCALE_BITS = 30
"""Losses and scores: steps of 2^-30 (9.3e-10). A log loss is at most 9.22, so 9e8 events of the worst loss fit."""
SQUARE_SCALE_BITS = 26
"""Squared losses, at most 85: steps of 2^-26 (1.5e-8), 1.6e9 events of the worst loss fit."""


def encode(values: F64, bits: int = SCALE_BITS) -> I64:
    """Round to the nearest multiple of 2^-bits.

    Examples
    --------
    >>> encode(np.array([0.5]), bits=2)
    array([2])
    """
    return np.rint(np.ldexp(values, bits)).astype(np.int64)


def decode(totals: npt.NDArray[Any], bits: int = SCALE_BITS) -> F64:
    """Turn sums of encoded values back into numbers.

    Examples
    --------
    >>> decode(np.array([2]), bits=2)
    array([0.5])
    """
    return np.ldexp(totals.astype(np.float64), -bits)


FRACTION_BITS = 32
"""Numbers of any size: whole ones and fractions of 2^-32 apart, so 2^31 events of any fraction fit."""


def split(values: F64) -> I64:
    """Write numbers as whole ones and a fraction, each an integer.

    Parameters
    ----------
    values : float64 array, any shape, finite, below 2^62 in magnitude

    Returns
    -------
    int64 array, shape (..., 2)

    Examples
    --------
    >>> split(np.array([-0.25])).tolist()
    [[-1, 3221225472]]
    """
    whole = np.floor(values)
    fractions = np.rint(np.ldexp(values - whole, FRACTION_BITS))
    return np.stack([whole, fractions], axis=-1).astype(np.int64)


def joined(totals: npt.NDArray[Any]) -> F64:
    """Turn sums of split numbers back into numbers: the last axis goes.

    Examples
    --------
    >>> joined(split(np.array([-0.25, 3.5])).sum(axis=0))
    array(3.25)
    """
    return np.asarray(totals[..., 0] + np.ldexp(totals[..., 1].astype(np.float64), -FRACTION_BITS))
