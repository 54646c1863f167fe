"""Rows on the straight line between two other rows: what oversampling by interpolation makes, and nature does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.events.batch import F64, I64, Bool

FEWEST_COLUMNS: Final = 3
"""Columns that are no grid, and columns that differ along a line: on two, chance puts 1 row in 100 on a line."""
N_NEIGHBOURS: Final = 16
"""Rows among which the ends of a line are looked for; interpolation is between rows among the 5 nearest, as a rule."""
MOST_REFERENCE: Final = 12_000
"""Rows of a class and file among which neighbours are looked for."""
_STRAIGHT: Final = 1e-8
"""One less the cosine of what counts as a line: an angle of 1.4e-4. Six digits leave one of 1e-5; in three columns
chance brings 120 pairs of neighbours into it once in a million rows."""
_APART: Final = 0.02
"""By how much two rows on one side must differ in distance, relative to it: a hundred times the angle of a line."""
_FRACTIONS: Final = 0.05
"""Share of values with a fraction, and next the share of distinct values, of columns that are no grid."""
_DISTINCT: Final = 0.5
_NOTHING: Final = 1e-9
"""Standard deviations that are no difference."""
_CHUNK: Final = 256
"""Rows at a time: 20 MB of distances."""


@dataclass(frozen=True, slots=True)
class Lines:
    """For each row asked: whether it is between two others, or in line with two at all; and two such rows.

    Parameters
    ----------
    between, in_line : bool, shape (n,)
    one, two : int64, shape (n,)
        Places among the reference; -1 where there is no line.
    """

    between: Bool
    in_line: Bool
    one: I64
    two: I64


def lines(asked: F64, reference: F64, usable: Bool) -> Lines:
    """Look for lines through each row and two of its nearest.

    Parameters
    ----------
    asked : float64, shape (n, n_columns), standard deviations
    reference : float64, shape (m, n_columns)
        May hold the rows asked: a row equal to the one asked is no end of a line.
    usable : bool, shape (m,)
        Of the other two rows of a line one at least must be usable.

    Notes
    -----
    Chawla et al. (2002) set a synthetic row to a + t (b - a) with one t for all columns. It is then the end of no
    angle: the cosine between the ways to a and to b is -1; a parent sees its synthetic rows at a cosine of 1.

    References
    ----------
    .. [1] Chawla, Bowyer, Hall & Kegelmeyer (2002), SMOTE, Journal of Artificial Intelligence Research 16:321-357.

    Examples
    --------
    >>> a, b, c = np.array([0.0, 0.0, 0.0]), np.array([1.0, 2.0, 3.0]), np.array([5.0, 1.0, 2.0])
    >>> reference = np.stack([a, b, c])
    >>> lines((a + 0.3 * (b - a))[None], reference, np.ones(3, bool)).between
    array([ True])
    """
    n, m = len(asked), len(reference)
    result = Lines(np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.full(n, -1), np.full(n, -1))
    k = min(N_NEIGHBOURS + 1, m)
    if k < 2 or asked.shape[1] < FEWEST_COLUMNS:
        return result
    coarse = reference.astype(np.float32)
    lengths = np.square(coarse).sum(axis=1)
    for begin in range(0, n, _CHUNK):
        part = asked[begin : begin + _CHUNK]
        far = lengths[None] - 2.0 * (part.astype(np.float32) @ coarse.T)
        near = np.argpartition(far, k - 1, axis=1)[:, :k] if k < m else np.tile(np.arange(m), (len(part), 1))
        _straight(result, begin, part, reference[near], near, usable[near])
    return result


def _straight(result: Lines, begin: int, part: F64, ends: F64, near: I64, usable: Bool) -> None:
    ways = ends - part[:, None]
    length = np.sqrt(np.square(ways).sum(axis=2))
    n_apart: I64 = np.count_nonzero(np.abs(ways) > _NOTHING, axis=2)
    whole = n_apart >= FEWEST_COLUMNS
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = np.where(whole[..., None], ways / length[..., None], 0.0)
    cosine = unit @ unit.transpose(0, 2, 1)
    pairs = np.triu(np.ones(cosine.shape[1:], np.bool_), 1)[None] & (usable[:, :, None] | usable[:, None, :])
    opposite = pairs & (cosine < _STRAIGHT - 1.0)
    along = opposite | (pairs & (cosine > 1.0 - _STRAIGHT) & _not_twins(length))
    row = slice(begin, begin + len(part))
    has_opposite: Bool = np.asarray(opposite.any(axis=(1, 2)))
    result.between[row] = has_opposite
    result.in_line[row] = along.any(axis=(1, 2))
    best = np.where(has_opposite[:, None, None], opposite, along).reshape(len(part), -1).argmax(axis=1)
    one, two = np.divmod(best, cosine.shape[1])
    hit = np.flatnonzero(result.in_line[row])
    result.one[begin + hit] = near[hit, one[hit]]
    result.two[begin + hit] = near[hit, two[hit]]


def _not_twins(length: F64) -> Bool:
    """Two rows next to each other are in line with every row far off."""
    apart: Bool = np.abs(length[:, :, None] - length[:, None, :]) > _APART * (length[:, :, None] + length[:, None, :])
    return apart


def telling(numeric: F64) -> Bool:
    """Columns by which lines are seen: with fractions, and mostly distinct values.

    Whole and rounded numbers are on a grid, whose points are in line by themselves; what is made between them is not
    on it, unless it was rounded again.

    Parameters
    ----------
    numeric : float64, shape (n_columns, n)
        Of one class.

    Returns
    -------
    bool, shape (n_columns,)
    """
    result = np.zeros(len(numeric), np.bool_)
    for j, values in enumerate(numeric):
        finite = values[np.isfinite(values)]
        n_fractions = int((finite != np.round(finite)).sum())
        result[j] = n_fractions > _FRACTIONS * len(finite) and len(np.unique(finite)) > _DISTINCT * len(finite)
    return result
