"""Score bin by outcome for each entity-hash bucket: the jackknife's leave-one-out histograms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sentinel.summaries.algebra import EVERY_TASK, ArraySpec, Cells, SummaryKind
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows
from sentinel.summaries.view import outcome_bits


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    return {"buckets": ArraySpec((layout.n_buckets, layout.n_score_bins, 2))}


def _on_outcomes(layout: Layout, rows: Rows) -> Iterator[Cells]:
    cells = rows["bucket"].astype(np.int64) * layout.n_score_bins + rows["score_bin"]
    yield Cells("buckets", cells * 2 + outcome_bits(layout, rows))


KIND = SummaryKind("buckets", EVERY_TASK, _arrays, on_outcomes=_on_outcomes)
