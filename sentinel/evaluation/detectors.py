"""Order-dependent detectors over closed panes: ADWIN corroborates a change, half-space trees see what is unlike before.

Both run from scratch at every evaluation, over all panes in time order, so that what they say is a function of the
panes alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sentinel.config.times import rfc3339
from sentinel.events.batch import F64, I64
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import Summary
from sentinel.summaries.kinds.losses import LOSSES
from sentinel.summaries.layout import BIN_ABOVE, N_SPECIAL, FeatureBins, Layout, kept
from sentinel.summaries.panes import PaneSeries

Panes = tuple[tuple[int, Summary], ...]

FEWEST_PANES: Final = 32
"""Below, ADWIN's bound cannot be passed by any change; river is not even imported."""
ADWIN_DELTA: Final = 0.02
"""Of each series. The bound is so wide that 1,500 stationary series of 512 panes raised none at .02."""
ADWIN_RANGE: Final = 3.0
"""Standard errors that ADWIN's range of 0 to 1 spans: its bound is absolute, and unscaled means move by a hundredth."""
MOST_FEATURE_PANES: Final = 128
"""Of more, neighbours are added up for the features: an update costs a microsecond, and features are many."""

REFERENCE_PANES: Final = 32
"""Panes that the trees learn before the first is scored, and again before the first may be called anomalous."""
MOST_PANES: Final = 192
"""Latest panes that the trees see: they are walked in Python, at about 85 microseconds a pane."""
N_TREES: Final = 20
TREE_HEIGHT: Final = 6
TREE_SEED: Final = 1
QUANTILE: Final = 0.995
TREE_RANGE: Final = 32.0
"""Robust standard deviations that the trees' range of 0 to 1 spans: at half of it, one statistic in four that leaves
its range for six panes is missed; at this, none of seven."""
PERSISTENCE: Final = 2
"""Panes in a row above the quantile: that of a few hundred scores is too low by itself, for 3 % of panes pass it."""
MOST_NAMED: Final = 10
"""Latest anomalous panes that are named."""
RESOLUTION: Final = 0.005
"""Least standard deviation of a statistic: of a share that has always been zero, half a per cent is news, not less."""
MAD_PER_SD: Final = 0.6745
"""Median absolute deviation of a normal variable, in standard deviations."""

STATISTICS: Final = ("volume", "special", "score", "score_spread", "outcome_rate", "coverage", "delay")
"""What is known of a pane, in the order of `pane_statistics`; special are missing, invalid and out-of-range values."""


@dataclass(frozen=True, slots=True)
class Detections:
    """What the detectors saw, RFC 3339 starts of panes.

    Attributes
    ----------
    changed_at : str or None
        Last pane at which ADWIN saw the loss or the mean of a feature change.
    anomalous : tuple of str
        Latest panes whose statistics are unlike all before, in time order: a warning, and no cause.
    """

    changed_at: str | None = None
    anomalous: tuple[str, ...] = ()


def watch(live: PaneSeries, mature: PaneSeries) -> Detections:
    """Run every detector over the closed panes.

    Parameters
    ----------
    live : PaneSeries
        Of a binary task.
    mature : PaneSeries
        Those panes, the first ones, whose outcomes are settled. What depends on outcomes is read from these alone.

    Returns
    -------
    Detections
        Empty while there are fewer than 32 closed panes.
    """
    closed = closed_panes(live)
    settled = closed[: len(mature.panes)]
    if len(closed) < FEWEST_PANES:
        return Detections()
    found = [*_loss_changes(settled), *_feature_changes(live.layout, closed)]
    recent = closed[-MOST_PANES:]
    flagged = anomalies(pane_statistics(live.layout, recent, settled_through=settled[-1][0] if settled else None))
    named = tuple(rfc3339(recent[i][0]) for i in flagged[-MOST_NAMED:])
    return Detections(rfc3339(max(found)) if found else None, named)


def closed_panes(live: PaneSeries) -> Panes:
    """Panes that end before the newest prediction: all but the last, which may still grow."""
    newest = max((int(pane["last_predicted_at"][0]) for _, pane in live.panes), default=0)
    return tuple((start, pane) for start, pane in live.panes if start + live.width_us <= newest)


