"""The comparison of one baseline with the live panes of its model version: a pure function of counts."""

from __future__ import annotations

from typing import Any, Protocol

from sentinel.config.model import Alerts
from sentinel.evaluation.features import compare_features
from sentinel.evaluation.findings import Evaluation, Parts
from sentinel.evaluation.gap import compare
from sentinel.evaluation.launch import judge_launch
from sentinel.evaluation.mix import auc_parts
from sentinel.evaluation.performance import to_calibration
from sentinel.evaluation.slices import compare_slices
from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import Layout
from sentinel.summaries.metrics import METRICS, measure, measure_slices
from sentinel.summaries.panes import PaneSeries


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


def evaluate(baseline: OfflineSide, live: PaneSeries, alerts: Alerts) -> Evaluation:
    """Hold live traffic against the offline estimate.

    Parameters
    ----------
    baseline : OfflineSide
    live : PaneSeries
        All panes of the model version, under the baseline's layout.
    alerts : Alerts
        Thresholds and scales.

    Returns
    -------
    Evaluation
        The same for any split, order or grouping of the same events; no NaN and no infinity in it.

    Raises
    ------
    LayoutMismatchError
        If the panes were counted under another layout.
    """
    online = live.total()
    before, after = measure(baseline.summary), measure(online)
    parts = {"auc": auc_parts(baseline.summary, online)}
    headline = [compare(name, before[name], after[name], alerts, parts.get(name, Parts())) for name in METRICS]
    slices = compare_slices(
        baseline.layout.slice_names, measure_slices(baseline.summary), measure_slices(online), alerts
    )
    launch = judge_launch(live, before["auc"], alerts)
    return Evaluation(
        findings=(*headline, *slices),
        features=compare_features(baseline.layout, baseline.summary, online),
        launch=launch.window,
        offline_calibration=to_calibration(before),
        online_calibration=to_calibration(after),
        later_gap=launch.later_gap,
        confirmed=launch.confirmed,
    )
