"""Features whose value came to be known after the prediction that it was an input of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.costs import is_harmless
from sentinel.audit.estimates.inflation import InflationTally, Scoring, scoring
from sentinel.audit.estimates.measured import priced, share_of
from sentinel.audit.features.high_outcomes import HighOutcome
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import (
    MOST_ROWS,
    CheckResult,
    Finding,
    Inflation,
    Interval,
    RowPair,
    Severity,
    found,
    not_checked,
)
from sentinel.audit.times.known_times import KnownTimes
from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.events.batch import F64, I64, Bool
from sentinel.events.times import BAD_TIME
from sentinel.stats.estimate import NotEnough

NAME: Final = "feature_times"
TITLE: Final = "features known only after the prediction"
SKEW_SECONDS: Final = 5.0
"""By how much the clocks of two systems may differ: what is later by no more is no proof."""
WORRYING: Final = 0.01
"""Share of validation rows with a late value from which the estimate is not to be trusted: fewer can hardly move it."""
TELLING_AUC: Final = 0.55
"""Of the lateness for the outcome, either way: with this the moment at which a date lies ahead gives outcomes away."""
_SKEW_US: Final = int(SKEW_SECONDS * MICROSECONDS_PER_SECOND)
_N_LAGS: Final = 64
"""Quantile bins of the lateness: as in the other areas, errors below 1e-3."""


def start(context: Context) -> Check | CheckResult:
    """Needs times of predictions and of features."""
    known = KnownTimes(context)
    if context.columns.predicted_at is None or not (context.validation.times != BAD_TIME).any():
        needs = f"the column {context.model.columns.predicted_at!r} (columns.predicted_at)"
        return not_checked(NAME, "the validation rows carry no time of prediction", needs)
    if not known.names:
        needs = f"audit.known_at, or a column {context.model.columns.feature_times!r} of times by feature"
        return not_checked(NAME, "nothing says when the values of features came to be known", needs)
    return _FeatureTimes(context, known)


@dataclass(slots=True)
class _Lateness:
    """Of one feature: rows that name a time and of these the late ones, in both files."""

    signal: InflationTally
    tally: InflationTally | None
    seconds: tuple[float, ...]
    n: int = 0
    n_late: int = 0
    n_train: int = 0
    n_train_late: int = 0

    def merge(self, other: _Lateness) -> None:
        """Take in what another saw of the validation rows."""
        self.n += other.n
        self.n_late += other.n_late
        self.signal.merge(other.signal)
        if self.tally is not None and other.tally is not None:
            self.tally.merge(other.tally)


class _FeatureTimes:
    """Holds counts for each feature that has a time."""

    def __init__(self, context: Context, known: KnownTimes) -> None:
        self._known = known
        self._is_high = HighOutcome(context)
        how = scoring(context)
        self._why = how.reason if isinstance(how, NotEnough) else None
        sampled = known.read(context.validation)
        self._of: dict[str, _Lateness] = {}
        self._rows: dict[str, list[int]] = {name: [] for name in known.names}
        for name in known.names:
            lag, _ = _lag(context.validation, sampled.get(name))
            late = lag[lag > 0] / MICROSECONDS_PER_SECOND
            cuts = np.unique(np.quantile(late, np.arange(1, _N_LAGS) / _N_LAGS)) if len(late) else np.empty(0)
            self._of[name] = _Lateness(
                InflationTally(Scoring("auc", np.unique(np.concatenate([[SKEW_SECONDS], cuts])))),
                None if isinstance(how, NotEnough) else InflationTally(how),
                tuple(np.quantile(late, [0.5, 0.9, 1.0]).tolist()) if len(late) else (),
            )

    def train(self, rows: AuditRows) -> None:
        """Count late training rows."""
        for name, times in self._known.read(rows).items():
            if name in self._of:
                lag, has_time = _lag(rows, times)
                self._of[name].n_train += int(has_time.sum())
                self._of[name].n_train_late += int((lag > 0).sum())

    def add_train(self, other: Self) -> None:
        """Take in the counts of another copy."""
        for name, one in other._of.items():
            self._of[name].n_train += one.n_train
            self._of[name].n_train_late += one.n_train_late

    def validation(self, rows: AuditRows) -> None:
        """Count late rows, with their outcomes."""
        turned = replace(rows, outcomes=self._is_high(rows.outcomes))
        nothing = np.zeros(len(rows), np.bool_)
        for name, times in self._known.read(rows).items():
            one = self._of.get(name)
            if one is None:
                continue
            lag, has_time = _lag(rows, times)
            late = lag > 0
            one.n += int(has_time.sum())
            one.n_late += int(late.sum())
            one.signal.add_scores(turned, np.where(has_time, lag / MICROSECONDS_PER_SECOND, np.nan), nothing)
            if one.tally is not None:
                one.tally.add(rows, late)
            self._rows[name] = sorted([*self._rows[name], *rows.numbers[late][:MOST_ROWS].tolist()])[:MOST_ROWS]

    def add_validation(self, other: Self) -> None:
        """Take in the counts of another copy."""
        for name, one in other._of.items():
            self._of[name].merge(one)
            self._rows[name] = sorted([*self._rows[name], *other._rows[name]])[:MOST_ROWS]

    def result(self) -> CheckResult:
        """One finding for each feature with late values."""
        n_times = sum(one.n for one in self._of.values())
        detail = f"{n_times:,} times of {len(self._of)} features held against those of the predictions"
        late = [name for name, one in self._of.items() if one.n_late or one.n_train_late]
        if not late:
            return found(NAME, (), f"{detail}; none is later by more than {SKEW_SECONDS:g} s")
        return found(NAME, [self._finding(name, self._of[name]) for name in late], detail)

    def _finding(self, name: str, one: _Lateness) -> Finding:
        is_date, signal = self._known.is_date(name), one.signal.stated()
        measured = None if one.tally is None else one.tally.inflation()
        inflation, no_inflation = priced(measured, self._why)
        share = share_of(one.n_late, one.n)
        what = "lies after the prediction" if is_date else "was known only after the prediction"
        return Finding(
            check=NAME,
            cause="target_leakage" if is_date else "temporal_leakage",
            severity=_severity(one, signal, measured, is_date=is_date),
            title=f"{name} {what} in {share.value:.1%} of validation rows",
            detail=_detail(one, signal, is_date=is_date),
            mend=(
                f"If {name} records what happened and not what is planned, take its value as of the prediction, or "
                "leave it out."
                if is_date
                else f"Take the value that {name} had at the time of the prediction, or leave it out; then fit anew."
            ),
            columns=(name,),
            share=share if one.n else None,
            chance=0.0,
            inflation=inflation,
            no_inflation=no_inflation,
            rows=tuple(RowPair(validation=row, similarity=0.0, note="a late value") for row in self._rows[name]),
            n_rows=one.n_late,
        )


def _severity(
    one: _Lateness, signal: Interval | NotEnough, measured: Inflation | NotEnough | None, *, is_date: bool
) -> Severity:
    """A late value is proof; a date that lies ahead may be a plan, unless how far ahead gives the outcome away."""
    tells = isinstance(signal, Interval) and (signal.lower > TELLING_AUC or signal.upper < 1.0 - TELLING_AUC)
    if is_date and not tells:
        return "info"
    if one.n_late < WORRYING * max(one.n, 1) or (is_harmless(measured) and not tells):
        return "warning"
    return "critical"


def _detail(one: _Lateness, signal: Interval | NotEnough, *, is_date: bool) -> str:
    parts = [
        f"{one.n_late:,} of {one.n:,} validation rows and {one.n_train_late:,} of {one.n_train:,} training rows with a "
        f"time have one more than {SKEW_SECONDS:g} s after their prediction"
    ]
    if one.seconds:
        half, most, last = one.seconds
        parts.append(
            f"half of the late ones by more than {half:,.0f} s, a tenth by more than {most:,.0f} s, at most "
            f"{last:,.0f} s"
        )
    if isinstance(signal, Interval):
        parts.append(
            f"the lateness alone ranks outcomes with an AUC of {signal.value:.3f} ({signal.lower:.3f} to "
            f"{signal.upper:.3f})"
        )
    if is_date:
        parts.append("a date ahead may be a plan, which is known, or an event, which is not")
    return "; ".join(parts) + "."


def _lag(rows: AuditRows, times: I64 | None) -> tuple[F64, Bool]:
    """By how many microseconds each value is late, 0 where it is not, and which rows have both times."""
    if times is None:
        return np.zeros(len(rows)), np.zeros(len(rows), np.bool_)
    has_time = (times != BAD_TIME) & (rows.times != BAD_TIME)
    lag = np.where(has_time, times, 0).astype(np.float64) - np.where(has_time, rows.times, 0).astype(np.float64)
    return np.where(lag > _SKEW_US, lag, 0.0), has_time
