"""How many validation rows are like a training row, and how many would be if the inputs just repeat by nature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from sentinel.audit.estimates.excess import Excess, excess
from sentinel.events.batch import F64, I64, Bool
from sentinel.events.times import BAD_TIME

N_BLOCKS: Final = 16
"""Stretches of time that training rows are parted in: a row is compared with those of the others."""
_MOST_SHARED: Final = 0.25
"""Share of rows in one stretch beyond which times are too few to part rows by."""
_TIMED: Final = 0.9
"""Share of rows with a time from which rows are parted by it."""
TEMPLATE: Final = 4
"""Training rows of several times that resemble a row, from which it is a template: whatever brings it forth will do so
again. Copies of one row are fewer, and a file with more templates than the other is no leak."""
_SURE: Final = 0.999
"""Confidence of each bound on what repetition by chance explains: three bounds miss in one file of 300."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The training rows most like each row asked for.

    Parameters
    ----------
    asked : int64, shape (n,)
        Places of the rows in their sample.
    near : int64, shape (n, k)
        Places in the training sample, the most like first; -1 where there is none.
    likeness : float64, shape (n, k), 0..1
        0 where there is none.
    many : bool, shape (n,), or None
        Rows with more neighbours than could be looked at; None where all were.
    """

    asked: I64
    near: I64
    likeness: F64
    many: Bool | None = None

    def __len__(self) -> int:
        return len(self.asked)


@dataclass(frozen=True, slots=True)
class Likeness:
    """Validation rows against the training rows, and training rows among themselves.

    Parameters
    ----------
    validation, train : Neighbours
        Of training rows without themselves and without what is near in time.
    blocks : int64, shape (n_train,)
        The stretch of time of each row of the training sample.
    left_out : float, 0..1
        Share of training rows that a training row was not compared with.
    """

    validation: Neighbours
    train: Neighbours
    blocks: I64
    left_out: float

    def copied(self, least: float) -> Bool:
        """Validation rows with a neighbour at least so like, but not as many as there are of a template.

        Neighbours in the stretch of the nearest are one: pictures of one burst are no template.
        """
        alike = self.validation.likeness >= least
        blocks = self.blocks[self.validation.near]
        spread = (alike & (blocks != blocks[:, :1])).sum(axis=1) + 1
        copied: Bool = alike[:, 0] & (spread < TEMPLATE)
        return copied if self.validation.many is None else copied & ~self.validation.many

    def excess(self, least: float) -> Excess:
        """Share of validation rows with a near copy, against chance."""
        counts: I64 = (self.train.likeness >= least).sum(axis=1)
        if self.train.many is not None:
            counts[self.train.many] = TEMPLATE + 1
        chance = chance_level(counts, self.left_out)
        found = int(self.copied(least).sum())
        return excess(found, len(self.validation), chance, chance * (1.0 - chance) / max(len(self.train), 1))

    def widest(self, leasts: Sequence[float], allowed: float) -> float:
        """How far to look: as far as brings in hardly any training row that is not a copy at a closer look.

        Parameters
        ----------
        leasts : sequence of float
            Likenesses, the strictest first.
        allowed : float, 0..1
            By how much the chance level may be higher than at the strictest.
        """
        base = self.excess(leasts[0]).chance
        return min(least for least in leasts if self.excess(least).chance - base <= allowed)


def some_of(n: int, most: int, generator: np.random.Generator) -> I64:
    """Places of at most so many of n rows, drawn without replacement, in order."""
    if n <= most:
        return np.arange(n)
    chosen: I64 = np.sort(generator.choice(n, most, replace=False))
    return chosen


def neighbours(asked: I64, who: I64, row: I64, likeness: F64, k: int) -> Neighbours:
    """Sort pairs into neighbours.

    Parameters
    ----------
    asked : int64, shape (n,)
    who : int64, shape (n_pairs,)
        Positions in ``asked``.
    row, likeness : shape (n_pairs,)
        Each training row at most once for each who.
    k : int
    """
    who, row, likeness = most_alike(who, row, likeness, k)
    near, values = np.full((len(asked), k), -1), np.zeros((len(asked), k))
    place = np.arange(len(who)) - np.searchsorted(who, who)
    near[who, place], values[who, place] = row, likeness
    return Neighbours(asked, near, values)


def most_alike(who: I64, row: I64, likeness: F64, k: int) -> tuple[I64, I64, F64]:
    """Of each who the k pairs most alike, the most alike first; of equals the first rows."""
    order = np.lexsort((row, -likeness, who))
    who, row, likeness = who[order], row[order], likeness[order]
    kept = np.arange(len(who)) - np.searchsorted(who, who) < k
    return who[kept], row[kept], likeness[kept]


def compare(validation: Neighbours, train: Neighbours, times: I64) -> Likeness:
    """Take out of training rows' neighbours the row itself and those near in time.

    Parameters
    ----------
    validation, train : Neighbours
        In the training sample; of training rows one more, for the row itself is among them.
    times : int64, shape (n_train,), microseconds since the epoch
        Of the training sample; ``BAD_TIME`` where not known.
    """
    blocks, left_out = time_blocks(times)
    near = train.near
    out = (near == train.asked[:, None]) | (near < 0) | (blocks[near] == blocks[train.asked][:, None])
    likeness = np.where(out, 0.0, train.likeness)
    order = np.argsort(-likeness, axis=1, kind="stable")[:, :-1]
    others = Neighbours(
        train.asked,
        np.take_along_axis(np.where(out, -1, near), order, axis=1),
        np.take_along_axis(likeness, order, axis=1),
        train.many,
    )
    return Likeness(validation, others, blocks, left_out)


def time_blocks(times: I64) -> tuple[I64, float]:
    """Part rows by time into stretches of about equal size.

    Returns
    -------
    blocks : int64, shape (n,)
        Each row its own where times are not known or too few.
    left_out : float, 0..1
        Share of rows in a row's own stretch.
    """
    own = np.arange(len(times), dtype=np.int64)
    known = times != BAD_TIME
    if not len(times) or known.mean() < _TIMED:
        return own, 0.0
    cuts = np.unique(np.quantile(times[known], np.arange(1, N_BLOCKS) / N_BLOCKS))
    blocks = np.where(known, np.searchsorted(cuts, times, side="right"), len(cuts) + 1 + own).astype(np.int64)
    shares = np.bincount(blocks[known]) / len(times)
    if shares.max() > _MOST_SHARED:
        return own, 0.0
    return blocks, float((shares**2).sum())


def chance_level(counts: I64, left_out: float = 0.0) -> float:
    """Share of rows that would have a near copy if rows were drawn one by one from one law.

    Parameters
    ----------
    counts : int64, shape (n,)
        Of each training row, how many others are like it; of a template at least ``TEMPLATE``.
    left_out : float, 0..1
        Share of rows that were not compared with it.

    Returns
    -------
    float, 0..1
        Rows like a few others; those like many are templates, which are copies of nothing.

    Notes
    -----
    The number of rows like a given one is then Poisson, with a mean that differs from row to row in any way: p_d =
    E[e^-m m^d / d!], so by the inequality of Cauchy and Schwarz p_d^2 <= (d + 1) / d p_(d-1) p_(d+1). Templates of
    any frequencies obey it. Rows that were copied before a random split do not: they come in pairs without the
    triples that chance would bring. What is beyond the bound counts as copied, not as chance. A bound takes shares
    at the upper end of their intervals, rows like each other coming as clusters of d + 1.

    What was left out is given back to first order: the share grows by left_out d/dm of the sum of p_1 to p_(k-1),
    times m, which is left_out (p_1 - k p_k).

    Examples
    --------
    >>> pairs = np.repeat([0, 1], [9_000, 1_000])  # a tenth of the rows in pairs, nothing in threes
    >>> round(chance_level(pairs), 3)
    0.064
    >>> few, many = np.repeat([0, 1, 2, 3, 4], 2_000), np.repeat([0, 50], [9_000, 1_000])
    >>> chance_level(few), chance_level(many)
    (0.6, 0.0)
    """
    n = len(counts)
    if n == 0:
        return 0.0
    found = np.bincount(np.minimum(counts, TEMPLATE), minlength=TEMPLATE + 1).astype(np.float64)
    sizes = np.arange(1, TEMPLATE + 2)
    upper = np.minimum(sizes * special.gammaincinv(found / sizes + 1.0, _SURE) / n, 1.0)
    upper[0] = 1.0
    d = np.arange(1, TEMPLATE)
    limits = np.sqrt((d + 1.0) / d * upper[d - 1] * upper[d + 1])
    level = float(np.minimum(found[d] / n, limits).sum())
    edge = float((counts == TEMPLATE).mean())
    return min(max(level + left_out * (float(found[1]) / n - TEMPLATE * edge), 0.0), 1.0)
