"""Power sums of outcomes and errors of a regression: overall and per slice, by entity bucket, and by score bin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from sentinel.errors import FatalError
from sentinel.events.batch import F64, I64
from sentinel.stats.regression import N_FIRST, N_POWERS, terms_of_errors
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import ArraySpec, Cells, SummaryKind
from sentinel.summaries.layout import Layout, OutcomeScale
from sentinel.summaries.rows import Rows, slice_rows

LARGEST: Final = 128.0
"""Units to which outcomes and errors are cut. The fourth power is 2^28: sums of 2^34 events of the worst fit."""
FAR: Final = (0.125, 0.25, 0.5, 1.0)
"""Outermost edges of residual bins on either side: so many spans of 99.9 % of the offline residuals beyond these."""
N_CLIPPED: Final = 2
"""Cells of ``clipped``: outcomes that were cut, errors that were."""


def scale_of(layout: Layout) -> OutcomeScale:
    """The scale of a regression.

    Raises
    ------
    FatalError
        If the layout has none: it was not built for a regression.
    """
    if layout.outcome_scale is None:
        raise FatalError(f"the layout of {layout.model} {layout.version} has no scale for its outcomes")
    return layout.outcome_scale


def scaled(scale: OutcomeScale, rows: Rows) -> tuple[F64, F64]:
    """Outcomes and errors in units of the scale, not yet cut."""
    with np.errstate(over="ignore"):  # a difference beyond the largest double is infinite, and cut like any other
        outcomes = (rows["outcome"] - scale.centre) / scale.unit
        errors = (rows["score"] - rows["outcome"]) / scale.unit
    return outcomes, errors


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    # The last axis holds whole units and fractions (see `fixed_point.split`), the one before the powers of `POWERS`.
    return {
        # Row 0 is all traffic, row 1 + s is slice slot s.
        "errors": ArraySpec((1 + layout.n_slices, N_POWERS, 2)),
        "error_buckets": ArraySpec((layout.n_buckets, N_POWERS, 2)),
        "error_cells": ArraySpec((layout.n_slice_score_bins, N_FIRST, 2)),
        "residuals": ArraySpec((len(scale_of(layout).residual_edges) + 1,)),
        "clipped": ArraySpec((N_CLIPPED,)),
    }


def _on_outcomes(layout: Layout, rows: Rows) -> Iterator[Cells]:
    scale = scale_of(layout)
    raw_outcomes, raw_errors = scaled(scale, rows)
    outcomes = np.clip(raw_outcomes, -LARGEST, LARGEST)
    errors = np.clip(raw_errors, -scale.error_limit, scale.error_limit)
    terms = fixed_point.split(terms_of_errors(errors, outcomes)).reshape(len(rows), -1)
    slots = slice_rows(rows)
    for name, places, amounts in (
        ("errors", slots, terms),
        ("error_buckets", rows["bucket"].astype(np.int64)[:, None], terms),
        ("error_cells", layout.coarse_bin[rows["score_bin"]][:, None], terms[:, : 2 * N_FIRST]),
    ):
        yield _spread(name, places, amounts)
    edges = np.array(scale.residual_edges)
    yield Cells("residuals", np.searchsorted(edges, raw_errors, side="right").astype(np.int64))
    cut = np.stack([np.abs(raw_outcomes) > LARGEST, np.abs(raw_errors) > scale.error_limit], axis=1)
    yield Cells("clipped", np.broadcast_to(np.arange(N_CLIPPED), cut.shape), cut.astype(np.int64))


def _spread(name: str, places: I64, amounts: I64) -> Cells:
    """Add all amounts of each row at each of its places: amounts lie side by side in the array."""
    n, k = amounts.shape
    codes = places[:, :, None] * k + np.arange(k)
    repeated = np.broadcast_to(amounts[:, None, :], codes.shape)
    return Cells(name, codes.reshape(n, -1), repeated.reshape(n, -1))


KIND = SummaryKind("errors", frozenset({"regression"}), _arrays, on_outcomes=_on_outcomes)
