"""Decision by outcome at the layout's threshold, overall and per slice."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sentinel.summaries.algebra import Arrays, ArraySpec, SummaryKind, add_counts
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    # (row 0: all traffic, row 1 + s: slice slot s) x decision x outcome
    return {"confusion": ArraySpec((1 + layout.n_slices, 2, 2))}


def _on_outcomes(layout: Layout, arrays: Arrays, rows: Rows, sign: int) -> None:
    decision = (rows["score"] >= layout.threshold).astype(np.int64)
    cell = decision * 2 + rows["outcome"].astype(np.int64)
    add_counts(arrays["confusion"], cell, sign)
    slots = 1 + rows["slices"].astype(np.int64)
    add_counts(arrays["confusion"], slots * 4 + cell[:, None], sign)


KIND = SummaryKind("confusion", frozenset({"binary"}), _arrays, on_outcomes=_on_outcomes)
