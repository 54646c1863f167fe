"""Was the gap of the task's own metric there from the start? The question of yes or no may see little of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from sentinel.config.alerts import Alerts
from sentinel.config.times import rfc3339
from sentinel.evaluation.findings import Finding, LaunchWindow
from sentinel.evaluation.gap import log_evidence, signed_gap
from sentinel.evaluation.launch import CONFIRMATION_FACTOR, LATER_SHARE, panes_until
from sentinel.evaluation.maturity import Cohorts
from sentinel.stats.estimate import Measured, NotEnough
from sentinel.summaries.metrics import METRICS, measure
from sentinel.summaries.panes import PaneSeries

STEADY: Final = ("explained_variance", "macro_auc", "ndcg")
"""Of a regression, of several classes, of a ranking: the metric that a shift of all outcomes alone leaves as it was."""


def judge_own_launch(cohorts: Cohorts, findings: Sequence[Finding], alerts: Alerts) -> LaunchWindow | None:
    """Judge the task's own metric inside the launch window, by the rule of the AUC.

    Parameters
    ----------
    cohorts : Cohorts
        At maturity.
    findings : sequence of Finding
    alerts : Alerts

    Returns
    -------
    LaunchWindow or None
        In the unit of the metric. ``alarm``: the evidence inside passes ``warn_alpha`` and, once there are four
        windows, ``alpha`` over those, and what came after the window shows 40 % of the gap inside. None for a binary
        task, and where the metric has no alarm on everything since launch: then nothing stands that could be early.
    """
    raised = [f.metric for f in findings if f.metric in STEADY and f.slice == "all" and f.alarm]
    if not raised:
        return None
    name, offline = raised[0], measure(cohorts.offline)[raised[0]]
    counts = cohorts.outcomes()
    size = panes_until(counts, alerts.launch_outcomes, alerts.launch_per_class)
    factor = CONFIRMATION_FACTOR
    four = panes_until(counts, factor * alerts.launch_outcomes, factor * alerts.launch_per_class)
    inside = _measured(cohorts.live, name, 0, size)
    evidence = log_evidence(name, offline, inside, alerts)
    gap = _gap(name, offline, inside)
    alarm = evidence is not None and evidence >= -math.log(alerts.warn_alpha)
    if alarm and size is not None and four is not None:
        whole = log_evidence(name, offline, _measured(cohorts.live, name, 0, four), alerts)
        later = _gap(name, offline, _measured(cohorts.live, name, size, None))
        lasts = gap is None or later is None or later >= LATER_SHARE * gap
        alarm = whole is not None and whole >= -math.log(alerts.alpha) and lasts
    last = cohorts.live.panes[:size][-1][0] + cohorts.live.width_us if len(counts) else None
    return LaunchWindow(
        complete=size is not None,
        n_outcomes=int(counts[:size].sum()),
        through=None if last is None else rfc3339(last),
        gap=gap,
        log_evidence=evidence,
        alarm=alarm,
    )


def _measured(live: PaneSeries, name: str, start: int, stop: int | None) -> Measured:
    return measure(PaneSeries(live.layout, live.width_us, live.panes[start:stop]).total())[name]


def _gap(name: str, offline: Measured, online: Measured) -> float | None:
    if isinstance(offline, NotEnough) or isinstance(online, NotEnough):
        return None
    return float(signed_gap(METRICS[name], offline.value, online.value))
