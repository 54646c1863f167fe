"""Features whose missing values tell the outcome, as those do that are filled in afterwards."""

from __future__ import annotations

from typing import Final, Self

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.inflation import N_BUCKETS, buckets_of
from sentinel.audit.estimates.rescoring import Rescorer
from sentinel.audit.features.feature_bins import OutcomeKinds, OutcomeTables, plan_bins, plan_kinds
from sentinel.audit.features.null_marks import NullMark, null_marks
from sentinel.audit.features.power import MINIMUM, Power, enough, say
from sentinel.audit.files.rows import AuditRows, SideName
from sentinel.audit.findings import CheckResult, Finding, Inflation, Interval, Severity, found, not_checked
from sentinel.events.batch import I64
from sentinel.stats.estimate import NotEnough
from sentinel.stats.intervals import wilson_interval

NAME: Final = "null_patterns"
TITLE: Final = "missing values that tell the outcome"
TELLTALE: Final = 0.9
"""AUC of missing or not, from which it says the outcome: both are then right in nine cases of ten."""
STRONG: Final = 0.7
"""AUC that honest absence (a test that was not ordered, no entry at a bureau) hardly reaches."""
NOTEWORTHY: Final = 0.55
"""AUC from which missing or not is worth a line."""
CHANCE: Final = 0.01
"""Of one finding or more among all features that know nothing."""
PURE: Final = 0.9
"""Share of one outcome among the rows of one kind (lower end of its interval), if it is not the commoner outcome."""
LEAST_PURE: Final = 50
"""Such rows; of rows that are as likely of either outcome as many agree once in 10^15."""
LEAST_BUCKETS: Final = 8
"""Of 32 buckets of entities that they come from: one entity with many rows is no rule."""

_MEND: Final = (
    "Find out when the feature is filled in. If that is after the outcome, leave it out, or feed the model what was "
    "known at prediction time; fit again and estimate again."
)


def start(context: Context) -> Check | CheckResult:
    """Needs outcomes, and a feature."""
    kinds, marks = plan_kinds(context), null_marks(context)
    if kinds is None:
        needs = "the column of outcomes" if context.columns.outcome is None else "rows with outcomes"
        return not_checked(NAME, "there is no outcome to tell", needs)
    if not marks:
        return not_checked(NAME, "there is no feature", "features")
    return _Nulls(marks, kinds, Rescorer(context))


