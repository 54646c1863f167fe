"""Was the gap there from the start? A leak's is; a drift's comes later."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.config.model import Alerts
from sentinel.evaluation.findings import LaunchWindow
from sentinel.evaluation.gap import log_evidence, signed_gap
from sentinel.evaluation.maturity import Cohorts
from sentinel.evaluation.times import rfc3339
from sentinel.events.batch import I64
from sentinel.stats.estimate import Measured, NotEnough
from sentinel.stats.multiplicity import log_mean_evidence
from sentinel.summaries.metrics import METRICS

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


@dataclass(frozen=True, slots=True)
class _Windows:
    """One age's panes: its outcomes by pane, and where the launch window and four of it end (None: not yet)."""

    cohorts: Cohorts
    counts: I64
    size: int | None
    confirmation: int | None
    inside: Measured
    evidence: float | None

    @property
    def gap(self) -> float | None:
        return _gap(self.cohorts.reference, self.inside)

    @property
    def later_gap(self) -> float | None:
        return None if self.size is None else _gap(self.cohorts.reference, self.cohorts.auc(self.size))


def judge_launch(ages: Sequence[Cohorts], alerts: Alerts) -> Launch:
    """Judge the AUC gap in the first panes, and again over four times as many outcomes.

    Parameters
    ----------
    ages : sequence of Cohorts
        Longest last; at least one.
    alerts : Alerts

    Returns
    -------
    Launch
        While the window is incomplete it is judged as far as it goes: the evidence holds at every look, and is the
        mean over the ages. Gap, size and end are those of the longest age whose window is complete (before that, of
        the longest that can be judged). Confirmed until four windows of some age say otherwise: then the gap must pass
        ``alpha`` over the first four of every age together, and the gap after the window be at least 40 % of the gap
        inside.

    Notes
    -----
    Panes follow the time of prediction. In the order of their arrival the first outcomes are the quick ones, which hid
    a gap of .10 for fifteen times as long.
    """
    windows = [_windows(cohorts, alerts) for cohorts in ages]
    shown = _shown(windows)
    evidence = combined([one.evidence for one in windows])
    later_gap = shown.later_gap
    window = LaunchWindow(
        complete=shown.size is not None,
        n_outcomes=int(shown.counts[: shown.size].sum()),
        through=_end(shown),
        gap=shown.gap,
        log_evidence=evidence,
        alarm=evidence is not None and evidence >= -math.log(alerts.warn_alpha),
    )
    return Launch(window, later_gap, _confirmed(windows, shown.gap, later_gap, alerts))


def combined(evidence: Sequence[float | None]) -> float | None:
    """Log of the mean e-value over all ages; one that cannot be judged yet counts as no evidence either way.

    Examples
    --------
    >>> combined([None, 3.0]) < 3.0
    True
    >>> combined([None, None]) is None
    True
    """
    if all(one is None for one in evidence):
        return None
    return log_mean_evidence(np.array([0.0 if one is None else one for one in evidence]))


def panes_until(counts: I64, n_outcomes: int, n_per_class: int) -> int | None:
    """How many panes it takes to hold so many outcomes, so many of each class; None if all do not."""
    so_far = np.cumsum(counts, axis=0)
    enough = (so_far.sum(axis=1) >= n_outcomes) & (so_far.min(axis=1, initial=np.iinfo(np.int64).max) >= n_per_class)
    reached = np.flatnonzero(enough)
    return int(reached[0]) + 1 if reached.size else None


def _windows(cohorts: Cohorts, alerts: Alerts) -> _Windows:
    counts = cohorts.outcomes()
    size = panes_until(counts, alerts.launch_outcomes, alerts.launch_per_class)
    confirmation = panes_until(
        counts, CONFIRMATION_FACTOR * alerts.launch_outcomes, CONFIRMATION_FACTOR * alerts.launch_per_class
    )
    inside = cohorts.auc(0, size)
    return _Windows(cohorts, counts, size, confirmation, inside, log_evidence("auc", cohorts.reference, inside, alerts))


def _shown(windows: Sequence[_Windows]) -> _Windows:
    complete = [one for one in windows if one.size is not None]
    judged = [one for one in windows if one.evidence is not None]
    return (complete or judged or windows)[-1]


def _confirmed(windows: Sequence[_Windows], gap: float | None, later_gap: float | None, alerts: Alerts) -> bool:
    if all(one.confirmation is None for one in windows):
        return True
    evidence = combined(
        [log_evidence("auc", one.cohorts.reference, one.cohorts.auc(0, one.confirmation), alerts) for one in windows]
    )
    if evidence is None or evidence < -math.log(alerts.alpha):
        return False
    return gap is None or later_gap is None or later_gap >= LATER_SHARE * gap


def _gap(offline: Measured, online: Measured) -> float | None:
    if isinstance(offline, NotEnough) or isinstance(online, NotEnough):
        return None
    return float(signed_gap(METRICS["auc"], offline.value, online.value))


def _end(window: _Windows) -> str | None:
    """End of the last pane of the window that holds an outcome."""
    filled = np.flatnonzero(window.counts[: window.size].sum(axis=1))
    live = window.cohorts.live
    return rfc3339(live.panes[int(filled[-1])][0] + live.width_us) if filled.size else None
