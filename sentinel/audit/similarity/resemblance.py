"""What a check of texts, images or vectors says of what it found alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from sentinel.audit.check import Context
from sentinel.audit.estimates.excess import SURE, Excess, grave
from sentinel.audit.estimates.inflation import InflationTally, scoring
from sentinel.audit.estimates.measured import priced
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import MOST_ROWS, Finding, Inflation, Plot, RowPair, Series
from sentinel.audit.similarity.likeness import TEMPLATE, Likeness
from sentinel.events.batch import F64, I64, Bool
from sentinel.stats.estimate import NotEnough

NOTEWORTHY: Final = 0.001
"""Excess share that is worth a line."""
_N_BARS: Final = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """What is compared, in words.

    Parameters
    ----------
    check : str
    thing : str
        "text", "image", "vector".
    measure : str
        What the likeness is.
    least : float, 0..1
        Likeness from which two are near copies.
    mend : str
    """

    check: str
    thing: str
    measure: str
    least: float
    mend: str


def judge(context: Context, kind: Kind, column: str, seen: Likeness, *, n_looked_at: int) -> tuple[Finding | None, str]:
    """Compare the share of near copies with chance.

    Parameters
    ----------
    context : Context
    kind : Kind
    column : str
    seen : Likeness
    n_looked_at : int
        Training rows.

    Returns
    -------
    finding : Finding or None
    detail : str
        What was looked at, and what came of it.
    """
    train = context.train
    if train is None or not len(seen.validation):
        return None, f"{column!r}: no validation row has a {kind.thing} that can be compared"
    measured = seen.excess(kind.least)
    covered = n_looked_at / max(context.n_train, 1)
    detail = (
        f"{column!r}: {measured.share.value:.2%} of {len(seen.validation):,} validation rows have a near copy "
        f"({kind.measure} {kind.least:.6g} or more) in training, {measured.chance:.2%} by chance (from "
        f"{len(seen.train):,} training rows){_coverage(covered, context.n_train)}"
    )
    if not measured.is_sure or min(measured.value / covered, 1.0) < NOTEWORTHY:
        return None, f"{detail}; {min(SURE * measured.error / covered, 1.0):.2%} more would have been seen"
    return _finding(context, train, kind, column, seen, measured, covered), detail


def _finding(
    context: Context, train: AuditRows, kind: Kind, column: str, seen: Likeness, measured: Excess, covered: float
) -> Finding:
    tainted = seen.copied(kind.least)
    inflation, why = _inflation(context, seen.validation.asked, tainted)
    n = int(tainted.sum())
    return Finding(
        check=kind.check,
        cause="duplicate_leakage",
        severity=grave(min(measured.value / covered, 1.0), inflation),
        title=f"{measured.share.value:.1%} of validation rows have a near copy of their {column!r} in training",
        detail=(
            f"{n:,} of {len(seen.validation):,} validation rows have a training row whose {kind.thing} is as good as "
            f"the same ({kind.measure} {kind.least:.6g} or more), not counting templates, which {TEMPLATE} or more "
            f"training rows resemble. By chance {measured.chance:.2%} would: so many training rows resemble another "
            "one of another time, less what comes in pairs without the triples that repetition by chance brings"
            f"{_coverage(covered, context.n_train)}."
        ),
        mend=kind.mend,
        columns=(column,),
        share=measured.share,
        chance=measured.chance,
        inflation=inflation,
        no_inflation=why,
        rows=_pairs(context, train, seen, tainted),
        n_rows=n,
        plots=(_plot(kind, seen),),
    )


def _coverage(covered: float, n_train: int) -> str:
    if covered >= 1.0:
        return ""
    return (
        f"; {covered:.1%} of the {n_train:,} training rows were looked at, so these shares are lower bounds: a single "
        "copy is found with that probability"
    )


def _inflation(context: Context, asked: I64, tainted: Bool) -> tuple[Inflation | None, str | None]:
    how = scoring(context)
    if isinstance(how, NotEnough):
        return None, how.reason
    rows = context.validation
    outcomes, every = np.full(len(rows), np.nan), np.zeros(len(rows), np.bool_)
    outcomes[asked], every[asked] = rows.outcomes[asked], tainted
    tally = InflationTally(how)
    tally.add(replace(rows, outcomes=outcomes), every)  # what was not looked up counts as if it had no outcome
    return priced(tally.inflation())


def _pairs(context: Context, train: AuditRows, seen: Likeness, tainted: Bool) -> tuple[RowPair, ...]:
    """The most alike, in the order of the likeness, then of the file."""
    at = np.flatnonzero(tainted)
    best = seen.validation.likeness[at, 0]
    order = np.lexsort((seen.validation.asked[at], -best))[:MOST_ROWS]
    return tuple(
        RowPair(
            train=int(train.numbers[seen.validation.near[place, 0]]),
            validation=int(context.validation.numbers[seen.validation.asked[place]]),
            similarity=round(float(seen.validation.likeness[place, 0]), 4),
        )
        for place in at[order].tolist()
    )


def _plot(kind: Kind, seen: Likeness) -> Plot:
    """Likeness of the nearest training row: of validation rows, and of training rows among themselves."""
    low = float(min(np.floor(20.0 * (2.0 * kind.least - 1.0)) / 20.0, 0.95))
    edges = np.linspace(max(low, 0.0), 1.0, _N_BARS + 1)
    return Plot(
        kind="bars",
        title=f"Likeness of the nearest training {kind.thing}",
        x_label=kind.measure,
        y_label="share of rows",
        x=tuple(round(float(edge), 4) for edge in edges[:-1]),
        series=(
            Series(name="validation", y=_shares(seen.validation.likeness[:, 0], edges)),
            Series(name="training, among themselves", y=_shares(seen.train.likeness[:, 0], edges)),
        ),
    )


def _shares(values: F64, edges: F64) -> tuple[float, ...]:
    counts = np.histogram(np.clip(values, 0.0, 1.0), edges)[0]
    return tuple((counts / max(len(values), 1)).round(6).tolist())
