"""Outcomes that had come by each of the layout's fixed ages, by score bin: what early comparisons are read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sentinel.summaries.algebra import EVERY_TASK, ArraySpec, Cells, SummaryKind
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows
from sentinel.summaries.view import outcome_bits


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    # Cumulative over the first axis: what had come by the first age had come by the second too.
    return {"twins": ArraySpec((len(layout.twin_horizons_us), layout.n_score_bins, 2))}


def _on_outcomes(layout: Layout, rows: Rows) -> Iterator[Cells]:
    if not layout.twin_horizons_us:
        return
    cells = rows["score_bin"].astype(np.int64) * 2 + outcome_bits(layout, rows)
    delays = rows["outcome_at"] - rows["predicted_at"]
    for k, horizon_us in enumerate(layout.twin_horizons_us):
        yield Cells("twins", k * layout.n_score_bins * 2 + cells, (delays <= horizon_us).astype(np.int64))


KIND = SummaryKind("twins", EVERY_TASK, _arrays, on_outcomes=_on_outcomes)
