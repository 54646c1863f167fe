"""The metrics of a task's own, beside the AUC of its question: which they are, what they show, what they lack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.baseline.gap_scale import scale_of
from sentinel.config.alerts import Alerts
from sentinel.diagnosis.figures import figure
from sentinel.evaluation.findings import Evaluation, Finding
from sentinel.summaries.metrics import METRICS

OWN: Final = (
    ("explained_variance", "r2", "mae", "rmse"),
    ("macro_auc", "macro_f1", "accuracy"),
    ("ndcg", "mrr"),
)
"""Of a regression, of several classes, of a ranking; the first of each tells the task. A binary task has none: its
question is the task."""


def own_findings(evaluation: Evaluation) -> tuple[Finding, ...]:
    """Findings of the task's own metrics over all traffic; none of a binary task."""
    everywhere = {f.metric: f for f in evaluation.findings if f.slice == "all"}
    return tuple(everywhere[name] for names in OWN if names[0] in everywhere for name in names if name in everywhere)


def raised(evaluation: Evaluation) -> tuple[Finding, ...]:
    """Those of `own_findings` whose evidence has passed the alarm."""
    return tuple(finding for finding in own_findings(evaluation) if finding.alarm)


def other_alarms(evaluation: Evaluation) -> tuple[Finding, ...]:
    """Findings over all traffic with an alarm that is neither of the AUC nor of the task's own metrics."""
    told = {"auc", *(finding.metric for finding in own_findings(evaluation))}
    return tuple(f for f in evaluation.findings if f.slice == "all" and f.alarm and f.metric not in told)


def describe_gap(finding: Finding) -> str:
    """What moved, by how much, against which estimate, where."""
    where = "over all traffic" if finding.slice == "all" else f"in slice {finding.slice}"
    if finding.gap is None or finding.offline.value is None or finding.online.value is None:
        return f"{finding.metric} {where} has no gap yet"
    bounds = [bound for bound in (finding.lower, finding.upper) if bound is not None]
    way, gap = "worse", finding.gap
    if gap < 0.0:
        way, gap, bounds = "better", -gap, [-bound for bound in reversed(bounds)]
    metric = finding.metric
    return (
        f"{metric} {where} is {figure(metric, finding.online.value)} live on {finding.online.n} outcomes, "
        f"{figure(metric, finding.offline.value)} offline on {finding.offline.n} rows: {way} by {figure(metric, gap)} "
        f"(95 % {' to '.join(figure(metric, bound) for bound in bounds)} at every look)"
    )


def wishes(evaluation: Evaluation, worth_knowing: float) -> Iterator[str]:
    """What the task's own metrics lack to be judged.

    Parameters
    ----------
    evaluation : Evaluation
    worth_knowing : float, AUC
        The gap that must be excluded; that of each metric follows from it.
    """
    defaults = Alerts()
    for finding in own_findings(evaluation):
        if finding.offline.value is None:
            yield f"an offline {finding.metric}: {finding.offline.reason}; build the baseline from more validation rows"
            continue
        worth = float(scale_of(METRICS[finding.metric], finding.offline.value, defaults).tau) / defaults.tau
        worth *= worth_knowing
        if finding.minimum_detectable_gap is not None and finding.minimum_detectable_gap > worth:
            yield (
                f"a larger validation set: with {finding.offline.n} rows no gap below "
                f"{finding.minimum_detectable_gap:.3g} {finding.metric} can ever be proven, {worth:.3g} is wanted"
            )
        elif finding.online.value is None:
            yield f"outcomes for {finding.metric}: {finding.online.reason}"
