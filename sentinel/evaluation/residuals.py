"""The errors of a regression: how they are spread, and from which predictions and errors their gap comes."""

from __future__ import annotations

from typing import Final

import numpy as np

from sentinel.evaluation.findings import Parts, Residuals
from sentinel.stats.arrays import Floats
from sentinel.stats.decomposition import LEAST_OVERLAP, overlap_mass, split_mean_change
from sentinel.stats.drift import stability_index
from sentinel.stats.estimate import NotEnough
from sentinel.stats.regression import POWERS
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import Array, Summary
from sentinel.summaries.kinds.errors import FAR, scale_of

LEVELS: Final = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
LEAST_EDGES: Final = 2 * len(FAR) + 3
"""Edges of residual bins before a spread means anything; fewer where most residuals are the same."""
_SIZE, _ABSOLUTE = POWERS.index("n"), POWERS.index("abs_e")


def compare_residuals(offline: Summary, online: Summary) -> Residuals | None:
    """Hold the live distribution of the residuals against that of the offline rows.

    Parameters
    ----------
    offline, online : Summary
        Under one layout.

    Returns
    -------
    Residuals or None
        None for other tasks, and where a side has no outcome.

    Notes
    -----
    Edge ``len(FAR)`` from either end bounds 99.9 % of the offline residuals; beyond the outermost ones, a span further
    out, a quantile is that edge.
    """
    if offline.layout.task != "regression":
        return None
    scale = scale_of(offline.layout)
    before, after = offline["residuals"], online["residuals"]
    if len(scale.residual_edges) < LEAST_EDGES or not before.sum() or not after.sum():
        return None
    edges = np.array(scale.residual_edges) * scale.unit
    moved = stability_index(before, after)
    return Residuals(
        n=int(after.sum()),
        offline_n=int(before.sum()),
        quantiles=_quantiles(after, edges),
        offline_quantiles=_quantiles(before, edges),
        beyond_ratio=float((after[: len(FAR) + 1].sum() + after[-len(FAR) - 1 :].sum()) / after.sum()),
        excess_psi=None if isinstance(moved, NotEnough) else moved.excess,
    )


def _quantiles(counts: Array, edges: Floats) -> dict[str, float]:
    """Interpolate within bins."""
    below = np.cumsum(counts)[:-1] / counts.sum()  # share at or below each edge
    found = np.interp(list(LEVELS.values()), below, edges)
    return dict(zip(LEVELS, found.tolist(), strict=True))


def decompose_errors(offline: Summary, online: Summary) -> dict[str, Parts]:
    """Split the gap of the mean absolute error by bins of the prediction.

    Parameters
    ----------
    offline, online : Summary
        Under one layout.

    Returns
    -------
    dict of metric name to Parts
        ``mae`` alone, in the unit of the outcome; empty for other tasks, and where a side has no outcome. ``score_mix``
        is what other predictions cost, ``outcome`` what other errors at the same predictions do.
    """
    if offline.layout.task != "regression":
        return {}
    layout, scale = offline.layout, scale_of(offline.layout)
    (n_before, before), (n_after, after) = (_errors(side) for side in (offline, online))
    if not n_before.sum() or not n_after.sum():
        return {}
    predictions = np.bincount(layout.coarse_bin, online["scores"], minlength=layout.n_slice_score_bins)
    shared = overlap_mass(n_before, predictions)
    if shared < LEAST_OVERLAP:
        reason = f"offline and live predictions share {shared:.0%} of their mass: {LEAST_OVERLAP:.0%} needed"
        return {"mae": Parts(reason=reason)}
    mix, outcome, selection = split_mean_change((n_before, before), (n_after, after), predictions)
    unit = scale.unit
    return {"mae": Parts(score_mix=mix * unit, outcome=outcome * unit, label_selection=selection * unit)}


def _errors(side: Summary) -> tuple[Floats, Floats]:
    """Events and sums of absolute errors by bin of the prediction."""
    cells = fixed_point.joined(side["error_cells"])
    return cells[:, _SIZE], cells[:, _ABSOLUTE]
