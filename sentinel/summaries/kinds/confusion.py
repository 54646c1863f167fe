"""Decision by outcome at the layout's threshold, overall and per slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sentinel.summaries.algebra import EVERY_TASK, ArraySpec, Cells, SummaryKind
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows
from sentinel.summaries.view import bit_scores, outcome_bits


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    # (row 0: all traffic, row 1 + s: slice slot s) x decision x outcome
    return {"confusion": ArraySpec((1 + layout.n_slices, 2, 2))}


def _on_outcomes(layout: Layout, rows: Rows) -> Iterator[Cells]:
    decision = (bit_scores(layout, rows) >= layout.threshold).astype(np.int64)
    cell = decision * 2 + outcome_bits(layout, rows)
    yield Cells("confusion", cell)
    slots = 1 + rows["slices"].astype(np.int64)
    yield Cells("confusion", slots * 4 + cell[:, None])


KIND = SummaryKind("confusion", EVERY_TASK, _arrays, on_outcomes=_on_outcomes)