def brier_powers(panes: Panes) -> F64:
    """Outcomes of each pane, the sum of their Brier losses, and that of the squares: shape (n_panes, 3)."""
    sums = np.array([pane["losses"][0, :, LOSSES.index("brier")] for _, pane in panes], np.int64).reshape(-1, 2, 2)
    n = np.array([pane.n_outcomes for _, pane in panes], np.float64)
    totals, squares = sums.sum(axis=1).T
    return np.stack([n, fixed_point.decode(totals), fixed_point.decode(squares, fixed_point.SQUARE_SCALE_BITS)], axis=1)


def last_change(means: F64, standard_errors: F64) -> int | None:
    """The last pane at which ADWIN sees the mean of a series change.

    Parameters
    ----------
    means : float64 array, shape (n_panes,)
    standard_errors : float64 array, shape (n_panes,), > 0
        Of sampling alone; where neighbours differ by more, that is taken instead.

    Returns
    -------
    int or None
        Index of the pane.

    Notes
    -----
    ADWIN's bound is one for values in [0, 1] [1]_. Means of thousands of events hardly move on that scale, so they
    are centred, divided by their standard error and clipped to a range of three of those. Half the panes may then sit
    at either end, which is the change that the bound knows best.

    References
    ----------
    .. [1] Bifet & Gavalda (2007), Learning from time-changing data with adaptive windowing, SIAM SDM.
    """
    from river.drift import ADWIN  # takes a second: it is imported by those who have panes for it

    noise = np.maximum(standard_errors, _neighbour_spread(means))
    centred = (means - means.mean()) / np.maximum(noise, 1e-12)
    make: Any = ADWIN
    detector = make(delta=ADWIN_DELTA, clock=1)
    found = None
    for i, value in enumerate(np.clip(0.5 + centred / ADWIN_RANGE, 0.0, 1.0).tolist()):
        detector.update(value)
        if detector.drift_detected:
            found = i
    return found


def anomalies(statistics: F64) -> list[int]:
    """Panes unlike all before: above the quantile of half-space-tree scores so far, two in a row.

    Parameters
    ----------
    statistics : float64 array, shape (n_panes, n_statistics)
        NaN where a pane has none; it then counts as usual.

    Returns
    -------
    list of int, ascending
        Indices of panes; none among the first 64, which are the reference.

    References
    ----------
    .. [1] Tan, Ting & Liu (2011), Fast anomaly detection for streaming data, IJCAI.
    """
    if len(statistics) <= 2 * REFERENCE_PANES:
        return []
    from river.anomaly import HalfSpaceTrees, QuantileFilter

    rows = [dict(enumerate(row)) for row in _to_unit_range(statistics).tolist()]
    trees: Any = HalfSpaceTrees(n_trees=N_TREES, height=TREE_HEIGHT, window_size=REFERENCE_PANES, seed=TREE_SEED)
    for row in rows[:REFERENCE_PANES]:
        trees.learn_one(row)
    detector: Any = QuantileFilter(trees, q=QUANTILE)
    streak, found = 0, []
    for i, row in enumerate(rows[REFERENCE_PANES:], REFERENCE_PANES):
        unlike = i >= 2 * REFERENCE_PANES and detector.classify(detector.score_one(row))
        streak = streak + 1 if unlike else 0
        if streak >= PERSISTENCE:
            found.append(i)
        detector.learn_one(row)
    return found


