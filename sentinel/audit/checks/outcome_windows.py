"""Training rows whose outcome was not yet known when the first validation row was predicted."""

from __future__ import annotations

from typing import Final, Self

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.costs import is_costly, is_harmless
from sentinel.audit.estimates.inflation import InflationTally, scoring
from sentinel.audit.estimates.measured import priced, share_of
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import (
    MOST_ROWS,
    CheckResult,
    Finding,
    Inflation,
    RowPair,
    Severity,
    found,
    not_checked,
)
from sentinel.audit.times.order import LATER_RATIO, NEARLY_ALL
from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.events.batch import I64, Bool
from sentinel.events.times import BAD_TIME
from sentinel.stats.estimate import NotEnough

NAME: Final = "outcome_windows"
TITLE: Final = "training outcomes from the time of the validation rows"
NOTEWORTHY: Final = 0.01
"""Share of training rows with outcomes from beyond the cut that is worth a warning: fewer cannot move a fit."""

WORRYING: Final = 0.05
"""The same, from which a measured gain is taken for theirs: early and late rows differ in other ways, too (measured: of
100 honest simulated worlds one, with 2 %, seemed to gain .017)."""


def start(context: Context) -> Check | CheckResult:
    """Needs a split in time, and the times of the training outcomes."""
    if context.train is None:
        return not_checked(NAME, "there are no training rows", "--train")
    times, asked = (rows.times[rows.times != BAD_TIME] for rows in (context.train, context.validation))
    if not len(times) or not len(asked):
        needs = f"the column {context.model.columns.predicted_at!r} (columns.predicted_at) in both files"
        return not_checked(NAME, "the rows of one of the files carry no time", needs)
    if not _has_outcome_time(context.train).any():
        needs = f"the column {context.model.columns.outcome_at!r} (columns.outcome_at) in the training rows"
        return not_checked(NAME, "nothing says when training outcomes came to be known", needs)
    nearly_us = np.quantile(times, NEARLY_ALL)
    later = asked[asked > nearly_us]
    if len(later) < LATER_RATIO * len(asked):
        return not_checked(
            NAME, "the files overlap in time, so there is no cut for a window to cross", "a split by time"
        )
    return _OutcomeWindows(context, context.train, int(later.min()))


class _OutcomeWindows:
    """Counts what lies astride the cut."""

    def __init__(self, context: Context, sampled: AuditRows, cut_us: int) -> None:
        self._cut_us = cut_us
        has = _has_outcome_time(sampled)
        delays = sampled.outcome_times[has] - sampled.times[has]
        self._delay_seconds = max(float(np.quantile(delays, NEARLY_ALL)) / MICROSECONDS_PER_SECOND, 0.0)
        ends = sampled.outcome_times[_crossing(sampled, cut_us)]
        self._until_us = int(np.quantile(ends, NEARLY_ALL, method="lower")) if len(ends) else cut_us
        self._n = self._n_crossing = self._n_validation = self._n_before = 0
        self._rows: list[int] = []
        how = scoring(context)
        self._tally = None if isinstance(how, NotEnough) else InflationTally(how)
        self._why = how.reason if isinstance(how, NotEnough) else None

    def train(self, rows: AuditRows) -> None:
        """Count the rows whose outcome came after the cut."""
        crossing = _crossing(rows, self._cut_us)
        self._n += int(_has_outcome_time(rows).sum())
        self._n_crossing += int(crossing.sum())
        self._keep_first(rows.numbers[crossing][:MOST_ROWS])

    def _keep_first(self, numbers: I64 | list[int]) -> None:
        self._rows = sorted([*self._rows, *map(int, numbers)])[:MOST_ROWS]

    def add_train(self, other: Self) -> None:
        """Take in the counts of another copy."""
        self._n += other._n
        self._n_crossing += other._n_crossing
        self._keep_first(other._rows)

    def validation(self, rows: AuditRows) -> None:
        """Count the rows predicted before nearly all of these outcomes were known."""
        before = (rows.times != BAD_TIME) & (rows.times < self._until_us)
        self._n_validation += len(rows)
        self._n_before += int(before.sum())
        if self._tally is not None:
            self._tally.add(rows, before)

    def add_validation(self, other: Self) -> None:
        """Take in the counts of another copy."""
        self._n_validation += other._n_validation
        self._n_before += other._n_before
        if self._tally is not None and other._tally is not None:
            self._tally.merge(other._tally)

    def result(self) -> CheckResult:
        """Say how many cross, and how long a gap would leave none."""
        share = self._n_crossing / max(self._n, 1)
        detail = (
            f"{self._n_crossing:,} of {self._n:,} training rows have an outcome that came to be known after the first "
            f"validation prediction ({share:.2%}); {NEARLY_ALL:.0%} of outcomes take up to {self._delay_seconds:,.0f} s"
        )
        if not self._n_crossing:
            return found(NAME, (), detail)
        measured = None if self._tally is None else self._tally.inflation()
        inflation, no_inflation = priced(measured, self._why)
        before = share_of(self._n_before, self._n_validation)
        finding = Finding(
            check=NAME,
            cause="temporal_leakage",
            severity=_severity(share, measured),
            title=f"the outcomes of {share:.1%} of training rows lie beyond the split",
            detail=(
                f"{detail}. Live, a model cannot be fitted to them yet; {before.value:.1%} of validation rows were "
                f"predicted before {NEARLY_ALL:.0%} of these outcomes were known."
            ),
            mend=(
                f"Leave a gap of {self._delay_seconds:,.0f} s between the last training and the first validation "
                "prediction (purge), or drop the training rows whose outcome comes after the first validation "
                "prediction."
            ),
            share=before,
            chance=0.0,
            inflation=inflation,
            no_inflation=no_inflation,
            rows=tuple(RowPair(train=row, similarity=0.0, note="outcome beyond the split") for row in self._rows),
            n_rows=self._n_crossing,
        )
        return found(NAME, (finding,), detail)


def _severity(share: float, measured: Inflation | NotEnough | None) -> Severity:
    if share < NOTEWORTHY or is_harmless(measured):
        return "info"
    return "critical" if share >= WORRYING and is_costly(measured) else "warning"


def _has_outcome_time(rows: AuditRows) -> Bool:
    has: Bool = (rows.outcome_times != BAD_TIME) & (rows.times != BAD_TIME)
    return has


def _crossing(rows: AuditRows, cut_us: int) -> Bool:
    crossing: Bool = _has_outcome_time(rows) & (rows.times < cut_us) & (rows.outcome_times > cut_us)
    return crossing
