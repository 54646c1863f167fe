"""Power sums of log loss and Brier score by outcome, overall and per slice."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sentinel.stats.losses import brier_losses, log_losses
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import Arrays, ArraySpec, SummaryKind
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows

LOSSES = ("log_loss", "brier")
"""Third axis of ``losses``; the last axis holds the sum (scaled by 2^30) and the sum of squares (2^26)."""


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    # Row 0 is all traffic, row 1 + s is slice slot s.
    return {"losses": ArraySpec((1 + layout.n_slices, 2, len(LOSSES), 2))}


def _on_outcomes(layout: Layout, arrays: Arrays, rows: Rows, sign: int) -> None:
    outcome = rows["outcome"].astype(np.int64)
    columns = []
    for losses in (log_losses(rows["score"], outcome), brier_losses(rows["score"], outcome)):
        columns.append(fixed_point.encode(losses))
        columns.append(fixed_point.encode(losses * losses, fixed_point.SQUARE_SCALE_BITS))
    powers = sign * np.stack(columns, axis=1)  # (n, 4)
    flat = arrays["losses"].reshape(-1, len(LOSSES) * 2)  # row 2 * slot + outcome
    np.add.at(flat, outcome, powers)
    for j in range(rows["slices"].shape[1]):
        np.add.at(flat, (1 + rows["slices"][:, j].astype(np.int64)) * 2 + outcome, powers)


KIND = SummaryKind("losses", frozenset({"binary"}), _arrays, on_outcomes=_on_outcomes)
