"""The metric that the manifest states, against what scores and outcomes of the validation rows give."""

from __future__ import annotations

from typing import Final, Self

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.inflation import METRICS, InflationTally, scoring
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import CheckResult, Finding, Interval, Severity, found, not_checked
from sentinel.stats.estimate import NotEnough

NAME: Final = "stated_metrics"
TITLE: Final = "a stated metric that the rows do not give"
SAME: Final[dict[str, float]] = {"auc": 2e-3, "accuracy": 1e-3, "rmse": 2e-3}
"""Differences that are none: our bins move an area by less than 1e-3, and people write three digits. Of a root mean
square as a share of it."""


def start(context: Context) -> Check | CheckResult:
    """Needs a metric of the task in the manifest, and scores."""
    stated = context.manifest.get("stated_metrics") or {}
    metric = METRICS.get(context.model.task)
    if metric is None or stated.get(metric) is None:
        wanted = metric or "a metric"
        return not_checked(NAME, f"the manifest does not state {wanted}", f"stated_metrics: {{{wanted}: ...}}")
    how = scoring(context)
    if isinstance(how, NotEnough):
        return not_checked(NAME, how.reason, "validation rows with their scores")
    return _Stated(float(stated[metric]), InflationTally(how))


class _Stated:
    """Holds the counts that the metric is made of."""

    def __init__(self, stated: float, tally: InflationTally) -> None:
        self._stated = stated
        self._tally = tally

    def train(self, rows: AuditRows) -> None:
        """Training rows say nothing of it."""

    def add_train(self, other: Self) -> None:
        """Nor do those of a copy."""

    def validation(self, rows: AuditRows) -> None:
        """Count outcomes by score."""
        self._tally.add(rows, np.zeros(len(rows), np.bool_))

    def add_validation(self, other: Self) -> None:
        """Take in the counts of a copy."""
        self._tally.merge(other._tally)

    def result(self) -> CheckResult:
        """Compare."""
        metric, stated = self._tally.metric, self._stated
        measured = self._tally.stated()
        if isinstance(measured, NotEnough):
            return not_checked(NAME, measured.reason, "more outcomes of each class")
        given = _written(measured)
        detail = f"{metric} {stated:.4g} is stated; these rows give {given}"
        same = SAME[metric] * (abs(measured.value) if metric == "rmse" else 1.0)
        if abs(stated - measured.value) <= same:
            return found(NAME, (), detail)
        flatters = (stated > measured.value) == (metric != "rmse")
        outside = not measured.lower <= stated <= measured.upper
        severity: Severity = "warning" if outside and flatters else "info"
        finding = Finding(
            check=NAME,
            cause="data_quality_fault",
            severity=severity,
            title=f"the stated {metric} is not that of these rows: {stated:.4g}, not {measured.value:.4g}",
            detail=(
                f"{metric} {stated:.4g} is stated, and scores and outcomes of these rows give {given}. The difference "
                f"is {'more' if outside else 'no more'} than chance brings about between two sets of such rows"
                f"{'; what is stated looks better than it is' if flatters else ''}. On the same rows and scores there "
                f"is none: a difference of {same:.2g} and less is not told."
            ),
            mend="State the metric of these rows, or audit the rows and the scores that it was measured on.",
            no_inflation="what was stated was not measured on these rows, so they cannot tell what it is worth",
        )
        return found(NAME, (finding,), detail)


def _written(measured: Interval) -> str:
    return f"{measured.value:.4g} ({measured.lower:.4g} to {measured.upper:.4g})"
