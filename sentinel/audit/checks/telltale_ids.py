"""Identifiers, dates and places in the file that tell the outcome, beyond what the time of the rows tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.inflation import N_BUCKETS, buckets_of
from sentinel.audit.estimates.rescoring import Rescorer
from sentinel.audit.features.feature_bins import OutcomeKinds, plan_kinds
from sentinel.audit.features.id_marks import IdMark, entity_marks, id_marks
from sentinel.audit.features.power import MINIMUM, Power, crossed_within
from sentinel.audit.features.sorting import sorting_bins
from sentinel.audit.files.rows import AuditRows, SideName
from sentinel.audit.findings import CheckResult, Finding, Inflation, Severity, found, not_checked
from sentinel.events.batch import F64, I64
from sentinel.events.times import BAD_TIME

NAME: Final = "telltale_ids"
TITLE: Final = "identifiers, dates and places in the file that tell the outcome"
MOST_ROWS: Final = 20_000
"""Of each sample: an AUC is then known to about .01."""
N_STRATA: Final = 16
"""Stretches of time within which rows are compared, so that what only follows the time says nothing."""
TELLTALE: Final = 0.9
"""AUC from which a feature says the outcome: it is then right in nine pairs of ten."""
STRONG: Final = 0.7
"""AUC that numbers hardly reach that were given to people as they came, and say how long they have been known."""
NOTEWORTHY: Final = 0.55
"""AUC that is worth a line."""
FOLLOWS: Final = 0.97
"""Rank correlation with the time, from which an order is the time's: what cycles within the day, or the week, it tells,
too, so that only what is ``STRONG`` counts. A time cut into four parts has .97."""
NO_MORE: Final = 0.02
"""AUC by which the place in the file may say more than a column that the file is sorted by, for its finer bins."""
CHANCE: Final = 0.01
"""Of one finding or more where nothing tells anything."""

_MEND: Final = {
    "rows": "Find out how the file was put together: rows joined outcome by outcome, or sorted by it, are no sample of "
    "what comes; shuffle before any split by place, and check that none was made.",
    "id": "Leave the identifier out of the model, and find out how rows are named: numbers given after the outcome, or "
    "by a system that only sees one kind of row, give it away.",
    "entity": "Find out how entities are named, and how the file was put together: numbers given after the outcome, or "
    "rows joined outcome by outcome, give it away to every feature that is made from the entity.",
    "date": "Leave the date out, or use it only where it lies before the prediction; fit again and estimate again.",
}


def start(context: Context) -> Check | CheckResult:
    """Needs outcomes; the samples are enough."""
    kinds = plan_kinds(context)
    if kinds is None:
        needs = "the column of outcomes" if context.columns.outcome is None else "rows with outcomes"
        return not_checked(NAME, "there is no outcome to tell", needs)
    looks = [look for rows in (context.validation, context.train) if rows is not None for look in _looks(context, rows)]
    if not looks:
        return not_checked(NAME, "too few outcomes to judge by", f"{MINIMUM} outcomes of each kind")
    rescorer = Rescorer(context)
    best: dict[tuple[str, str], _Look] = {}
    for look in looks:
        key = look.mark.column, look.mark.what
        if key not in best or look.power.value > best[key].power.value:
            best[key] = look
    measure = "AUC" if kinds.cuts is None else "concordance"
    findings = [one for look in best.values() if (one := _judge(look, len(looks), rescorer, measure)) is not None]
    findings.sort(key=lambda one: one.title)
    reach = max(look.power.interval().upper - look.power.value for look in looks)
    detail = f"{len(best)} orders of rows (places, numbers, lengths and beginnings of ids, dates) held against outcomes"
    timed = any(look.timed for look in looks)
    within = f" within {N_STRATA} stretches of time" if timed else ""
    known = f"{'an' if kinds.cuts is None else 'a'} {measure} is known to {reach:.3f} at worst"
    return found(NAME, findings, f"{detail}{within}; {known}")


@dataclass(frozen=True, slots=True)
class _Look:
    mark: IdMark
    side: SideName
    power: Power
    timed: bool
    follows: bool


def _looks(context: Context, every: AuditRows) -> Iterator[_Look]:
    every = _read_only(context, every)
    rows = _thinned(every)
    yield from _looks_at(context, rows, id_marks(context, rows))
    _, firsts = np.unique(every.groups, return_index=True)
    one_each = _thinned(every.take(np.sort(firsts[every.groups[firsts] != 0])))
    yield from _looks_at(context, one_each, entity_marks(context, one_each))


def _looks_at(context: Context, rows: AuditRows, marks: Iterator[IdMark]) -> Iterator[_Look]:
    kinds = _two_kinds(plan_kinds(context), rows.outcomes)
    known = np.isfinite(rows.outcomes)
    if kinds is None or not known.any():
        return
    kind, n_kinds = kinds
    stratum, timed = _strata(rows)
    bucket = buckets_of(rows)

    def told(bins: I64) -> Power | None:
        width = int(bins.max()) + 1
        shape = (N_BUCKETS, N_STRATA, width, n_kinds)
        code = ((bucket * N_STRATA + stratum) * width + bins) * n_kinds + kind
        return crossed_within(np.bincount(code[known], minlength=int(np.prod(shape))).reshape(shape))

    for mark in marks:
        power = told(mark.bins)
        if power is None:
            continue
        is_notable = power.interval().lower >= NOTEWORTHY
        if is_notable and mark.kind == "rows":
            others = (told(bins) for bins in sorting_bins(rows))
            if any(other is not None and other.value >= power.value - NO_MORE for other in others):
                continue
        yield _Look(mark, rows.side, power, timed, is_notable and timed and _follows(mark, rows.times))


def _read_only(context: Context, rows: AuditRows) -> AuditRows:
    """The rows with the columns that are looked at as they stand in the file; to take rows of others costs time."""
    columns = context.columns
    names = {columns.prediction_id, columns.group, *columns.identifiers, *columns.dates} & {*rows.table.column_names}
    return replace(rows, table=rows.table.select([name for name in rows.table.column_names if name in names]))


def _thinned(rows: AuditRows) -> AuditRows:
    step = -(-len(rows) // MOST_ROWS)
    return rows if step <= 1 else rows.take(np.arange(0, len(rows), step))


def _two_kinds(kinds: OutcomeKinds | None, outcomes: F64) -> tuple[I64, int] | None:
    """The kind of each row, in an order: of classes the commonest one against the rest."""
    if kinds is None:
        return None
    known = np.isfinite(outcomes)
    found_kinds = kinds.of(np.where(known, outcomes, 0.0))
    if kinds.cuts is not None or kinds.n == 2:
        return found_kinds, kinds.n
    commonest = int(np.bincount(found_kinds[known], minlength=1).argmax())
    return (found_kinds == commonest).astype(np.int64), 2


def _strata(rows: AuditRows) -> tuple[I64, bool]:
    known = rows.times[rows.times != BAD_TIME]
    if not len(known):
        return np.zeros(len(rows), np.int64), False
    cuts = np.quantile(known, np.arange(1, N_STRATA) / N_STRATA, method="inverted_cdf")
    return np.searchsorted(cuts, rows.times, side="right"), True


def _follows(mark: IdMark, times: I64) -> bool:
    known = (times != BAD_TIME) & (mark.bins > 0)
    bins = mark.bins[known]
    if not len(bins):
        return False
    rank = np.argsort(np.argsort(times[known], kind="stable"), kind="stable").astype(np.float64)
    mean = np.bincount(bins, rank) / np.maximum(np.bincount(bins), 1)
    rank -= rank.mean()
    place = np.argsort(np.argsort(mean, kind="stable"), kind="stable")[bins].astype(np.float64)
    place -= place.mean()
    size = float((rank @ rank) * (place @ place))
    return size > 0.0 and float(rank @ place) >= FOLLOWS * size**0.5


def _judge(look: _Look, n_looks: int, rescorer: Rescorer, measure: str) -> Finding | None:
    severity = _severity(look, n_looks)
    if severity is None:
        return None
    mark, bounds = look.mark, look.power.interval()
    subject = "the place of a row in its file" if mark.kind == "rows" else f"{mark.column} ({mark.what})"
    within = "of the same stretch of time " if look.timed else ""
    side = "training" if look.side == "train" else "validation"
    detail = (
        f"Bins of it, in the order of other entities, rank outcomes of {side} rows {within}with {measure} "
        f"{bounds.value:.3f} ({bounds.lower:.3f} to {bounds.upper:.3f}; .5 by chance, whatever follows the time)."
    )
    if mark.kind == "entity":
        detail += " One row of each entity counts: that entities differ does not show here, only that their names tell."
    if not look.timed:
        detail += " The rows carry no times: it may only follow the time."
    inflation, reason = _worth(mark, severity, rescorer)
    return Finding(
        check=NAME,
        cause="data_quality_fault" if mark.kind == "rows" else "target_leakage",
        severity=severity,
        title=f"{subject} tells the outcome: {measure} {bounds.value:.3f}",
        detail=detail,
        mend=_MEND[mark.kind],
        columns=() if mark.kind == "rows" else (mark.column,),
        inflation=inflation,
        no_inflation=reason,
    )


def _severity(look: _Look, n_looks: int) -> Severity | None:
    if look.power.p_value() * n_looks > CHANCE:
        return None
    lower = look.power.interval().lower
    if lower >= TELLTALE and look.mark.is_feature:
        return "critical"
    if lower >= STRONG:
        return "warning"
    if look.follows:
        return None
    return "info" if lower >= NOTEWORTHY else None


def _worth(mark: IdMark, severity: Severity, rescorer: Rescorer) -> tuple[Inflation | None, str | None]:
    if not mark.is_feature:
        return None, "the model does not read it: it inflates nothing unless a feature was made from it"
    if severity == "info":
        return None, "it is too weak to be worth a fit"
    inflation = rescorer.without(mark.column)
    return (inflation, None) if isinstance(inflation, Inflation) else (None, inflation.reason)
