"""Each class of a multiclass task against its own offline estimate."""

from __future__ import annotations

import msgspec
import numpy as np

from sentinel.config.alerts import Alerts
from sentinel.evaluation.findings import Finding
from sentinel.evaluation.gap import compare
from sentinel.stats.multiplicity import e_bh
from sentinel.summaries.algebra import Summary
from sentinel.summaries.multiclass import CLASS_METRICS, measure_classes


def compare_classes(offline: Summary, online: Summary, alerts: Alerts) -> tuple[Finding, ...]:
    """Findings of every class; none but for a multiclass task.

    Parameters
    ----------
    offline, online : Summary
        Under one layout.
    alerts : Alerts

    Returns
    -------
    tuple of Finding
        By class, then metric; ``slice`` names the class. ``alarm`` marks those that e-BH finds, per metric, at
        ``slice_fdr``.
    """
    if offline.layout.task != "multiclass":
        return ()
    live = {(metric, name): measured for metric, name, measured in measure_classes(online)}
    found = [
        msgspec.structs.replace(compare(metric, before, live[metric, name], alerts), slice=name)
        for metric, name, before in measure_classes(offline)
    ]
    raised = set()
    for metric in CLASS_METRICS:
        names = [f.slice for f in found if f.metric == metric and f.log_evidence is not None]
        evidence = np.array([f.log_evidence for f in found if f.metric == metric and f.log_evidence is not None])
        raised |= {(metric, name) for name, alarm in zip(names, e_bh(evidence, alerts.slice_fdr), strict=True) if alarm}
    return tuple(msgspec.structs.replace(f, alarm=(f.metric, f.slice) in raised) for f in found)
