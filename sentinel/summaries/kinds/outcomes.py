"""Score bin by outcome, overall and per slice: AUC, calibration and every mix are read from these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sentinel.summaries.algebra import EVERY_TASK, ArraySpec, Cells, SummaryKind
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows
from sentinel.summaries.view import outcome_bits


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    return {
        "outcomes": ArraySpec((layout.n_score_bins, 2)),
        "slice_outcomes": ArraySpec((layout.n_slices, layout.n_slice_score_bins, 2)),
    }


def _on_outcomes(layout: Layout, rows: Rows) -> Iterator[Cells]:
    outcome = outcome_bits(layout, rows)
    yield Cells("outcomes", rows["score_bin"].astype(np.int64) * 2 + outcome)
    coarse = layout.coarse_bin[rows["score_bin"]]
    cells = rows["slices"].astype(np.int64) * layout.n_slice_score_bins + coarse[:, None]
    yield Cells("slice_outcomes", cells * 2 + outcome[:, None])


KIND = SummaryKind("outcomes", EVERY_TASK, _arrays, on_outcomes=_on_outcomes)
