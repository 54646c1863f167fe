"""Columns of vectors: which rows hold one that can be compared, and which training vectors are nearest to each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sentinel.audit.similarity.likeness import Neighbours
from sentinel.events.batch import F64, I64
from sentinel.events.codecs.arrow_columns import is_number

F32 = npt.NDArray[np.float32]
_AT_ONCE: Final = 4_096
"""Rows read at a time, in double precision."""
_KINDS: Final = ("null", "of another length", "not finite", "zero")


@dataclass(frozen=True, slots=True)
class Vectors:
    """Vectors of length one.

    Parameters
    ----------
    rows : int64, shape (n,)
        Their places in the sample.
    values : float32, shape (n, d)
    left_out : dict of int
        Rows that hold none that can be compared, by the reason.
    """

    rows: I64
    values: F32
    left_out: dict[str, int]

    def at(self, places: I64) -> Vectors:
        """Some of them."""
        return Vectors(self.rows[places], self.values[places], self.left_out)

    @property
    def excuse(self) -> str:
        """The rows left out, in words; empty where there are none."""
        return ", ".join(f"{n:,} {reason}" for reason, n in self.left_out.items() if n)


def is_list(kind: pa.DataType) -> bool:
    """Whether values are lists of numbers."""
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(lists and is_number(kind.value_type))


def common_length(column: pa.Array) -> int:
    """The length that most lists have; 0 where all are null."""
    lengths = _lengths(column)
    lengths = lengths[lengths > 0]
    return int(np.bincount(lengths).argmax()) if len(lengths) else 0


def read_vectors(column: pa.Array, length: int, at: I64) -> Vectors:
    """Read some rows' vectors and scale them to length one.

    Parameters
    ----------
    column : Array of lists of numbers
    length : int, > 0
        Lists of another are left out.
    at : int64, shape (n,)
        Places of the rows to read.
    """
    left_out = dict.fromkeys(_KINDS, 0)
    rows, values = [np.empty(0, np.int64)], [np.empty((0, length), np.float32)]
    for begin in range(0, len(at), _AT_ONCE):
        some = at[begin : begin + _AT_ONCE]
        part = column.take(some)
        lengths = _lengths(part)
        fits = lengths == length
        left_out["null"] += int((lengths < 0).sum())
        left_out["of another length"] += int(((lengths >= 0) & ~fits).sum())
        flat = part.filter(pa.array(fits)).flatten().cast(pa.float64())
        numbers = flat.to_numpy(zero_copy_only=False).reshape(-1, length)
        largest = np.abs(numbers).max(axis=1)
        good = np.isfinite(largest) & (largest > 0.0)
        left_out["not finite"] += int((~np.isfinite(largest)).sum())
        left_out["zero"] += int((largest == 0.0).sum())
        scaled = numbers[good] / largest[good][:, None]  # squares of huge or tiny numbers would leave the range
        values.append((scaled / np.linalg.norm(scaled, axis=1, keepdims=True)).astype(np.float32))
        rows.append(some[fits][good])
    return Vectors(np.concatenate(rows), np.concatenate(values), left_out)


def nearest_vectors(asked: Vectors, among: Vectors, k: int) -> Neighbours:
    """The k vectors of the largest cosine, found exactly by `faiss`.

    Notes
    -----
    n_asked * n_among * d multiplications. An HNSW graph of 100,000 vectors takes longer to build than the few thousand
    vectors that are asked for take to be compared with all of them, and misses some.
    """
    from faiss import METRIC_INNER_PRODUCT, knn

    n, k_found = len(asked.rows), min(k, len(among.rows))
    near, cosines = np.full((n, k), -1), np.zeros((n, k))
    if n and k_found:
        found, which = knn(asked.values, among.values, k_found, metric=METRIC_INNER_PRODUCT)
        near[:, :k_found] = among.rows[which]
        cosines[:, :k_found] = np.clip(found, 0.0, 1.0)
    return Neighbours(asked.rows, near, cosines)


def _lengths(column: pa.Array) -> I64:
    """Of each list; -1 where it is null."""
    if pa.types.is_fixed_size_list(column.type):
        null = column.is_null().to_numpy(zero_copy_only=False)
        return np.where(null, -1, column.type.list_size).astype(np.int64)
    lengths: I64 = pc.list_value_length(column).cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return lengths


def near_copy_cosine(cosines: F64, *, false_matches: float, least: float, most: float) -> float:
    """The cosine that the nearest of honest vectors passes with a given probability.

    Parameters
    ----------
    cosines : float64, shape (n,)
        Of training vectors with the nearest other one.
    false_matches : float, 0..1
    least, most : float, 0..1
        Bounds of what is returned.

    Notes
    -----
    Distances r to the nearest of many points, r^2 = 2 (1 - cosine), follow a Weibull law, whose shape is the number of
    dimensions that the points fill: P(r > x) = exp(-c x^m). Its scale and shape are taken from the median and the
    lower quartile, for up to a quarter of the vectors may have copies, which would drag any lower quantile along; its
    tail then gives the distance that `false_matches` of the nearest fall below. Vectors of uneven density have a
    longer tail, so this is where to look, and no test: that is the excess over training vectors themselves.

    References
    ----------
    .. [1] Levina & Bickel (2004), Maximum likelihood estimation of intrinsic dimension, NIPS 17 (the Poisson process
       of points near a point, from which the law of r follows).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> distances = 0.5 * rng.weibull(8.0, 100_000)
    >>> cosine = near_copy_cosine(1.0 - distances**2 / 2.0, false_matches=0.001, least=0.0, most=1.0)
    >>> round(cosine, 3), round(1.0 - (0.5 * 0.001 ** (1 / 8)) ** 2 / 2.0, 3)
    (0.978, 0.978)
    """
    distances = np.sqrt(np.maximum(2.0 * (1.0 - cosines), 0.0))
    quartile, median = np.quantile(distances, [0.25, 0.5]) if len(distances) else (0.0, 0.0)
    if quartile <= 0.0 or median <= quartile:
        return most
    heights = np.log(-np.log1p(-np.array([0.25, 0.5, false_matches])))
    slope = (np.log(median) - np.log(quartile)) / (heights[1] - heights[0])
    distance = float(np.exp(np.log(median) + slope * (heights[2] - heights[1])))
    return min(max(1.0 - distance**2 / 2.0, least), most)
