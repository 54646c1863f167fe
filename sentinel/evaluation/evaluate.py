"""The comparison of one baseline with the live panes of its model version: a pure function of counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from sentinel.config.alerts import Alerts
from sentinel.config.model import Feature
from sentinel.evaluation.change import judge_change
from sentinel.evaluation.classes import compare_classes
from sentinel.evaluation.counterfactuals import judge_counterfactuals
from sentinel.evaluation.decomposition import decompose
from sentinel.evaluation.discovery import discover
from sentinel.evaluation.drift import SCORE, judge_drifts
from sentinel.evaluation.expected import expected_values
from sentinel.evaluation.faults import find_faults
from sentinel.evaluation.features import NOTHING, compare_features
from sentinel.evaluation.findings import Evaluation, Finding, Parts
from sentinel.evaluation.gap import compare
from sentinel.evaluation.launch import combined, judge_launch
from sentinel.evaluation.maturity import (
    Absence,
    Cohorts,
    covered_seconds,
    find_ages,
    judge_maturity,
    with_feature_outcomes,
)
from sentinel.evaluation.overlap import judge_overlaps
from sentinel.evaluation.own_launch import judge_own_launch
from sentinel.evaluation.performance import to_calibration
from sentinel.evaluation.reliability import compare_delays, compare_reliability
from sentinel.evaluation.residuals import compare_residuals, decompose_errors
from sentinel.evaluation.shift import judge_shift
from sentinel.evaluation.slices import compare_slices
from sentinel.evaluation.stuck_scores import find_stuck_score
from sentinel.evaluation.wire import with_wire
from sentinel.summaries.algebra import Summary
from sentinel.summaries.copied_outcomes import are_outcomes
from sentinel.summaries.layout import Layout
from sentinel.summaries.metrics import VIEW_METRICS, measure, measure_slices
from sentinel.summaries.panes import PaneSeries

T = TypeVar("T")


class OfflineSide(Protocol):
    """What a baseline offers to an evaluation."""

    @property
    def layout(self) -> Layout:
        """What both sides count by."""
        ...

    @property
    def summary(self) -> Summary:
        """The counts of the offline validation."""
        ...

    @property
    def meta(self) -> Any:
        """How the offline estimate was made."""
        ...


def evaluate(
    baseline: OfflineSide,
    live: PaneSeries,
    alerts: Alerts,
    through_us: int | None = None,
    *,
    absence: Absence = "missing",
    settled_us: int = 0,
    declared: Mapping[str, Feature] = NOTHING,
) -> Evaluation:
    """Hold live traffic against the offline estimate.

    Parameters
    ----------
    baseline : OfflineSide
    live : PaneSeries
        All panes of the model version, under the baseline's layout.
    alerts : Alerts
        Thresholds and scales.
    through_us : int or None, microseconds since the epoch, UTC
        Event time until which outcomes have been read: panes that are too young by it enter nothing that depends on
        outcomes. None: every outcome that will come has come.
    absence : {"missing", "negative"}
        What it means that no outcome came.
    settled_us : int, microseconds
        Where it means a negative: the age at which the join has counted it as one.
    declared : mapping of name to Feature
        What is known of single features: when they are available.

    Returns
    -------
    Evaluation
        The same for any split, order or grouping of the same events; no NaN and no infinity in it.

    Notes
    -----
    The AUC is judged at each age at which both sides can be compared: the fixed-horizon twins of the layout, and
    maturity. Its evidence is the mean of their e-values, so several ages cost no false alarms; its estimates, gap and
    bounds are those of the longest age that has enough outcomes on both sides (``Maturity.judged_seconds``). All other
    metrics, slices and the features' associations are those of mature predictions.

    Raises
    ------
    LayoutMismatchError
        If the panes were counted under another layout.
    """
    ages = find_ages(baseline.summary, live, through_us, absence, settled_us)
    online, mature = _totals(live, ages[-1].live)
    shown, found = _judge_ages(ages, alerts)
    before, after = measure(baseline.summary), measure(mature)
    parts = decompose(baseline.summary, mature, *(_of_the_view(baseline.layout, side) for side in (before, after)))
    parts = {**parts, **decompose_errors(baseline.summary, mature)}
    headline = [compare(name, before[name], after[name], alerts, parts.get(name)) for name in before if name != "auc"]
    auc = msgspec.structs.replace(found, parts=_auc_parts(shown, parts if shown is ages[-1] else None))
    slices = compare_slices(
        baseline.layout.slice_names,
        measure_slices(baseline.summary),
        measure_slices(mature),
        alerts,
        baseline.layout.is_of_score,
    )
    launch = judge_launch(ages, alerts)
    associated = with_feature_outcomes(online, live, through_us, absence)
    drifts = judge_drifts(baseline.layout, baseline.summary, online)
    faults = find_faults(baseline.layout, baseline.summary, live)
    features = compare_features(baseline.layout, baseline.summary, associated, drifts, faults)
    expected = _of_the_view(baseline.layout, expected_values(baseline.summary, online))
    everywhere = (msgspec.structs.replace(f, expected=expected.get(f.metric)) for f in (auc, *headline))
    return Evaluation(
        findings=(
            *everywhere,
            *compare_classes(baseline.summary, mature, alerts),
            *slices,
            *discover(baseline.summary, mature, alerts),
        ),
        features=with_wire(features, baseline.layout, baseline.summary, online, declared),
        launch=launch.window,
        offline_calibration=to_calibration(before),
        online_calibration=to_calibration(after),
        later_gap=launch.later_gap,
        confirmed=launch.confirmed,
        change=judge_change(live, ages[-1].live, baseline.summary, alerts, mature),
        shift=judge_shift(baseline.summary, mature),
        score_drift=drifts.get(SCORE),
        counterfactuals=judge_counterfactuals(baseline, online, before["auc"], after["auc"]),
        overlaps=judge_overlaps(baseline, online),
        maturity=judge_maturity(baseline.summary, live, through_us, absence, shown.age_us),
        residuals=compare_residuals(baseline.summary, mature),
        own_launch=judge_own_launch(ages[-1], headline, alerts),
        stuck_score=find_stuck_score(baseline.layout, baseline.summary, live),
        offline_scores_are_outcomes=are_outcomes(baseline.summary),
        covered_seconds=covered_seconds(ages),
        reliability=compare_reliability(baseline.summary, mature),
        delays=compare_delays(baseline.summary, online),
    )


def _of_the_view(layout: Layout, of_metric: Mapping[str, T]) -> Mapping[str, T]:
    """Only what is of the question of yes or no, where the task has metrics of its own by the same names."""
    if layout.task == "binary":
        return of_metric
    return {name: one for name, one in of_metric.items() if name in VIEW_METRICS}


def _judge_ages(ages: Sequence[Cohorts], alerts: Alerts) -> tuple[Cohorts, Finding]:
    """The age that is shown, and the AUC's finding there with the evidence of all ages."""
    found = [compare("auc", age.reference, age.auc(), alerts) for age in ages]
    judged = [at for at, finding in enumerate(found) if finding.log_evidence is not None]
    at = (judged or [len(ages) - 1])[-1]
    evidence = combined([finding.log_evidence for finding in found])
    alarm = evidence is not None and evidence >= -math.log(alerts.alpha)
    return ages[at], msgspec.structs.replace(found[at], log_evidence=evidence, alarm=alarm)


def _auc_parts(shown: Cohorts, settled: Mapping[str, Parts] | None) -> Parts:
    """Parts of the AUC gap at the age that is shown, which ``settled`` holds if it is the last one."""
    parts = settled
    if parts is None:
        parts = decompose(shown.offline, shown.total(), {"auc": shown.reference}, {"auc": shown.auc()})
    return parts.get("auc", Parts())


def _totals(live: PaneSeries, mature: PaneSeries) -> tuple[Summary, Summary]:
    """Counts of all panes and of the mature ones, which come first."""
    if mature is live:
        total = live.total()
        return total, total
    settled = mature.total()
    total = settled.copy()
    for _, pane in live.panes[len(mature.panes) :]:
        total.merge(pane)
    return total, settled
