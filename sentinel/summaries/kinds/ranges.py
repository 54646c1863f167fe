"""How many numbers of each feature lay outside the range that its owner declared: of every event, to the number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sentinel.summaries.algebra import EVERY_TASK, Arrays, ArraySpec, Summary, SummaryKind
from sentinel.summaries.checks import OUTSIDE
from sentinel.summaries.layout import BIN_INVALID, BIN_MISSING, Layout
from sentinel.summaries.rows import Rows


def outside_range_ratios(layout: Layout, summary: Summary) -> tuple[float | None, ...]:
    """Share of the numbers that lie outside their declared range; None where no range or no number is there."""
    bounds = layout.feature_offsets.tolist()
    ratios: list[float | None] = []
    for feature, start, stop, n_outside in zip(
        layout.features, bounds[:-1], bounds[1:], summary["outside_range"].tolist(), strict=True
    ):
        counted = summary["features"][start:stop]
        n = int(counted.sum() - counted[BIN_MISSING] - counted[BIN_INVALID])
        is_declared = feature.low is not None or feature.high is not None
        ratios.append(n_outside / n if is_declared and n else None)
    return tuple(ratios)


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    return {"outside_range": ArraySpec((len(layout.features),))}


def _on_checks(layout: Layout, arrays: Arrays, checked: Rows) -> None:
    del layout
    arrays["outside_range"] += np.count_nonzero(checked["facts"] & OUTSIDE, axis=0)


KIND = SummaryKind("ranges", EVERY_TASK, _arrays, on_checks=_on_checks)
