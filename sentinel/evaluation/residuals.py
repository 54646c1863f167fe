"""The errors of a regression: how they are spread, and from which predictions and errors their gap comes."""

from __future__ import annotations

from typing import Final

import numpy as np

from sentinel.evaluation.findings import Parts, Residuals
from sentinel.stats.arrays import Floats
from sentinel.stats.decomposition import LEAST_OVERLAP, overlap_mass
from sentinel.stats.drift import stability_index
from sentinel.stats.error_parts import ERROR_PARTS, ErrorSide, ErrorSplit, split_errors
from sentinel.stats.estimate import NotEnough
from sentinel.stats.intervals import INTERVAL_REACH
from sentinel.stats.regression import POWERS
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import Array, Summary
from sentinel.summaries.kinds.errors import FAR, scale_of

LEVELS: Final = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
LEAST_EDGES: Final = 2 * len(FAR) + 3
"""Edges of residual bins before a spread means anything; fewer where most residuals are the same."""
SPLIT: Final = {"mae": 1.0, "rmse": 1.0, "r2": -1.0, "explained_variance": -1.0}
"""Metrics whose gap is split, and the sign of a change for the worse."""
IN_UNITS: Final = frozenset({"mae", "rmse"})
"""Of them, those that are counted in units of the scale."""
_SIZE = POWERS.index("n")


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
    """Split the gaps of a regression's own metrics by bins of the prediction.

    Parameters
    ----------
    offline, online : Summary
        Under one layout.

    Returns
    -------
    dict of metric name to Parts
        ``mae`` and ``rmse`` in the unit of the outcome, ``r2`` and ``explained_variance``; above 0 where the step makes
        live worse. Empty for other tasks, and where a side has no outcome. ``score_mix`` is what other predictions
        cost, ``outcome`` what other outcomes and errors at the same predictions do, ``label_selection`` what other
        coverage does. Intervals hold at one look, for independent events.
    """
    if offline.layout.task != "regression":
        return {}
    before, after = _errors(offline), _errors(online)
    if not before.cells[:, _SIZE].sum() or not after.cells[:, _SIZE].sum():
        return {}
    layout, unit = offline.layout, scale_of(offline.layout).unit
    predictions = np.bincount(layout.coarse_bin, online["scores"], layout.n_slice_score_bins).astype(np.int64)
    shared = overlap_mass(before.cells[:, _SIZE], predictions)
    if shared < LEAST_OVERLAP:
        reason = f"offline and live predictions share {shared:.0%} of their mass: {LEAST_OVERLAP:.0%} needed"
        return dict.fromkeys(SPLIT, Parts(reason=reason))
    splits = split_errors(before, after, predictions)
    scales = {name: sign * (unit if name in IN_UNITS else 1.0) for name, sign in SPLIT.items()}
    return {name: _parts(split, scales[name]) for name, split in splits.items()}


def _parts(split: ErrorSplit, scale: float) -> Parts:
    values = dict(zip(ERROR_PARTS, (split.parts * scale).tolist(), strict=True))
    reach = dict(zip(ERROR_PARTS, (INTERVAL_REACH * split.errors * abs(scale)).tolist(), strict=True))
    bounds = {name: (value - reach[name], value + reach[name]) for name, value in values.items()}
    return Parts(
        score_mix=values["score_mix"],
        outcome=values["outcome"],
        label_selection=values["label_selection"],
        intervals=bounds,
    )


def _errors(side: Summary) -> ErrorSide:
    """Power sums by bin of the prediction, and the fourth powers of all errors."""
    return ErrorSide(
        fixed_point.joined(side["error_cells"]), float(fixed_point.joined(side["errors"][0])[POWERS.index("e4")])
    )
