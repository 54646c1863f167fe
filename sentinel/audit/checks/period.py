"""Validation rows from the time of the training rows: what a split in time would not have."""

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
    Plot,
    RowPair,
    Series,
    Severity,
    found,
    not_checked,
)
from sentinel.audit.times.order import NEARLY_ALL
from sentinel.audit.times.rate_drift import RateDrift, rate_drift
from sentinel.config.times import rfc3339
from sentinel.events.times import BAD_TIME
from sentinel.stats.estimate import NotEnough

NAME: Final = "period"
TITLE: Final = "validation rows from the time of the training rows"
NOTEWORTHY: Final = 0.01
"""Share of validation rows from the time of nearly all training rows that is worth a line where no split by time is
stated, and that breaks a stated one for more than a stray row: of an honest split by time hardly one is."""


def start(context: Context) -> Check | CheckResult:
    """Needs times in both files."""
    if context.train is None:
        return not_checked(NAME, "there are no training rows", "--train")
    sides = (context.train, context.validation)
    if not all((rows.times != BAD_TIME).any() for rows in sides):
        needs = f"the column {context.model.columns.predicted_at!r} (columns.predicted_at) in both files"
        return not_checked(NAME, "the rows of one of the files carry no time", needs)
    return _Period(context, context.train)


class _Period:
    """Holds the time of the last training row."""

    def __init__(self, context: Context, sampled: AuditRows) -> None:
        self._protocol = str((context.manifest.get("split") or {}).get("protocol") or "")
        times = np.sort(sampled.times[sampled.times != BAD_TIME])
        self._nearly_us = int(times[int(np.ceil(NEARLY_ALL * len(times))) - 1])
        self._drift = rate_drift(sampled)
        self._last_us: int | None = None
        self._n = self._n_earlier = self._n_tied = self._n_within = 0
        self._rows: list[int] = []
        how = scoring(context)
        self._tally = None if isinstance(how, NotEnough) else InflationTally(how)
        self._why = how.reason if isinstance(how, NotEnough) else None

    def train(self, rows: AuditRows) -> None:
        """Keep the latest time."""
        known = rows.times[rows.times != BAD_TIME]
        if len(known):
            self._keep(int(known.max()))

    def _keep(self, last_us: int) -> None:
        self._last_us = last_us if self._last_us is None else max(self._last_us, last_us)

    def add_train(self, other: Self) -> None:
        """Keep the later of both times."""
        if other._last_us is not None:
            self._keep(other._last_us)

    def validation(self, rows: AuditRows) -> None:
        """Count the rows that are no later; rows without a time are not shown to be later either."""
        if self._last_us is None:
            return
        known = rows.times != BAD_TIME
        earlier = known & (rows.times < self._last_us)
        self._n += int(known.sum())
        self._n_earlier += int(earlier.sum())
        self._n_tied += int((rows.times == self._last_us).sum())
        self._n_within += int((known & (rows.times <= self._nearly_us)).sum())
        self._keep_first(rows.numbers[earlier][:MOST_ROWS].tolist())
        if self._tally is not None:
            self._tally.add(rows, ~known | (rows.times <= self._last_us))

    def _keep_first(self, numbers: list[int]) -> None:
        self._rows = sorted([*self._rows, *numbers])[:MOST_ROWS]

    def add_validation(self, other: Self) -> None:
        """Take in the counts of another copy."""
        self._n += other._n
        self._n_earlier += other._n_earlier
        self._n_tied += other._n_tied
        self._n_within += other._n_within
        self._keep_first(other._rows)
        if self._tally is not None and other._tally is not None:
            self._tally.merge(other._tally)

    def result(self) -> CheckResult:
        """Hold the overlap against the protocol that is stated, and against what it gains."""
        if self._last_us is None or not self._n:
            return not_checked(NAME, "no validation row carries a time", "times in the validation rows")
        within = self._n_within / self._n
        detail = (
            f"{self._n_earlier:,} of {self._n:,} validation rows are earlier than the last training row "
            f"({rfc3339(self._last_us)}), {self._n_tied:,} of the same moment; {within:.1%} are from the time of "
            f"{NEARLY_ALL:.0%} of the training rows"
        )
        by_time = self._protocol == "time"
        if not self._n_earlier or not (by_time or within >= NOTEWORTHY):
            return found(NAME, (), detail)
        return found(NAME, (self._finding(detail, within, by_time=by_time),), detail)

    def _finding(self, detail: str, within: float, *, by_time: bool) -> Finding:
        measured = None if self._tally is None else self._tally.inflation()
        inflation, no_inflation = priced(measured, self._why)
        share = share_of(self._n_earlier, self._n)
        stated = f"a split by {self._protocol}" if self._protocol and not by_time else "no split by time"
        if by_time:
            title = (
                f"the split by time is broken: {share.value:.1%} of validation rows are before the last training row"
            )
        else:
            title = f"{within:.1%} of validation rows are from the time of the training rows"
            detail += f"; {stated} is stated"
        return Finding(
            check=NAME,
            cause="temporal_leakage",
            severity=self._severity(measured, within, by_time=by_time),
            title=title,
            detail=f"{detail}. {_drift_words(self._drift)}",
            mend=(
                "Fit on rows before a moment and validate on rows after it, as live; with --fit-with the audit says "
                "what that gives."
            ),
            share=share,
            chance=0.0,
            inflation=inflation,
            no_inflation=no_inflation,
            rows=tuple(RowPair(validation=n, similarity=0.0, note="before the last training row") for n in self._rows),
            n_rows=self._n_earlier,
            plots=_plots(self._drift),
        )

    def _severity(self, measured: Inflation | NotEnough | None, within: float, *, by_time: bool) -> Severity:
        if is_costly(measured):
            return "critical"
        drifts = isinstance(self._drift, RateDrift) and self._drift.is_large
        if by_time:
            # Of a steady stream the rows of another time are as good: the statement is wrong, the estimate hardly is.
            is_steady = isinstance(self._drift, RateDrift) and not drifts
            return "warning" if within < NOTEWORTHY or is_harmless(measured) or is_steady else "critical"
        return "warning" if drifts and not is_harmless(measured) else "info"


def _drift_words(drift: RateDrift | NotEnough) -> str:
    if isinstance(drift, NotEnough):
        return f"Whether outcomes move over time is not known: {drift.reason}."
    if not drift.is_large:
        return "Mean training outcomes hardly move over time, so the overlap may cost nothing."
    return (
        f"Mean training outcomes move over time by {drift.spread:.2f} standard deviations of an outcome (chance "
        f"{drift.p_value:.1g}): live, the model meets times that it was not fitted to."
    )


def _plots(drift: RateDrift | NotEnough) -> tuple[Plot, ...]:
    if isinstance(drift, NotEnough):
        return ()
    return (
        Plot(
            kind="line",
            title="Mean outcome of the training rows over time",
            x_label=f"stretch of time, each with 1 / {len(drift.means)} of the training rows",
            y_label="mean outcome",
            x=tuple(float(part + 1) for part in range(len(drift.means))),
            series=(Series(name="training rows", y=tuple(drift.means.tolist())),),
        ),
    )
