"""Every slice against its own offline estimate, many at once and few of them falsely."""

from __future__ import annotations

from typing import Final

import numpy as np

from sentinel.baseline.gap_scale import scale_of
from sentinel.config.alerts import Alerts
from sentinel.evaluation.findings import Finding, Value
from sentinel.evaluation.gap import BOUNDS_ALPHA, signed_gap
from sentinel.stats.arrays import Booleans, Floats
from sentinel.stats.bayes import anytime_interval, log_bayes_factor, minimum_detectable_gap
from sentinel.stats.estimate import DEFAULT_MINIMUM
from sentinel.stats.intervals import INTERVAL_REACH
from sentinel.stats.multiplicity import e_bh
from sentinel.summaries.metric import Metric, SliceTable
from sentinel.summaries.metrics import METRICS

MINIMUM_SLICE_OUTCOMES: Final = 100
"""Outcomes on either side before a slice is judged: below, its variance is a guess."""


def compare_slices(
    names: tuple[str, ...],
    offline: SliceTable,
    online: SliceTable,
    alerts: Alerts,
    of_score: Booleans | None = None,
) -> list[Finding]:
    """Findings of every metric in every slice that holds an outcome on either side.

    Parameters
    ----------
    names : tuple of str
        ``column=value`` of each slice.
    offline, online : SliceTable
        In the order of ``names``.
    alerts : Alerts
    of_score : bool array, shape (n_slices,), optional
        Slices that are cut by the score. They have no AUC: within a range of scores it is low by that alone, and
        moves with their spread.

    Returns
    -------
    list of Finding
        By slice, then metric. ``alarm`` marks the slices that e-BH finds, per metric, at ``slice_fdr``.
    """
    ranged = np.zeros(len(offline), np.bool_) if of_score is None else of_score
    columns = {name: _compare(METRICS[name], offline, online, alerts, ranged) for name in offline.values}
    present = np.flatnonzero((offline.n > 0) | (online.n > 0))
    return [
        _finding(columns[name], name, names[slot], slot, offline, online)
        for slot in present.tolist()
        for name in columns
        if not (name == "auc" and ranged[slot])
    ]


class _Column:
    """One metric over all slices; lists, since they are read one by one."""

    def __init__(self, **arrays: Floats | Booleans) -> None:
        self.cells = {name: array.tolist() for name, array in arrays.items()}

    def __call__(self, name: str, slot: int) -> float | None:
        value: float = self.cells[name][slot]
        return value


def _compare(metric: Metric, offline: SliceTable, online: SliceTable, alerts: Alerts, of_score: Booleans) -> _Column:
    before, after = offline.values[metric.name], online.values[metric.name]
    variance = offline.variances[metric.name] + online.variances[metric.name]
    both = offline.valid[metric.name] & online.valid[metric.name]
    directed = metric.higher_is_better is not None
    tau, tolerance = scale_of(metric, before, alerts)
    gap = signed_gap(metric, before, after)
    bounds = anytime_interval(gap, variance, tau, BOUNDS_ALPHA)
    evidence = log_bayes_factor(gap, variance, tau, tolerance)
    judged = both & _judged(metric, offline, alerts) & _judged(metric, online, alerts) & directed
    if metric.name == "auc":
        judged &= ~of_score
    alarm = np.zeros(len(gap), np.bool_)
    alarm[judged] = e_bh(evidence[judged], alerts.slice_fdr)
    return _Column(
        both=both & directed,
        judged=judged,
        alarm=alarm,
        gap=gap,
        lower=bounds.lower,
        upper=bounds.upper,
        evidence=evidence,
        detectable=minimum_detectable_gap(offline.variances[metric.name], tau, alerts.alpha, tolerance),
        **_side("offline", metric, offline),
        **_side("online", metric, online),
    )


def _judged(metric: Metric, side: SliceTable, alerts: Alerts) -> Booleans:
    enough: Booleans = side.n >= MINIMUM_SLICE_OUTCOMES
    if metric.name == "auc":
        enough = enough & (np.minimum(side.n_positive, side.n - side.n_positive) >= alerts.minimum_per_class)
    return enough


def _side(name: str, metric: Metric, side: SliceTable) -> dict[str, Floats | Booleans]:
    value, reach = side.values[metric.name], INTERVAL_REACH * np.sqrt(side.variances[metric.name])
    lower, upper = value - reach, value + reach
    return {
        f"{name}_valid": side.valid[metric.name],
        f"{name}_value": value,
        f"{name}_lower": lower if metric.least is None else np.maximum(lower, metric.least),
        f"{name}_upper": upper if metric.most is None else np.minimum(upper, metric.most),
    }


def _finding(column: _Column, metric: str, name: str, slot: int, offline: SliceTable, online: SliceTable) -> Finding:
    has_gap, judged = column("both", slot), column("judged", slot)
    return Finding(
        metric=metric,
        slice=name,
        offline=_value(column, "offline", metric, slot, offline),
        online=_value(column, "online", metric, slot, online),
        gap=column("gap", slot) if has_gap else None,
        lower=column("lower", slot) if has_gap else None,
        upper=column("upper", slot) if has_gap else None,
        log_evidence=column("evidence", slot) if judged else None,
        minimum_detectable_gap=column("detectable", slot) if judged else None,
        alarm=bool(column("alarm", slot)),
    )


def _value(column: _Column, side: str, metric: str, slot: int, table: SliceTable) -> Value:
    n = int(table.n[slot])
    if not column(f"{side}_valid", slot):
        n_positive = int(table.n_positive[slot])
        short = f"{n_positive} positive and {n - n_positive} negative outcomes, {DEFAULT_MINIMUM} of each needed"
        reason = short if metric == "auc" else f"{n} outcomes, {DEFAULT_MINIMUM} needed"
        return Value(value=None, lower=None, upper=None, n=n, reason=reason)
    cells = (column(f"{side}_{end}", slot) for end in ("value", "lower", "upper"))
    value, lower, upper = cells
    return Value(value=value, lower=lower, upper=upper, n=n)
