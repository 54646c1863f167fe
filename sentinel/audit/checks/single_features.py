"""Features that tell the outcome alone: too well, far better than all others, or in the training rows only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Self

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.rescoring import Rescorer
from sentinel.audit.features.feature_bins import REST, OutcomeKinds, OutcomeTables, held, plan_bins, plan_kinds
from sentinel.audit.features.power import MINIMUM, Power, Said, say
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import (
    CheckResult,
    Finding,
    Inflation,
    Interval,
    Plot,
    Series,
    Severity,
    found,
    not_checked,
)
from sentinel.events.batch import I64
from sentinel.stats.estimate import NotEnough
from sentinel.stats.intervals import wilson_interval

NAME: Final = "single_features"
TITLE: Final = "features that tell the outcome alone"
TELLTALE: Final = 0.95
"""AUC of one feature alone that honest inputs of real problems do not reach; the lower end of its interval counts."""
STRONG: Final = 0.9
"""AUC that honest inputs do reach (a lab value, the same quantity a day before), and most leaks, too."""
LEAD: Final = 0.1
"""AUC ahead of the second feature, from which the estimate stands on one leg,"""
LEADING: Final = 0.8
"""where the feature reaches this. Measured on real streams: honest leaders .61 to .63, by at most .09."""
CHANCE: Final = 0.01
"""Of a leader or more where no feature knows anything (measured: 1 of 200 pairs of files, and no warning)."""
NOTEWORTHY_LEAD: Final = 0.05
"""AUC ahead of the second that is worth a line."""
POWER: Final = 0.8
"""Predictive power score of a telltale feature, as usual."""
LOST: Final = 0.1
"""AUC that a feature has among training rows and not among validation rows, beyond its interval,"""
LOST_POWER: Final = 0.2
"""or predictive power score, as usual, if some AUC is surely lost."""
PURE: Final = 0.9
"""Share of one outcome in a category (lower end of its interval), if it is not the commoner outcome."""
LEAST_PURE: Final = 50
"""Rows of either file in such a category; where either outcome is as likely as many agree once in 10^15."""
LEAST_BUCKETS: Final = 8
"""Of 32 buckets of entities that they come from: one entity with many rows is no rule."""
_SHOWN: Final = 10

_REMOVE: Final = (
    "Find out when the value comes to be known. If that is after the prediction, or if it is made from the outcome, "
    "leave the feature out, fit again and estimate again; if it is honest, say so in the model's documents."
)
_REFIT: Final = (
    "Make the feature of each training row without that row's own outcome (out of fold, or from earlier rows); fit "
    "again."
)
_OVERFIT: Final = "it does not inflate the metric of validation rows: it misleads the fit"


def start(context: Context) -> Check | CheckResult:
    """Needs outcomes, and a feature that is a number, a category or a date."""
    kinds, bins = plan_kinds(context), plan_bins(context)
    if kinds is None:
        needs = "the column of outcomes" if context.columns.outcome is None else "rows with outcomes"
        return not_checked(NAME, "there is no outcome to tell", needs)
    if not bins:
        return not_checked(NAME, "there is no number, category or date", "features")
    kept = held(bins, kinds)
    return _Features(OutcomeTables(kept, kinds), len(bins) - len(kept), Rescorer(context))


class _Features:
    """Counts outcomes by bins of each feature, which need no memory that grows with the rows."""

    def __init__(self, tables: OutcomeTables, n_passed: int, rescorer: Rescorer) -> None:
        self._tables = tables
        self._n_passed = n_passed
        self._rescorer = rescorer

    def train(self, rows: AuditRows) -> None:
        """Count outcomes by bins."""
        self._tables.add(rows)

    def add_train(self, other: Self) -> None:
        """Take in what another copy counted."""
        self._tables.merge(other._tables, "train")

    def validation(self, rows: AuditRows) -> None:
        """Count outcomes by bins."""
        self._tables.add(rows)

    def add_validation(self, other: Self) -> None:
        """Take in what another copy counted."""
        self._tables.merge(other._tables, "validation")

    def result(self) -> CheckResult:
        """Name the features that are too strong, or strong in the training rows only."""
        ordered = self._tables.kinds.cuts is not None
        measure = _measure(ordered=ordered)
        both = zip(self._tables.of("train"), self._tables.of("validation"), strict=True)
        said = [say(bins.name, train, counts, ordered=ordered) for (bins, train), (_, counts) in both]
        ranked = sorted((one for one in said if one.validation is not None), key=lambda one: -_power(one).value)
        if not ranked:
            needs = f"{2 * MINIMUM}" if ordered else f"{MINIMUM} of each of two kinds"
            return not_checked(NAME, "too few outcomes to judge a feature by", f"outcomes of validation rows: {needs}")
        findings = [*self._too_strong(ranked), *_lost(ranked, measure), *self._pure_categories(ordered)]
        best, second = ranked[0], ranked[1] if len(ranked) > 1 else None
        detail = (
            f"{len(ranked):,} features judged one by one; {best.name} says most ({measure} {_power(best).value:.3f})"
        )
        if second is not None:
            detail += f", {second.name} comes second ({_power(second).value:.3f})"
        detail += f"; {self._n_passed:,} more were passed over, for want of memory" if self._n_passed else ""
        reach = (_power(best).interval().upper - _power(best).interval().lower) / 2.0
        return found(NAME, findings, f"{detail}; {'a' if ordered else 'an'} {measure} is known to {reach:.3f}")

    def _too_strong(self, ranked: Sequence[Said]) -> Iterator[Finding]:
        kinds = self._tables.kinds
        second = _power(ranked[1]) if len(ranked) > 1 else None
        for at, one in enumerate(ranked):
            power = _power(one)
            lead = _lead(power, second, len(ranked)) if at == 0 and second is not None else None
            severity = _severity(power, lead)
            if severity is None:
                continue
            inflation = self._rescorer.without(one.name) if severity != "info" else None
            plots = (_plot(ranked, _measure(ordered=kinds.cuts is not None)),) if at == 0 else ()
            yield _strong(one, lead, severity, inflation, self._rescorer.how, plots, kinds)

    def _pure_categories(self, ordered: bool) -> Iterator[Finding]:
        for (bins, train), (_, validation) in zip(self._tables.of("train"), self._tables.of("validation"), strict=True):
            if ordered or bins.kind != "category":
                continue
            pure = [one for at in range(REST + 1, bins.n_bins) if (one := _pure(at, train, validation)) is not None]
            if pure:
                yield _giving_away(bins.name, pure, self._rescorer)


def _pure(at: int, train: I64, validation: I64) -> tuple[int, int, float] | None:
    """Rows of a category, those with its outcome, and their share of all with it, if it stands for one outcome."""
    total = validation.sum(axis=(0, 1))
    counts = [part[:, at].sum(axis=0) for part in (train, validation) if part[:, at].sum() >= LEAST_PURE]
    kind = int(validation[:, at].sum(axis=0).argmax())
    spread = int((validation[:, at].sum(axis=1) > 0).sum())
    n, hits = int(validation[:, at].sum()), int(validation[:, at, kind].sum())
    if n < LEAST_PURE or spread < LEAST_BUCKETS or total[kind] > 0.5 * total.sum():
        return None
    if any(wilson_interval(int(part[kind]), int(part.sum())).lower < PURE for part in counts):
        return None
    return n, hits, hits / int(total[kind])


def _severity(power: Power, lead: Interval | None) -> Severity | None:
    lower = power.interval().lower
    if lower >= TELLTALE:
        return "critical"
    if lower >= STRONG or power.score >= POWER:
        return "warning"
    if lead is None or lead.lower <= 0.0:
        return None
    if lead.value >= LEAD and power.value >= LEADING:
        return "warning"
    return "info" if lead.value >= NOTEWORTHY_LEAD else None


def _lead(first: Power, second: Power, n: int) -> Interval | None:
    """How far the first of ``n`` features is ahead of the next, or of chance; None where it may know nothing itself."""
    if first.p_value() * n > CHANCE:
        return None
    ahead, bounds = first.minus(second), first.interval()
    own = Interval(value=bounds.value - 0.5, lower=bounds.lower - 0.5, upper=bounds.upper - 0.5)
    return ahead if second.value >= 0.5 else own


def _strong(
    one: Said,
    lead: Interval | None,
    severity: Severity,
    inflation: Inflation | NotEnough | None,
    how: str,
    plots: tuple[Plot, ...],
    kinds: OutcomeKinds,
) -> Finding:
    power = _power(one)
    bounds = power.interval()
    measure = _measure(ordered=kinds.cuts is not None)
    ahead = "" if lead is None else f", {lead.value:.3f} ({lead.lower:.3f} to {lead.upper:.3f}) ahead of the second"
    information = "information value" if kinds.cuts is None and kinds.n == 2 else "share of entropy explained"
    detail = (
        f"Its bins, in the order of training rows or of other entities, rank the outcomes of validation rows with "
        f"{measure} {bounds.value:.3f} ({bounds.lower:.3f} to {bounds.upper:.3f}; .5 by chance){ahead}; predictive "
        f"power score {power.score:.2f}, {information} {one.information:.2f} beyond chance."
    )
    if severity != "info":
        detail += "" if severity == "critical" else " Honest features can be that strong: when is it known?"
        detail += f" {how}" if isinstance(inflation, Inflation) else ""
    title = {
        "critical": f"{one.name} alone tells the outcome",
        "warning": f"{one.name} alone tells most of the outcome",
        "info": f"{one.name} says more of the outcome than any other feature",
    }[severity]
    reason = "it is not strong enough to be worth a fit" if inflation is None else None
    return Finding(
        check=NAME,
        cause="target_leakage",
        severity=severity,
        title=f"{title}: {measure} {bounds.value:.3f}",
        detail=detail,
        mend=_REMOVE,
        columns=(one.name,),
        inflation=inflation if isinstance(inflation, Inflation) else None,
        no_inflation=inflation.reason if isinstance(inflation, NotEnough) else reason,
        plots=plots,
    )


def _lost(ranked: Sequence[Said], measure: str) -> Iterator[Finding]:
    for one in ranked:
        if one.train is None:
            continue
        power = _power(one)
        gap = one.train.minus_apart(power)
        sure = gap.lower > 0.0
        if not sure or (gap.lower < LOST and one.train.score - power.score < LOST_POWER):
            continue
        yield Finding(
            check=NAME,
            cause="target_leakage",
            severity="warning",
            title=f"{one.name} tells outcomes of training rows, and not those of validation rows",
            detail=(
                f"Alone it ranks training rows with {measure} {one.train.value:.3f} (each fold by the others), "
                f"validation rows with {power.value:.3f}: {gap.value:.3f} ({gap.lower:.3f} to {gap.upper:.3f}) less; "
                f"predictive power score {one.train.score:.2f} against {power.score:.2f}. A value made from a row's "
                "own outcome, such as a mean over its category, does this; so may a world that changed between the two "
                "files."
            ),
            mend=_REFIT,
            columns=(one.name,),
            no_inflation=_OVERFIT,
        )


def _giving_away(name: str, pure: Sequence[tuple[int, int, float]], rescorer: Rescorer) -> Finding:
    inflation = rescorer.without(name)
    n, hits, told = (sum(part) for part in zip(*pure, strict=True))
    bounds = wilson_interval(hits, n)
    return Finding(
        check=NAME,
        cause="target_leakage",
        severity="warning",
        title=f"{len(pure)} {'category' if len(pure) == 1 else 'categories'} of {name} stand for one outcome",
        detail=(
            f"Of {n:,} validation rows with {'it' if len(pure) == 1 else 'them'} {hits / n:.1%} have one outcome, "
            f"which is not the commoner one ({bounds.lower:.1%} to {bounds.upper:.1%}); {told:.0%} of the rows "
            "with that outcome can be read off. A state that is entered after the outcome does this; so does a rule of "
            f"the trade.{' ' + rescorer.how if isinstance(inflation, Inflation) else ''}"
        ),
        mend=_REMOVE,
        columns=(name,),
        inflation=inflation if isinstance(inflation, Inflation) else None,
        no_inflation=inflation.reason if isinstance(inflation, NotEnough) else None,
        n_rows=int(n),
    )


def _power(one: Said) -> Power:
    if one.validation is None:
        raise ValueError(f"{one.name} was not judged")
    return one.validation


def _measure(*, ordered: bool) -> str:
    return "concordance" if ordered else "AUC"


def _plot(ranked: Sequence[Said], measure: str) -> Plot:
    bounds = [_power(one).interval() for one in ranked[:_SHOWN]]
    return Plot(
        kind="bars",
        title="How well each feature alone ranks outcomes",
        x_label="feature",
        y_label=measure,
        x=tuple(one.name for one in ranked[:_SHOWN]),
        series=(
            Series(
                name="validation rows",
                y=tuple(one.value for one in bounds),
                lower=tuple(max(one.lower, 0.0) for one in bounds),
                upper=tuple(min(one.upper, 1.0) for one in bounds),
            ),
        ),
    )