class _Nulls:
    """Counts outcomes where each feature is missing, by buckets of entities."""

    def __init__(self, marks: tuple[NullMark, ...], kinds: OutcomeKinds, rescorer: Rescorer) -> None:
        self._marks = marks
        self._kinds = kinds
        self._rescorer = rescorer
        shape = (len(marks) + 1, N_BUCKETS, kinds.n)  # the last one is all rows
        self._counts: dict[SideName, I64] = {side: np.zeros(shape, np.int64) for side in ("train", "validation")}

    def train(self, rows: AuditRows) -> None:
        """Count outcomes."""
        self._add(rows)

    def add_train(self, other: Self) -> None:
        """Take in what another copy counted."""
        self._counts["train"] += other._counts["train"]

    def validation(self, rows: AuditRows) -> None:
        """Count outcomes."""
        self._add(rows)

    def add_validation(self, other: Self) -> None:
        """Take in what another copy counted."""
        self._counts["validation"] += other._counts["validation"]

    def _add(self, rows: AuditRows) -> None:
        known = np.isfinite(rows.outcomes)
        code = buckets_of(rows) * self._kinds.n + self._kinds.of(np.where(known, rows.outcomes, 0.0))
        counts = self._counts[rows.side]
        size = counts[0].size
        for at, mark in enumerate(self._marks):
            marked = mark.of(rows) & known
            if marked.any():
                counts[at] += np.bincount(code[marked], minlength=size).reshape(counts[at].shape)
        counts[-1] += np.bincount(code[known], minlength=size).reshape(counts[-1].shape)

    def result(self) -> CheckResult:
        """Name the features whose missing values tell the outcome."""
        ordered = self._kinds.cuts is not None
        every = self._counts["validation"][-1][:, None]
        if not enough(every, ordered=ordered):
            return not_checked(NAME, "too few outcomes to judge a feature by", f"{MINIMUM} outcomes of each kind")
        looked = [at for at in range(len(self._marks)) if self._is_mixed(at)]
        findings = [one for at in looked if (one := self._judge(at, len(looked), ordered)) is not None]
        findings.sort(key=lambda one: one.title)
        detail = f"{len(looked):,} of {len(self._marks):,} marks of missing values set some rows apart"
        least = f"{'a concordance' if ordered else 'an AUC'} of {NOTEWORTHY}"
        return found(NAME, findings, f"{detail}; reported from {least} of missing or not")

    def _is_mixed(self, at: int) -> bool:
        marked, every = int(self._counts["validation"][at].sum()), int(self._counts["validation"][-1].sum())
        return MINIMUM <= marked <= every - MINIMUM

    def _judge(self, at: int, n_looks: int, ordered: bool) -> Finding | None:
        mark = self._marks[at]
        tables = [np.stack([c[-1] - c[at], c[at]], axis=1) for c in (self._counts["train"], self._counts["validation"])]
        power = say(mark.name, *tables, ordered=ordered).validation
        if power is None:
            return None
        pure = None if ordered else _pure(tables[0], tables[1])
        severity = _severity(power, pure, n_looks)
        return None if severity is None else self._finding(mark, power, pure, severity, tables[1], ordered)

    def _finding(
        self, mark: NullMark, power: Power, pure: str | None, severity: Severity, table: I64, ordered: bool
    ) -> Finding:
        what = "a number that stands for a missing one" if mark.kind == "stand_in" else "missing"
        bounds = power.interval()
        measure = "concordance" if ordered else "AUC"
        detail = (
            f"Whether it is {what} or not ranks the outcomes of validation rows with {measure} {bounds.value:.3f} "
            f"({bounds.lower:.3f} to {bounds.upper:.3f}; .5 by chance)"
        )
        detail += _of_all(self._rescorer.context, mark, bounds.value, ordered)
        detail += "" if pure is None else f" {pure}"
        inflation = self._rescorer.without(mark.name) if severity != "info" else None
        detail += f" {self._rescorer.how}" if isinstance(inflation, Inflation) else ""
        marked, n = int(table[:, 1].sum()), int(table.sum())
        share = wilson_interval(marked, n)
        reason = "it is too weak to be worth a fit" if inflation is None else None
        return Finding(
            check=NAME,
            cause="target_leakage",
            severity=severity,
            title=f"whether {mark.name} is {what} tells the outcome: {measure} {bounds.value:.3f}",
            detail=detail,
            mend=_MEND,
            columns=(mark.name,),
            share=Interval(value=marked / n, lower=share.lower, upper=share.upper),
            inflation=inflation if isinstance(inflation, Inflation) else None,
            no_inflation=inflation.reason if isinstance(inflation, NotEnough) else reason,
        )


def _pure(train: I64, validation: I64) -> str | None:
    """What is to be said where rows of one kind nearly all have one outcome, and not the commoner one."""
    total = validation.sum(axis=(0, 1))
    for mark, what in ((1, "missing"), (0, "there")):
        part = validation[:, mark].sum(axis=0)
        kind, n = int(part.argmax()), int(part.sum())
        hits = int(part[kind])
        spread = int((validation[:, mark].sum(axis=1) > 0).sum())
        if n < LEAST_PURE or spread < LEAST_BUCKETS or total[kind] > 0.5 * total.sum():
            continue
        before = train[:, mark].sum(axis=0)
        same = before.sum() < LEAST_PURE or before[kind] >= PURE * before.sum()
        if same and wilson_interval(hits, n).lower >= PURE:
            return (
                f"Where it is {what}, {hits / n:.1%} of {n:,} validation rows have one and the same outcome, which "
                f"{total[kind] / total.sum():.1%} of all have: {hits / total[kind]:.0%} of these can be read off."
            )
    return None


def _severity(power: Power, pure: str | None, n_looks: int) -> Severity | None:
    if pure is not None:
        return "critical"
    if power.p_value() * n_looks > CHANCE:
        return None
    lower = power.interval().lower
    if lower >= TELLTALE:
        return "critical"
    if lower >= STRONG:
        return "warning"
    return "info" if lower >= NOTEWORTHY else None


def _of_all(context: Context | None, mark: NullMark, alone: float, ordered: bool) -> str:
    """How much of what the feature says lies in its missing values, by the samples."""
    if context is None:
        return "."
    bins = plan_bins(context, mark.name)
    kinds = plan_kinds(context)
    if not bins or kinds is None:
        return "."
    tables = OutcomeTables(bins, kinds)
    for rows in (context.train, context.validation):
        if rows is not None:
            tables.add(rows)
    both = next(tables.of("train"))[1], next(tables.of("validation"))[1]
    whole = say(mark.name, *both, ordered=ordered).validation
    if whole is None or whole.value <= 0.5:
        return "."
    part = min(max((alone - 0.5) / (whole.value - 0.5), 0.0), 1.0)
    return f", {part:.0%} of what all of its values tell ({whole.value:.3f})."
