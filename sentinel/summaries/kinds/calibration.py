"""Sum of the scores in each bin, for predictions whose outcome is known: what the bin promised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import EVERY_TASK, ArraySpec, Cells, SummaryKind
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows
from sentinel.summaries.view import bit_scores


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    return {"score_sums": ArraySpec((layout.n_score_bins,))}


def _on_outcomes(layout: Layout, rows: Rows) -> Iterator[Cells]:
    yield Cells("score_sums", rows["score_bin"].astype(np.int64), fixed_point.encode(bit_scores(layout, rows)))


KIND = SummaryKind("calibration", EVERY_TASK, _arrays, on_outcomes=_on_outcomes)
