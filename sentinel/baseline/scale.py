"""On which scale the outcomes of a regression are counted, chosen on the offline rows."""

from __future__ import annotations

from typing import Final

import numpy as np

from sentinel.errors import BaselineError
from sentinel.events.batch import F64, Bool
from sentinel.summaries.kinds.errors import FAR, LARGEST
from sentinel.summaries.layout import OutcomeScale

TAIL: Final = 0.001
"""Of outcomes, and of errors, that lie beyond what is called usual here."""
REACH: Final = 4.0
"""Errors count up to so many times the usual: a model that knows nothing errs by about the usual deviation."""
EDGE_TAIL: Final = 0.005
"""Of outcomes on either side that do not enter the unit: one of a million times the size must not become the unit."""
N_RESIDUAL_BINS: Final = 20
"""Of equal shares, the outer two cut once more at half of ``TAIL``, and at each of ``FAR`` beyond."""


def outcome_scale(outcomes: F64, predicted: F64) -> OutcomeScale:
    """Choose the scale.

    Parameters
    ----------
    outcomes, predicted : float64 array, shape (n,)
        A sample of the rows; what is not finite is left out.

    Returns
    -------
    OutcomeScale

    Raises
    ------
    BaselineError
        If no row has both numbers.

    Examples
    --------
    >>> scale = outcome_scale(np.arange(5.0), np.arange(5.0) + 1.0)
    >>> scale.centre, scale.split, round(scale.unit, 1)
    (2.0, 3.0, 1.4)
    """
    usable = np.isfinite(outcomes) & np.isfinite(predicted)
    y, errors = outcomes[usable], predicted[usable] - outcomes[usable]
    if not len(y):
        raise BaselineError("no row has a number for its score and for its outcome")
    centre = float(np.median(y))
    above = y[y > centre]
    unit = _unit(y, errors)
    usual = max(float(np.quantile(np.abs(side), 1.0 - TAIL)) for side in (errors, y - centre))
    return OutcomeScale(
        centre=centre,
        unit=unit,
        split=float(above.min()) if len(above) else centre,
        error_limit=float(np.clip(REACH * usual / unit, 1.0, LARGEST)),
        residual_edges=_residual_edges(errors / unit),
    )


def _residual_edges(errors: F64) -> tuple[float, ...]:
    levels = [TAIL / 2, *(np.arange(1, N_RESIDUAL_BINS) / N_RESIDUAL_BINS), 1.0 - TAIL / 2]
    inner = np.quantile(errors, levels)
    far = np.array(FAR) * (inner[-1] - inner[0])
    edges = np.unique(np.concatenate([inner[0] - far, inner, inner[-1] + far]))
    return tuple(edges.tolist())


def _unit(y: F64, errors: F64) -> float:
    """Standard deviation of the outcomes without their tails; of all of them, or of the errors, where that is zero."""
    low, high = np.quantile(y, [EDGE_TAIL, 1.0 - EDGE_TAIL])
    for values in (np.clip(y, low, high), y, errors):
        spread = float(values.std())
        if np.isfinite(spread) and spread > 1e-12 * float(np.abs(values).max()):
            return spread
    return 1.0


def high_ratios(edges: tuple[float, ...], predicted: F64, high: Bool) -> tuple[float, ...]:
    """Share of high outcomes in each bin of the predictions, made to rise with the prediction.

    Parameters
    ----------
    edges : tuple of float, ascending
        Inner edges of the bins.
    predicted : float64 array, shape (n,)
    high : bool array, shape (n,)

    Returns
    -------
    tuple of float, 0..1, one for each bin

    Notes
    -----
    Each bin starts with one row of the overall share. Neighbours that fall are pooled until none does: the isotonic
    regression of the answers on the bins.

    References
    ----------
    .. [1] Zadrozny & Elkan (2002), Transforming classifier scores into accurate multiclass probability estimates, KDD.

    Examples
    --------
    >>> high_ratios((0.0, 1.0), np.array([-1.0, -1.0, 2.0, 2.0]), np.array([True, False, True, True]))
    (0.5833333, 0.75, 0.9166667)
    """
    bins = np.searchsorted(np.array(edges), predicted, side="right")
    n = np.bincount(bins, minlength=len(edges) + 1) + 1.0
    overall = float(high.mean()) if len(high) else 0.5
    hits = np.bincount(bins, high, minlength=len(edges) + 1) + overall
    pooled: list[tuple[float, float, int]] = []
    for size, hit in zip(n.tolist(), hits.tolist(), strict=True):
        pooled.append((size, hit, 1))
        while len(pooled) > 1 and pooled[-2][1] * pooled[-1][0] >= pooled[-1][1] * pooled[-2][0]:
            last = pooled.pop()
            pooled[-1] = (pooled[-1][0] + last[0], pooled[-1][1] + last[1], pooled[-1][2] + last[2])
    return tuple(hit / size for size, hit, width in pooled for _ in range(width))
