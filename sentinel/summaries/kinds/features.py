"""Each feature's histogram, of all predictions and by outcome.

Outcomes are counted in two folds of entities, so that a feature's association can be estimated without the optimism
of choosing and judging on the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sentinel.summaries.algebra import EVERY_TASK, Arrays, ArraySpec, Cells, SummaryKind, add_counts
from sentinel.summaries.class_block import outcome_classes
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows
from sentinel.summaries.view import outcome_bits

N_FOLDS = 2


def n_answers(layout: Layout) -> int:
    """Last axis of ``feature_outcomes``: no and yes; the classes, and one for any other, where there are several."""
    return len(layout.classes) + 1 if layout.classes else 2


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    return {
        "features": ArraySpec((layout.n_feature_bins,)),
        "feature_outcomes": ArraySpec((N_FOLDS, layout.n_feature_bins, n_answers(layout))),
    }


def _on_predictions(layout: Layout, arrays: Arrays, rows: Rows) -> None:
    add_counts(arrays["features"], rows["features"] + layout.feature_offsets[:-1])


def _on_outcomes(layout: Layout, rows: Rows) -> Iterator[Cells]:
    fold = (rows["bucket"] % N_FOLDS).astype(np.int64)
    cells = rows["features"] + layout.feature_offsets[:-1]
    n = n_answers(layout)
    cells *= n
    answers = outcome_classes(layout, rows) if layout.classes else outcome_bits(layout, rows)
    cells += (fold * layout.n_feature_bins * n + answers)[:, None]
    yield Cells("feature_outcomes", cells)


KIND = SummaryKind("features", EVERY_TASK, _arrays, _on_predictions, _on_outcomes)