def pane_statistics(layout: Layout, panes: Panes, *, settled_through: int | None) -> F64:
    """What each pane looks like, whatever it means: `STATISTICS`.

    Parameters
    ----------
    layout : Layout
    panes : sequence of (start, Summary)
    settled_through : int, microseconds, or None
        Start of the last pane whose outcomes are due; later ones have no statistic of outcomes.

    Returns
    -------
    float64 array, shape (n_panes, 7)
        Volume in bits, the rest as shares of 1; NaN where a pane does not tell.
    """
    scores = np.array([pane["scores"] for _, pane in panes], np.float64)
    outcomes = np.array([pane["outcomes"].sum(axis=0) for _, pane in panes], np.float64)
    delays = np.array([pane["delays"].sum(axis=1) for _, pane in panes], np.float64)
    features = np.array([pane["features"] for _, pane in panes], np.float64).reshape(len(panes), -1)
    due = np.array([settled_through is not None and start <= settled_through for start, _ in panes])
    n, n_outcomes = scores.sum(axis=1), outcomes.sum(axis=1)
    special = (layout.feature_offsets[:-1, None] + np.arange(N_SPECIAL)).ravel()
    place, delay_place = np.linspace(0.0, 1.0, scores.shape[1]), np.linspace(0.0, 1.0, delays.shape[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (scores * place).sum(axis=1) / n
        spread = np.sqrt(np.maximum((scores * place**2).sum(axis=1) / n - mean**2, 0.0))
        columns = [
            np.log2(n),
            features[:, special].sum(axis=1) / (n * max(len(layout.features), 1)),
            mean,
            spread,
            np.where(due, outcomes[:, 1] / n_outcomes, np.nan),
            np.where(due, n_outcomes / n, np.nan),
            np.where(due, (delays * delay_place).sum(axis=1) / n_outcomes, np.nan),
        ]
    table = np.stack(columns, axis=1)
    return np.where(np.isfinite(table), table, np.nan)


def _loss_changes(panes: Panes) -> list[int]:
    """Start of the last pane at which the Brier loss changed."""
    panes = tuple((start, pane) for start, pane in panes if pane["outcomes"].any())
    if len(panes) < FEWEST_PANES:
        return []
    n, totals, squares = brier_powers(panes).T
    variance = max(float(squares.sum() / n.sum() - (totals.sum() / n.sum()) ** 2), 0.0)
    at = last_change(totals / n, np.sqrt(variance / n))
    return [] if at is None else [panes[at][0]]


def _feature_changes(layout: Layout, panes: Panes) -> list[int]:
    """Start of the last pane at which each feature's mean bin changed, of those that did."""
    if not layout.features:
        return []
    groups = np.arange(0, len(panes), -(-len(panes) // MOST_FEATURE_PANES))
    counts = np.add.reduceat(np.array([pane["features"] for _, pane in panes]), groups).astype(np.float64)
    n = np.maximum(np.add.reduceat(np.array([float(pane.n_predictions) for _, pane in panes]), groups), 1.0)
    first, places = layout.feature_offsets[:-1], kept(layout, "_feature_places", _feature_places)
    means = np.add.reduceat(counts * places, first, axis=1) / n[:, None]
    total = counts.sum(axis=0) / n.sum()
    variance = np.add.reduceat(total * places**2, first) - np.add.reduceat(total * places, first) ** 2
    variance = np.maximum(variance, 0.0)
    standard_errors = np.sqrt(variance / n[:, None])
    found = [last_change(means[:, j], standard_errors[:, j]) for j in np.flatnonzero(variance > 0.0)]
    return [panes[int(groups[at])][0] for at in found if at is not None]


def _feature_places(layout: Layout) -> F64:
    """Place of each bin on its feature's own axis, shape (n_feature_bins,)."""
    return np.concatenate([_places(feature) for feature in layout.features]).astype(np.float64)


def _places(feature: FeatureBins) -> I64:
    """Bins in order of value: missing and invalid at the bottom, above the range at the top."""
    places = np.arange(feature.n_bins)
    if feature.kind == "numeric":
        places[BIN_ABOVE] = feature.n_bins
    return places


def _neighbour_spread(means: F64) -> float:
    """Standard deviation of a pane about its level, from neighbours: a change of the level does not enter."""
    return float(np.median(np.abs(np.diff(means)))) / (MAD_PER_SD * math.sqrt(2.0))


def _to_unit_range(statistics: F64) -> F64:
    """Deviations from the reference panes in robust standard deviations, as places in 0 to 1; one half is usual."""
    known = np.isfinite(statistics[:REFERENCE_PANES]).any(axis=0)
    table = np.where(known, statistics, 0.0)
    centre = np.nanmedian(table[:REFERENCE_PANES], axis=0)
    spread = np.nanmedian(np.abs(table[:REFERENCE_PANES] - centre), axis=0) / MAD_PER_SD
    scaled = np.nan_to_num((table - centre) / np.maximum(spread, RESOLUTION), nan=0.0)
    return np.asarray(np.clip(0.5 + scaled / TREE_RANGE, 0.0, 1.0))
