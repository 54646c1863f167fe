"""Writing outcomes into rows: a number as it is, graded items as what the list of the row is worth by them."""

from __future__ import annotations

import numpy as np

from sentinel.errors import FatalError
from sentinel.events.batch import F64, I64, Bool
from sentinel.events.rankings import Relevances
from sentinel.summaries.layout import Layout
from sentinel.summaries.list_block import GRADES, judge_lists
from sentinel.summaries.rows import JOINED, Rows


def with_outcomes(layout: Layout, rows: Rows, values: F64, times: I64, graded: Relevances | None = None) -> Rows:
    """Copy rows and give each its outcome.

    Parameters
    ----------
    layout : Layout
    rows : structured array, shape (n,)
    values : float64 array, shape (n,)
        As in :class:`~sentinel.events.batch.Outcomes`.
    times : int64 array, shape (n,), microseconds since the epoch, UTC
    graded : structured array, shape (n,), dtype RELEVANCE
        Of a ranking what ``values`` are the codes of.

    Returns
    -------
    structured array, shape (n,), of state JOINED
    """
    joined = rows.copy()
    write_outcomes(layout, joined, np.ones(len(rows), np.bool_), values, times, graded)
    return joined


def write_outcomes(
    layout: Layout, rows: Rows, where: Bool, values: F64, times: I64, graded: Relevances | None = None
) -> None:
    """Give some rows their outcomes, in place; parameters are those of :func:`with_outcomes`.

    Field by field: copying whole rows costs ten times as much.
    """
    if layout.n_ranked:
        if graded is None:
            raise FatalError("outcomes of a ranking come with the grades of their items")
        rows[GRADES] = np.where(where, values, rows[GRADES])
        values = judge_lists(layout, rows, graded)
    rows["outcome"] = np.where(where, values, rows["outcome"])
    rows["outcome_at"] = np.where(where, times, rows["outcome_at"])
    rows["state"] = np.where(where, JOINED, rows["state"])


def stored_values(layout: Layout, rows: Rows) -> F64:
    """The values that rows got their outcomes from: other grades may be worth the same, and are other grades."""
    values: F64 = rows[GRADES] if layout.n_ranked else rows["outcome"]
    return values
