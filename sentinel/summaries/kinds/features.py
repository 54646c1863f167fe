"""Each feature's histogram, of all predictions and by outcome.

Outcomes are counted in two folds of entities, so that a feature's association can be estimated without the optimism
of choosing and judging on the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sentinel.summaries.algebra import Arrays, ArraySpec, Cells, SummaryKind, add_counts
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows

N_FOLDS = 2


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    return {
        "features": ArraySpec((layout.n_feature_bins,)),
        "feature_outcomes": ArraySpec((N_FOLDS, layout.n_feature_bins, 2)),
    }


def _on_predictions(layout: Layout, arrays: Arrays, rows: Rows) -> None:
    add_counts(arrays["features"], rows["features"] + layout.feature_offsets[:-1])


def _on_outcomes(layout: Layout, rows: Rows) -> Iterator[Cells]:
    fold = (rows["bucket"] % N_FOLDS).astype(np.int64)
    cells = rows["features"] + layout.feature_offsets[:-1]
    cells *= 2
    cells += (fold * layout.n_feature_bins * 2 + rows["outcome"].astype(np.int64))[:, None]
    yield Cells("feature_outcomes", cells)


KIND = SummaryKind("features", frozenset({"binary"}), _arrays, _on_predictions, _on_outcomes)
