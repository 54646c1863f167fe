"""Was the gap there from the start? A leak's is; a drift's comes later."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.config.model import Alerts
from sentinel.evaluation.findings import LaunchWindow
from sentinel.evaluation.gap import log_evidence, signed_gap
from sentinel.evaluation.times import rfc3339
from sentinel.events.batch import I64
from sentinel.stats.estimate import Measured, NotEnough
from sentinel.summaries.metrics import METRICS, auc_of_buckets
from sentinel.summaries.panes import PaneSeries

CONFIRMATION_FACTOR: Final = 4
"""The gap is judged again at this many launch windows: no false gate of 328 null splits outlived it."""
LATER_SHARE: Final = 0.4
"""Of the launch gap, that what came after must still show."""


@dataclass(frozen=True, slots=True)
class Launch:
    """The launch window, and whether what came after bears it out."""

    window: LaunchWindow
    later_gap: float | None
    confirmed: bool


def judge_launch(live: PaneSeries, offline: Measured, alerts: Alerts) -> Launch:
    """Judge the AUC gap in the first panes, and again over four times as many outcomes.

    Parameters
    ----------
    live : PaneSeries
    offline : Estimate or NotEnough
        The offline AUC.
    alerts : Alerts

    Returns
    -------
    Launch
        While the window is incomplete it is judged as far as it goes: the evidence holds at every look. Confirmed
        until four windows say otherwise: then the gap must pass ``alpha`` over all of them, and the gap after the
        window be at least 40 % of the gap inside.
    """
    counts = np.array([pane["outcomes"].sum(axis=0) for _, pane in live.panes], np.int64).reshape(-1, 2)
    size = _panes_until(counts, alerts.launch_outcomes, alerts.launch_per_class)
    confirmation = _panes_until(
        counts, CONFIRMATION_FACTOR * alerts.launch_outcomes, CONFIRMATION_FACTOR * alerts.launch_per_class
    )
    inside = _auc(live, 0, len(counts) if size is None else size)
    gap = _gap(offline, inside)
    evidence = log_evidence("auc", offline, inside, alerts)
    alarm = evidence is not None and evidence >= -math.log(alerts.warn_alpha)
    later_gap = None if size is None else _gap(offline, _auc(live, size, len(counts)))
    window = LaunchWindow(
        complete=size is not None,
        n_outcomes=int(counts[:size].sum()),
        through=_end(live, size, counts),
        gap=gap,
        log_evidence=evidence,
        alarm=alarm,
    )
    confirmed = confirmation is None or _stands(live, offline, gap, later_gap, confirmation, alerts)
    return Launch(window, later_gap, confirmed)


def _stands(
    live: PaneSeries, offline: Measured, gap: float | None, later_gap: float | None, n_panes: int, alerts: Alerts
) -> bool:
    evidence = log_evidence("auc", offline, _auc(live, 0, n_panes), alerts)
    if evidence is None or evidence < -math.log(alerts.alpha):
        return False
    return gap is None or later_gap is None or later_gap >= LATER_SHARE * gap


def _panes_until(counts: I64, n_outcomes: int, n_per_class: int) -> int | None:
    """How many panes it takes to hold so many outcomes, so many of each class; None if all do not."""
    so_far = np.cumsum(counts, axis=0)
    enough = (so_far.sum(axis=1) >= n_outcomes) & (so_far.min(axis=1, initial=np.iinfo(np.int64).max) >= n_per_class)
    reached = np.flatnonzero(enough)
    return int(reached[0]) + 1 if reached.size else None


def _auc(live: PaneSeries, start: int, stop: int) -> Measured:
    buckets = np.zeros((live.layout.n_buckets, live.layout.n_score_bins, 2), np.int64)
    for _, pane in live.panes[start:stop]:
        buckets += pane["buckets"]
    return auc_of_buckets(buckets)


def _gap(offline: Measured, online: Measured) -> float | None:
    if isinstance(offline, NotEnough) or isinstance(online, NotEnough):
        return None
    return float(signed_gap(METRICS["auc"], offline.value, online.value))


def _end(live: PaneSeries, size: int | None, counts: I64) -> str | None:
    """End of the last pane of the window that holds an outcome."""
    filled = np.flatnonzero(counts[:size].sum(axis=1))
    return rfc3339(live.panes[int(filled[-1])][0] + live.width_us) if filled.size else None
