"""Was the gap there from the start? A leak's is; a drift's comes later."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.baseline.gap_scale import scale_of
from sentinel.config.alerts import Alerts
from sentinel.config.times import rfc3339
from sentinel.evaluation.findings import LaunchWindow
from sentinel.evaluation.gap import log_evidence, signed_gap
from sentinel.evaluation.maturity import Cohorts
from sentinel.events.batch import I64
from sentinel.stats.bayes import minimum_detectable_gap
from sentinel.stats.estimate import Measured, NotEnough
from sentinel.stats.multiplicity import log_mean_evidence
from sentinel.summaries.metrics import METRICS

CONFIRMATION_FACTOR: Final = 4
"""The gap is judged again at this many launch windows: no false gate of 328 null splits outlived it."""
LATER_SHARE: Final = 0.4
"""Of the launch gap, that what came after must still show; and of a grown window's, the first outcomes alone."""
LARGEST_GROWTH: Final = 4
"""Times the configured window that it grows to, where so many outcomes cannot prove a gap that matters."""
PARTS_OF_STREAM: Final = 4
"""A grown window is at most one of so many parts of all outcomes: a drift from then on stays outside."""
LARGEST_LATER: Final = 2.0
"""Times the gap in a grown window: where what came after shows more, the gap is a drift's that goes on growing. Of nine
leaks it showed .8 to 1.1 times, of a slow drift 3.3 times."""
LARGEST_LATER_REACH: Final = 1.645
"""Standard errors by which it must be more."""


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
        the longest that can be judged). A complete window grows until it can prove a gap that matters. Confirmed until
        four windows of some age say otherwise: then the gap must pass ``alpha`` over the first four of every age
        together, and the gap after the window be at least 40 % of the gap inside.

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
    first = panes_until(counts, alerts.launch_outcomes, alerts.launch_per_class)
    size = None if first is None else _grown(cohorts, counts, first, alerts)
    if size is not None and size != first and _goes_on_growing(cohorts, size):
        size = first
    n_outcomes = alerts.launch_outcomes if size == first else int(counts[:size].sum())
    confirmation = panes_until(counts, CONFIRMATION_FACTOR * n_outcomes, CONFIRMATION_FACTOR * alerts.launch_per_class)
    inside = cohorts.auc(0, size)
    return _Windows(cohorts, counts, size, confirmation, inside, log_evidence("auc", cohorts.reference, inside, alerts))


def _grown(cohorts: Cohorts, counts: I64, first: int, alerts: Alerts) -> int:
    """The panes of a window that grows from its configured size until it can prove a gap that matters.

    Notes
    -----
    It can where the smallest gap that it would raise is at most ``tau``, both sides' errors counted. It stays as
    configured once any pane on the way brings the gap of the configured window below ``LATER_SHARE`` of that of the
    grown one: a drift soon after launch opens a gap that was not there from the start. Neither depends on what comes
    after the window, and a growing stream only moves its cap outwards: the window grows, or falls back for good.
    """
    n_so_far = counts.sum(axis=1).cumsum()
    most = panes_until(counts, LARGEST_GROWTH * alerts.launch_outcomes, LARGEST_GROWTH * alerts.launch_per_class)
    last = min(int((n_so_far * PARTS_OF_STREAM <= n_so_far[-1]).sum()), most or len(counts))
    begun = cohorts.auc(0, first)
    if last <= first or isinstance(begun, NotEnough) or isinstance(cohorts.reference, NotEnough):
        return first
    areas = cohorts.areas(first, last)
    online_variances = areas.variances * (begun.variance / areas.variances[0])
    tau, tolerance = scale_of(METRICS["auc"], cohorts.reference.value, alerts)
    detectable = minimum_detectable_gap(
        cohorts.reference.variance + online_variances, tau, alerts.warn_alpha, tolerance
    )
    gaps = signed_gap(METRICS["auc"], cohorts.reference.value, areas.values)
    by_then = min([last - first, *np.flatnonzero(detectable <= tau)[:1].tolist()])
    newer = (gaps[0] < LATER_SHARE * gaps) | (gaps[0] <= 0.0)
    return first if newer[: by_then + 1].any() else int(first + by_then)


def _goes_on_growing(cohorts: Cohorts, size: int) -> bool:
    """Whether what came after shows surely more than ``LARGEST_LATER`` times the gap inside."""
    offline, inside, after = cohorts.reference, cohorts.auc(0, size), cohorts.auc(size)
    if isinstance(offline, NotEnough) or isinstance(inside, NotEnough) or isinstance(after, NotEnough):
        return False
    gap, later_gap = (float(signed_gap(METRICS["auc"], offline.value, one.value)) for one in (inside, after))
    spread = math.hypot(offline.standard_error, LARGEST_LATER * inside.standard_error, after.standard_error)
    return gap > 0.0 and later_gap - LARGEST_LATER * gap > LARGEST_LATER_REACH * spread


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
