"""Power sums of log loss and Brier score by outcome, overall and per slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sentinel.stats.losses import brier_losses, log_losses
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import EVERY_TASK, ArraySpec, Cells, SummaryKind
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows, slice_rows
from sentinel.summaries.view import bit_scores, outcome_bits

LOSSES = ("log_loss", "brier")
"""Third axis of ``losses``; the last axis holds the sum (scaled by 2^30) and the sum of squares (2^26)."""


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    # Row 0 is all traffic, row 1 + s is slice slot s.
    return {"losses": ArraySpec((1 + layout.n_slices, 2, len(LOSSES), 2))}


def _on_outcomes(layout: Layout, rows: Rows) -> Iterator[Cells]:
    outcome, scores = outcome_bits(layout, rows), bit_scores(layout, rows)
    columns = []
    for losses in (log_losses(scores, outcome), brier_losses(scores, outcome)):
        columns.append(fixed_point.encode(losses))
        columns.append(fixed_point.encode(losses * losses, fixed_point.SQUARE_SCALE_BITS))
    slots = slice_rows(rows)
    slots *= 2
    slots += outcome[:, None]
    slots *= len(columns)
    for powers in columns:
        yield Cells("losses", slots, powers)
        slots += 1


KIND = SummaryKind("losses", EVERY_TASK, _arrays, on_outcomes=_on_outcomes)
