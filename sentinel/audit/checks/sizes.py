"""Validation rows that are too few: against the training rows, and for what their metric is to prove."""

from __future__ import annotations

from typing import Final, Self

import numpy as np
from scipy import stats

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.inflation import N_BUCKETS, InflationTally, scoring
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import CheckResult, Finding, Interval, Severity, found, not_checked
from sentinel.stats.bayes import minimum_detectable_gap
from sentinel.stats.estimate import NotEnough

NAME: Final = "sizes"
TITLE: Final = "validation rows that are too few for what they are to prove"
FEW: Final = 0.05
"""Validation rows for each training row: as many again would cost the training rows no more than that share."""
WIDE: Final = 0.1
"""Half of the 95 % interval, from which a model cannot be told from one that is a class better or worse: an AUC of .7
from .8; of a root mean square as a share of it."""
BLIND: Final = 2.0
"""Times the gap that is looked for hardest (``alerts.tau``), up to which the smallest that can be proven may lie."""
_T: Final = float(stats.t.ppf(0.975, N_BUCKETS - 1))


def start(context: Context) -> Check | CheckResult:
    """Needs scores and outcomes of the validation rows."""
    how = scoring(context)
    if isinstance(how, NotEnough):
        return not_checked(NAME, how.reason, "validation rows with their scores")
    if not np.isfinite(context.validation.outcomes).any():
        return not_checked(NAME, "no validation row has an outcome", "the column of outcomes")
    return _Sizes(context, InflationTally(how))


class _Sizes:
    """Holds the counts that the metric is made of."""

    def __init__(self, context: Context, tally: InflationTally) -> None:
        self._alerts = context.model.alerts
        self._n_train = context.n_train
        self._tally = tally
        self._n = 0

    def train(self, rows: AuditRows) -> None:
        """How many there are is known."""

    def add_train(self, other: Self) -> None:
        """Nor does a copy know more."""

    def validation(self, rows: AuditRows) -> None:
        """Count outcomes by score."""
        self._n += int(np.isfinite(rows.outcomes).sum())
        self._tally.add(rows, np.zeros(len(rows), np.bool_))

    def add_validation(self, other: Self) -> None:
        """Take in the counts of a copy."""
        self._n += other._n
        self._tally.merge(other._tally)

    def result(self) -> CheckResult:
        """Tell how sure the metric is, and what gap to live it could ever prove."""
        counted = f"{self._n:,} validation rows with an outcome"
        if self._n_train:
            counted += f", {self._n / self._n_train:.1%} as many as training rows"
        stated = self._tally.stated()
        if isinstance(stated, NotEnough):
            one = _finding("warning", "the validation rows are too few for any metric", f"{counted}: {stated.reason}.")
            return found(NAME, (one,), counted)
        reach, gap = stated.upper - stated.value, self._smallest_gap(stated)
        detail = f"{counted}; {self._tally.metric} is known to {reach:.3f} with 95 % confidence"
        if gap is not None:
            detail += f", and no gap between it and live rows below {gap:.3f} could ever be proven"
        title = self._title(stated, reach, gap)
        if title is None:
            return found(NAME, (), detail)
        return found(
            NAME, (_finding("warning" if self._width(stated) > WIDE else "info", title, f"{detail}."),), detail
        )

    def _smallest_gap(self, stated: Interval) -> float | None:
        """Of an area; the scale of alerts is that of AUC."""
        if self._tally.metric != "auc":
            return None
        variance = ((stated.upper - stated.value) / _T) ** 2
        alerts = self._alerts
        return float(minimum_detectable_gap(variance, alerts.tau, alerts.alpha, alerts.tolerance))

    def _title(self, stated: Interval, reach: float, gap: float | None) -> str | None:
        metric, tau = self._tally.metric, self._alerts.tau
        if self._n < FEW * self._n_train and (gap is None or gap > tau):
            known = f"{metric} is known to {reach:.3f}"
            return f"validation rows are {self._n / self._n_train:.1%} as many as training rows: {known}"
        if gap is not None and gap > BLIND * tau:
            return f"{self._n:,} validation rows could never prove a gap below {gap:.2f} {metric}"
        is_wide = self._width(stated) > WIDE
        return f"{self._n:,} validation rows tell {metric} to {reach:.3g} only" if is_wide else None

    def _width(self, stated: Interval) -> float:
        reach = stated.upper - stated.value
        return reach / stated.value if self._tally.metric == "rmse" and stated.value > 0.0 else reach


def _finding(severity: Severity, title: str, detail: str) -> Finding:
    return Finding(
        check=NAME,
        cause="data_quality_fault",
        severity=severity,
        title=title,
        detail=detail,
        mend="Put more rows aside for validation, by entity and by time; where there are no more, judge by the "
        "interval of the metric, not by its value.",
        no_inflation="it widens the interval of the metric and does not move it",
    )
