"""Predictions, and score bin by outcome, apart for what the training rows hold and what they do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sentinel.summaries.algebra import EVERY_TASK, Arrays, ArraySpec, Cells, SummaryKind, add_counts
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows
from sentinel.summaries.trained import N_MARKS
from sentinel.summaries.view import outcome_bits

N_SEEN = 4
"""First axis of ``overlap_outcomes``: bit 0, the row was seen in training; bit 1, its entity was."""


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    return {
        "marks": ArraySpec((N_MARKS,)),
        "overlap_outcomes": ArraySpec((N_SEEN, layout.n_score_bins, 2)),
    }


def _on_predictions(layout: Layout, arrays: Arrays, rows: Rows) -> None:
    del layout
    add_counts(arrays["marks"], rows["marks"] & (N_MARKS - 1))


def _on_outcomes(layout: Layout, rows: Rows) -> Iterator[Cells]:
    outcome = outcome_bits(layout, rows)
    seen = (rows["marks"] & (N_SEEN - 1)).astype(np.int64)
    yield Cells("overlap_outcomes", (seen * layout.n_score_bins + rows["score_bin"]) * 2 + outcome)


KIND = SummaryKind("overlap", EVERY_TASK, _arrays, _on_predictions, _on_outcomes)
