"""Where the scores of all predictions fall, overall and per slice, before any outcome is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sentinel.summaries.algebra import EVERY_TASK, Arrays, ArraySpec, SummaryKind, add_counts
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    return {
        "scores": ArraySpec((layout.n_score_bins,)),
        "slice_scores": ArraySpec((layout.n_slices, layout.n_slice_score_bins)),
    }


def _on_predictions(layout: Layout, arrays: Arrays, rows: Rows) -> None:
    add_counts(arrays["scores"], rows["score_bin"])
    coarse = layout.coarse_bin[rows["score_bin"]]
    cells = rows["slices"].astype(np.int64) * layout.n_slice_score_bins + coarse[:, None]
    add_counts(arrays["slice_scores"], cells)


KIND = SummaryKind("scores", EVERY_TASK, _arrays, on_predictions=_on_predictions)
