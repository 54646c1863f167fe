"""Times at which validation rows are no fair sample: stretches of one outcome, and rows from after the go-live."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Self

import numpy as np
import pyarrow as pa

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.costs import is_costly
from sentinel.audit.estimates.inflation import InflationTally, scoring
from sentinel.audit.estimates.measured import priced, share_of
from sentinel.audit.features.high_outcomes import HighOutcome
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import MOST_ROWS, CheckResult, Finding, Inflation, RowPair, found, not_checked
from sentinel.audit.times.blocks import CHANCE, Stretch, TimeBlocks
from sentinel.config.times import parse_time_us, rfc3339
from sentinel.events.batch import I64, Bool
from sentinel.events.times import BAD_TIME
from sentinel.stats.estimate import NotEnough

NAME: Final = "reference_period"
TITLE: Final = "validation rows of one outcome for a time, or from after the go-live"
NOTEWORTHY: Final = 0.01
"""Share of outcomes in stretches of one outcome, or of rows after the go-live, from which it is a warning."""


def start(context: Context) -> Check | CheckResult:
    """Needs times of the validation rows."""
    if not (context.validation.times != BAD_TIME).any():
        needs = f"the column {context.model.columns.predicted_at!r} (columns.predicted_at)"
        return not_checked(NAME, "the validation rows carry no time", needs)
    return _ReferencePeriod(context)


class _ReferencePeriod:
    """Holds outcomes by blocks of time."""

    def __init__(self, context: Context) -> None:
        stated = context.manifest.get("go_live")
        self._golive = None if stated is None else str(stated)
        self._golive_us = None if stated is None else parse_time_us(str(stated))
        self._has_classes = context.model.task in ("binary", "multiclass")
        self._is_high = HighOutcome(context)
        self._sample = _light(context.validation)
        self._blocks = TimeBlocks()
        self._n = self._n_outcomes = self._n_after = 0
        self._rows: list[int] = []
        how = scoring(context)
        self._how = how
        self._tally = how if isinstance(how, NotEnough) else InflationTally(how)

    def train(self, rows: AuditRows) -> None:
        """Training rows say nothing here."""

    def add_train(self, other: Self) -> None:
        """Nothing was kept of them."""

    def validation(self, rows: AuditRows) -> None:
        """Count outcomes by time."""
        timed = rows.times != BAD_TIME
        known = timed & np.isfinite(rows.outcomes)
        self._n += int(timed.sum())
        self._n_outcomes += int(known.sum())
        if self._has_classes:
            self._blocks.add(rows.times[known], self._is_high(rows.outcomes[known]))
        if self._golive_us is None:
            return
        after = timed & (rows.times > self._golive_us)
        self._n_after += int(after.sum())
        self._keep_first(rows.numbers[after][:MOST_ROWS])
        if isinstance(self._tally, InflationTally):
            self._tally.add(rows, after)

    def _keep_first(self, numbers: I64 | list[int]) -> None:
        self._rows = sorted([*self._rows, *map(int, numbers)])[:MOST_ROWS]

    def add_validation(self, other: Self) -> None:
        """Take in the counts of another copy."""
        self._n += other._n
        self._n_outcomes += other._n_outcomes
        self._n_after += other._n_after
        self._keep_first(other._rows)
        self._blocks.merge(other._blocks)
        if isinstance(self._tally, InflationTally) and isinstance(other._tally, InflationTally):
            self._tally.merge(other._tally)

    def result(self) -> CheckResult:
        """Look at the blocks, and at what came after the go-live."""
        findings = []
        stretches = self._blocks.one_class()
        if stretches:
            findings.append(self._one_class(stretches))
        if self._n_after:
            findings.append(self._after())
        looked = f"{self._n_outcomes:,} outcomes" if self._has_classes else "no outcomes, which have no classes here,"
        golive = "no go_live is stated" if self._golive is None else f"{self._n_after:,} rows are later than go_live"
        detail = f"{looked} looked through for stretches that chance makes more rarely than {CHANCE:g}; {golive}"
        return found(NAME, findings, detail)

    def _one_class(self, stretches: tuple[Stretch, ...]) -> Finding:
        n = sum(one.n for one in stretches)
        share = share_of(n, self._n_outcomes)
        longest = max(stretches, key=lambda one: one.n)
        within = _within(self._sample, stretches)
        measured = self._measured(within)
        inflation, no_inflation = priced(measured)
        return Finding(
            check=NAME,
            cause="data_quality_fault",
            severity="warning" if share.value >= NOTEWORTHY or is_costly(measured) else "info",
            title=f"{share.value:.1%} of validation outcomes lie in stretches of time whose outcomes are all the same",
            detail=(
                f"{n:,} outcomes in {len(stretches)} stretches; the longest has {longest.n:,}, from "
                f"{rfc3339(longest.since_us)} to {rfc3339(longest.until_us)}. Chance makes one as long, anywhere in "
                f"the file, more rarely than {CHANCE:g}."
            ),
            mend=(
                "Find out how these outcomes came about: outcomes not yet in, a join that failed, rows chosen by their "
                "outcome. Leave such times out of the estimate."
            ),
            share=share,
            chance=0.0,
            inflation=inflation,
            no_inflation=no_inflation,
            rows=tuple(
                RowPair(validation=row, similarity=0.0, note="in a stretch of one outcome")
                for row in self._sample.numbers[within][:MOST_ROWS].tolist()
            ),
            n_rows=n,
        )

    def _measured(self, tainted: Bool) -> Inflation | NotEnough:
        """By the sample: which rows are tainted is known only when all have been seen."""
        if isinstance(self._how, NotEnough):
            return self._how
        tally = InflationTally(self._how)
        tally.add(self._sample, tainted)
        return tally.inflation()

    def _after(self) -> Finding:
        share = share_of(self._n_after, self._n)
        measured = self._tally if isinstance(self._tally, NotEnough) else self._tally.inflation()
        inflation, no_inflation = priced(measured)
        return Finding(
            check=NAME,
            cause="selection_optimism",
            severity="warning" if share.value >= NOTEWORTHY or is_costly(measured) else "info",
            title=f"{share.value:.1%} of validation rows are from after the go-live",
            detail=(
                f"{self._n_after:,} of {self._n:,} validation rows are later than go_live ({self._golive}): whoever "
                "chose the model could have seen how it does on them, and what it does live may act on them."
            ),
            mend="Validate on rows from before the go-live; what came after is for the comparison with live.",
            share=share,
            chance=0.0,
            inflation=inflation,
            no_inflation=no_inflation,
            rows=tuple(RowPair(validation=row, similarity=0.0, note="after the go-live") for row in self._rows),
            n_rows=self._n_after,
        )


def _light(rows: AuditRows) -> AuditRows:
    """The rows without their features: copies of the check are sent about."""
    nothing = np.empty((0, len(rows)))
    return replace(rows, numeric=nothing, categories=nothing.astype(np.uint64), table=pa.table({}))


def _within(rows: AuditRows, stretches: tuple[Stretch, ...]) -> Bool:
    inside = np.zeros(len(rows), np.bool_)
    for one in stretches:
        inside |= (rows.times >= one.since_us) & (rows.times < one.until_us)
    return inside
