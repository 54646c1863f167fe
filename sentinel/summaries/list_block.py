"""What a row of a ranking holds besides the others, and what an outcome makes of it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sentinel.errors import FatalError
from sentinel.events.batch import F64, I64, Bool, Predictions
from sentinel.events.rankings import GRADE_STEPS, MOST_GRADED, Relevances
from sentinel.stats.ranking import ndcg, reciprocal_ranks
from sentinel.summaries.layout import Layout

QUALITY_BITS: Final = 20
"""NDCG and reciprocal rank are kept in steps of 2^-20."""
GRADES: Final = "grades"
"""Field of the `relevance_code` of a row's outcome: other grades may come to the same numbers, and are other grades."""
_RELEVANT, _RATED = 1, 2
_SHIFT: Final = 2
_RANK_BITS: Final = 17
"""The key's bits from here on choose the rank that is asked about: lower than those that choose the bucket."""


class Judged(NamedTuple):
    """What became of some lists; arrays of shape (n,).

    ``relevant`` tells of the item asked about, ``rated`` whether any item was relevant; ``ndcg`` and
    ``reciprocal_rank`` are in steps of 2^-20, 0 where no item was.
    """

    relevant: Bool
    rated: Bool
    ndcg: I64
    reciprocal_rank: I64


def list_fields(layout: Layout) -> list[tuple[str, np.dtype[Any]]]:
    """Fields of the block: the hashes of the items at the ranks that count, and the code of the grades that came."""
    if layout.n_ranked > MOST_GRADED:
        raise FatalError(f"{layout.n_ranked} ranks: a row holds at most {MOST_GRADED}")
    return [("items", np.dtype(("<u8", (layout.n_ranked,)))), (GRADES, np.dtype("<f8"))] if layout.n_ranked else []


def write_lists(layout: Layout, rows: npt.NDArray[np.void], predictions: Predictions) -> F64:
    """Fill the block of new rows.

    Returns
    -------
    float64 array, shape (n,)
        Of the rank that each row is asked about, how many of the ranks that count stand below it.
    """
    if predictions.items is None:
        raise FatalError("predictions of a ranking come with their items")
    rows["items"] = predictions.items
    shown = np.maximum(np.count_nonzero(predictions.items, axis=1), 1)
    rank = (predictions.keys >> np.uint64(_RANK_BITS)) % shown.astype(np.uint64)
    below: F64 = (layout.n_ranked - 1) - rank.astype(np.float64)
    return below


def asked_ranks(layout: Layout, rows: npt.NDArray[np.void]) -> I64:
    """The rank, from 0, that each row is asked about."""
    ranks: I64 = layout.n_ranked - 1 - rows["score"].astype(np.int64)
    return ranks


def judge_lists(layout: Layout, rows: npt.NDArray[np.void], relevances: Relevances) -> F64:
    """Outcomes of lists as numbers, for ``rows['outcome']``.

    Parameters
    ----------
    layout : Layout
    rows : structured array, shape (n,)
    relevances : structured array, shape (n,), dtype RELEVANCE
        Of the same predictions.

    Returns
    -------
    float64 array, shape (n,)
        Whole numbers, which `read_outcomes` takes apart.
    """
    items, grades = rows["items"], relevances["grades"].astype(np.float64) / GRADE_STEPS
    same = (items[:, :, None] == relevances["items"][:, None, :]) & (items != 0)[:, :, None]
    ranked = np.where(same, grades[:, None, :], 0.0).max(axis=2, initial=0.0)
    quality, rated = ndcg(ranked, grades[:, : layout.n_ranked])
    relevant = ranked[np.arange(len(rows)), asked_ranks(layout, rows)] > 0.0
    flags = relevant * _RELEVANT + rated * _RATED
    steps = [np.rint(np.ldexp(one, QUALITY_BITS)).astype(np.int64) for one in (quality, reciprocal_ranks(ranked))]
    packed = flags.astype(np.int64) + (steps[0] << _SHIFT) + (steps[1] << (_SHIFT + QUALITY_BITS + 1))
    outcomes: F64 = packed.astype(np.float64)
    return outcomes


def read_outcomes(outcomes: F64) -> Judged:
    """Take apart what `judge_lists` wrote."""
    packed = outcomes.astype(np.int64)
    mask = (1 << (QUALITY_BITS + 1)) - 1
    return Judged(
        (packed & _RELEVANT) != 0,
        (packed & _RATED) != 0,
        (packed >> _SHIFT) & mask,
        (packed >> (_SHIFT + QUALITY_BITS + 1)) & mask,
    )
