"""How good the lists of a ranking were: sums of NDCG and reciprocal rank, overall, per slice and by entity bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from sentinel.events.batch import I64
from sentinel.summaries.algebra import ArraySpec, Cells, SummaryKind
from sentinel.summaries.layout import Layout
from sentinel.summaries.list_block import QUALITY_BITS, read_outcomes
from sentinel.summaries.rows import Rows, slice_rows

SUMS: Final = ("n", "rated", "ndcg", "ndcg2", "rank", "rank2")
"""Last axis: lists, those with a relevant item, and of these the sums of NDCG and of the reciprocal rank in steps of
2^-20, each followed by that of its squares in the same steps."""


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    # Row 0 is all traffic, row 1 + s is slice slot s.
    return {
        "list_sums": ArraySpec((1 + layout.n_slices, len(SUMS))),
        "list_buckets": ArraySpec((layout.n_buckets, len(SUMS))),
    }


def _on_outcomes(layout: Layout, rows: Rows) -> Iterator[Cells]:
    amounts = _amounts(rows)
    slots = slice_rows(rows)
    bucket = rows["bucket"].astype(np.int64)
    for j in range(len(SUMS)):
        yield Cells("list_sums", slots * len(SUMS) + j, amounts[:, j])
        yield Cells("list_buckets", bucket * len(SUMS) + j, amounts[:, j])


def _amounts(rows: Rows) -> I64:
    judged = read_outcomes(rows["outcome"])
    columns = [np.ones(len(rows), np.int64), judged.rated.astype(np.int64)]
    for steps in (judged.ndcg, judged.reciprocal_rank):
        columns += [steps, (steps * steps) >> QUALITY_BITS]
    return np.stack(columns, axis=1)


KIND = SummaryKind("lists", frozenset({"ranking"}), _arrays, on_outcomes=_on_outcomes)
