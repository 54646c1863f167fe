"""Did performance change after launch, and when: the panes of a binary task, each against what came before it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np

from sentinel.baseline.gap_scale import scale_of
from sentinel.config.alerts import Alerts
from sentinel.config.times import rfc3339
from sentinel.evaluation.detectors import Panes, brier_powers, watch
from sentinel.evaluation.findings import Change
from sentinel.evaluation.gap import enough_to_judge, log_evidence, signed_gap
from sentinel.evaluation.launch import panes_until
from sentinel.events.batch import F64, I64, Bool
from sentinel.stats.auc import auc_from_histogram, auc_many
from sentinel.stats.change import (
    change_posterior,
    locate,
    log_shiryaev_roberts,
    mixed_log_evidence,
    pool,
    split_log_evidence,
    split_masses,
)
from sentinel.stats.dispersion import time_dispersion
from sentinel.stats.estimate import Estimate, Measured, NotEnough
from sentinel.stats.losses import mean_loss
from sentinel.summaries.algebra import Summary
from sentinel.summaries.metrics import METRICS, auc_of_buckets, design_effect
from sentinel.summaries.panes import PaneSeries

LEAST_PER_CLASS: Final = 10
"""Outcomes of each class on either side of a split: below, constant scores made a belief of e^-733."""
LEAST_BEFORE: Final = 500
"""Outcomes before a split that may raise the alarm: no offline estimate stands beside them."""
LEAST_PER_CLASS_AFTER: Final = 20
"""Outcomes of each class after such a split."""
SLACK: Final = 1.05
"""The accepted loss in units of its upper bound: a loss wanders by some per cent where nothing is wrong."""
BOUND_REACH: Final = 1.645
"""Standard errors from the estimate of the accepted loss to its one-sided 95 % bound."""
DISCREPANCY_REACH: Final = 1.0
"""Standard errors by which the launch window must be worse than offline not to be pooled with it. With 2 the loss of a
model with a gap of .08 AUC from launch was called changed in 1 % of streams, against .4 % nominal."""
HORIZON_PANES: Final = 512
"""A stream has about so many panes: the run length asked for is this over alpha."""
LIKELY: Final = 0.5
"""An onset is named where a later gap is at least so probable, or the evidence of a change has passed alpha."""


@dataclass(frozen=True, slots=True)
class _Splits:
    """Performance before and after each boundary between two panes; gaps above 0 where it is worse after."""

    before: F64
    before_variance: F64
    after: F64
    after_variance: F64
    usable: Bool
    alarming: Bool

    @property
    def gap(self) -> F64:
        return signed_gap(METRICS["auc"], self.before, self.after)


def judge_change(
    live: PaneSeries, mature: PaneSeries, offline: Summary, alerts: Alerts, online: Summary | None = None
) -> Change:
    """All that is known of a change after launch: `weigh_change`, and what the detectors of `watch` saw.

    Parameters
    ----------
    live : PaneSeries
        All panes, of a binary task.
    mature, offline, alerts, online
        As for `weigh_change`.

    Returns
    -------
    Change
    """
    seen = watch(live, mature)
    change = weigh_change(mature, offline, alerts, online)
    return msgspec.structs.replace(change, corroborated_at=seen.changed_at, anomalous=seen.anomalous)


def weigh_change(mature: PaneSeries, offline: Summary, alerts: Alerts, online: Summary | None = None) -> Change:
    """Weigh no gap, a gap from launch on and a later gap; look for a change at every pane boundary.

    Parameters
    ----------
    mature : PaneSeries
        Panes of a binary task that are old enough for their outcomes: those that come early are not like the rest.
    offline : Summary
    alerts : Alerts
    online : Summary, optional
        ``mature.total()`` where the caller has it; saves adding up the panes.

    Returns
    -------
    Change
        The prior where there is not enough data. A pure function of the panes, whatever was evaluated before.

    Notes
    -----
    Gap, split and posterior are those of AUC, with DeLong variances inflated by what the entity buckets of all panes
    or the differences between stretches of time ask for, whichever is more: days differ where nothing has changed.
    The betting statistic is that of the Brier loss after the launch window; the accepted loss is an upper bound of
    what offline and the launch window showed together, or of the launch window alone, if that is worse: a gap from
    launch is no change. Its alarm is about now, and ends when the loss has recovered for long enough.
    """
    panes = tuple((start, pane) for start, pane in mature.panes if pane["outcomes"].any())
    counts = np.array([pane["outcomes"] for _, pane in panes], np.int64).reshape(-1, mature.layout.n_score_bins, 2)
    effect = max(design_effect(_buckets(mature, online)), time_dispersion(counts))
    change = _judge_splits([start for start, _ in panes], mature.width_us, counts, effect, offline, alerts)
    loss = _judge_loss(panes, counts.sum(axis=1), offline, alerts)
    alarm = loss is not None and loss >= math.log(HORIZON_PANES / alerts.alpha)
    return msgspec.structs.replace(change, loss_log_evidence=loss, loss_alarm=alarm)


def _judge_splits(
    starts: list[int], width_us: int, counts: I64, design_effect: float, offline: Summary, alerts: Alerts
) -> Change:
    reference, total = auc_of_buckets(offline["buckets"]), _total(counts, design_effect)
    splits = _measure_splits(counts, design_effect, enough_to_judge("auc", total, alerts))
    tau, tolerance = scale_of(METRICS["auc"], 0.0, alerts)
    variance = splits.before_variance + splits.after_variance
    alone = split_log_evidence(splits.gap, variance, splits.alarming, tau, tolerance)
    evidence = mixed_log_evidence(alone, split_masses(np.arange(1, len(alone) + 1)))
    level, level_variance = splits.before, splits.before_variance
    if isinstance(reference, Estimate):
        level, level_variance = pool(level, level_variance, reference.value, reference.variance)
    gap = signed_gap(METRICS["auc"], level, splits.after)
    later = split_log_evidence(gap, level_variance + splits.after_variance, splits.usable, tau, tolerance)
    belief = change_posterior(log_evidence("auc", reference, total, alerts) or 0.0, later, splits.usable)
    change = Change(
        none=belief.none,
        launch=belief.launch,
        later=belief.later,
        log_evidence=evidence if splits.alarming.any() else None,
        alarm=evidence >= -math.log(alerts.alpha),
    )
    if not splits.usable.any() or (belief.later < LIKELY and not change.alarm):
        return change
    onset = locate(belief.at_split)
    return msgspec.structs.replace(
        change,
        onset=rfc3339(starts[onset.likeliest + 1]),
        onset_lower=rfc3339(starts[onset.lower]),
        onset_upper=rfc3339(starts[onset.upper + 1] + width_us),
        drop=float(splits.gap[onset.likeliest]),
    )


def _measure_splits(counts: I64, design_effect: float, enough: bool) -> _Splits:
    """Both sides of every boundary between panes: split i has i + 1 panes before it."""
    so_far = np.cumsum(counts, axis=0)
    first, rest = so_far[:-1], so_far[-1:] - so_far[:-1]
    before = auc_many(first[..., 1], first[..., 0], minimum_per_class=LEAST_PER_CLASS)
    after = auc_many(rest[..., 1], rest[..., 0], minimum_per_class=LEAST_PER_CLASS)
    usable = before.valid & after.valid & enough
    many = before.n_positive + before.n_negative >= LEAST_BEFORE
    alarming = usable & many & (np.minimum(after.n_positive, after.n_negative) >= LEAST_PER_CLASS_AFTER)
    return _Splits(
        before.values,
        before.variances * design_effect,
        after.values,
        after.variances * design_effect,
        usable,
        alarming,
    )


def _buckets(mature: PaneSeries, online: Summary | None) -> I64:
    if online is not None:
        return np.asarray(online["buckets"], np.int64)
    total = np.zeros((mature.layout.n_buckets, mature.layout.n_score_bins, 2), np.int64)
    for _, pane in mature.panes:
        total += pane["buckets"]
    return total


def _total(counts: I64, design_effect: float) -> Measured:
    """AUC over all panes, with the variance that the entity buckets ask for."""
    together = counts.sum(axis=0)
    measured = auc_from_histogram(together[:, 1], together[:, 0])
    if isinstance(measured, NotEnough):
        return measured
    return replace(measured, variance=measured.variance * design_effect)


def _judge_loss(panes: Panes, counts: I64, offline: Summary, alerts: Alerts) -> float | None:
    """The betting statistic on the Brier loss after the launch window; None before that is complete."""
    size = panes_until(counts, alerts.launch_outcomes, alerts.launch_per_class)
    if size is None or size == len(panes):
        return None
    powers = brier_powers(panes)
    reference, launch = brier_powers(((0, offline),))[0], powers[:size].sum(axis=0)
    together, alone, promised = _mean(reference + launch), _mean(launch), _mean(reference)
    accepted = SLACK * _upper(alone if _is_worse(alone, promised) else together)
    spread = together.variance * together.n if isinstance(together, Estimate) else None
    n, totals, squares = powers[size:].T
    return float(log_shiryaev_roberts(n, totals, accepted, squares=squares, variance=spread)[-1])


def _is_worse(launch: Measured, offline: Measured) -> bool:
    """Whether the launch window lost more than offline, by more than chance: then its level is the accepted one."""
    if isinstance(launch, NotEnough) or isinstance(offline, NotEnough):
        return True
    return launch.value - offline.value > DISCREPANCY_REACH * math.hypot(launch.standard_error, offline.standard_error)


def _mean(sums: F64) -> Measured:
    return mean_loss(*sums.tolist())


def _upper(measured: Measured) -> float:
    """Upper bound of a mean loss; 1, the worst that there is, without enough events."""
    if isinstance(measured, NotEnough):
        return 1.0
    return measured.value + BOUND_REACH * measured.standard_error
