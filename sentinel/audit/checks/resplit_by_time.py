"""What the metric is when the model is fitted to what came first and asked for what came later."""

from __future__ import annotations

from typing import Final

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.costs import is_harmless, worthwhile
from sentinel.audit.estimates.refit import NEEDS, Measured, Pooled, gain_of, measure, pooled, refitted_scores
from sentinel.audit.findings import CheckResult, Finding, Inflation, Interval, Plot, Series, found, not_checked
from sentinel.events.batch import F64, I64, Bool
from sentinel.events.times import BAD_TIME
from sentinel.stats.estimate import NotEnough

NAME: Final = "resplit_by_time"
TITLE: Final = "what a split in time order gives"
N_CUTS: Final = 3
"""Cut points tried, each a fit; they say how much the result hangs on where the cut lies."""
N_BLOCKS: Final = 5
"""Stretches of time whose metric by the stated scores is given where no fit is."""


def start(context: Context) -> Check | CheckResult:
    """Needs a way to fit anew, times, outcomes, and files that are not in time order already."""
    if context.train is None:
        return not_checked(NAME, "there are no training rows", "--train")
    rows = pooled(context)
    usable = (rows.times != BAD_TIME) & np.isfinite(rows.outcomes)
    if not all((usable & side).any() for side in (rows.is_train, ~rows.is_train)):
        needs = "times of predictions (columns.predicted_at) and outcomes in both files"
        return not_checked(NAME, "the rows of one of the files carry no time or no outcome", needs)
    if rows.times[usable & rows.is_train].max() <= rows.times[usable & ~rows.is_train].min():
        return found(NAME, (), "the split is in time order as it stands: a split by time gives what is stated")
    if context.fit_with is None:
        return not_checked(NAME, f"the model cannot be fitted anew; {_by_time(context, rows, usable)}", NEEDS)
    return _resplit(context, rows, usable)


def _resplit(context: Context, rows: Pooled, usable: Bool) -> CheckResult:
    n_train = int((usable & rows.is_train).sum())
    order = np.flatnonzero(usable)[np.argsort(rows.times[usable], kind="stable")]
    as_stated = refitted_scores(context, usable & rows.is_train, usable & ~rows.is_train)
    stated = as_stated if isinstance(as_stated, NotEnough) else measure(context, as_stated, n_train)
    cuts = [n_train + (len(order) - n_train) * k // N_CUTS for k in range(N_CUTS)]
    scored: list[F64] = []
    several: list[Measured] = []
    for cut in cuts:
        scores = refitted_scores(context, _mask(rows, order[cut - n_train : cut]), _mask(rows, order[cut:]))
        one = scores if isinstance(scores, NotEnough) else measure(context, scores, n_train)
        if isinstance(scores, NotEnough) or isinstance(one, NotEnough):
            break
        scored.append(scores)
        several.append(one)
    if isinstance(as_stated, NotEnough) or isinstance(stated, NotEnough) or not several:
        why = stated.reason if isinstance(stated, NotEnough) else "too few outcomes after the cut"
        return not_checked(NAME, f"no fit could be measured: {why}", "more rows with outcomes")
    gain = gain_of(stated, several[0])
    if isinstance(gain, NotEnough):
        return not_checked(NAME, f"no fit could be measured: {gain.reason}", "more entities")
    inflation = Inflation(
        metric=stated.metric, stated=stated.value.value, repaired=several[0].value.value, gain=gain, n=several[0].n
    )
    return _judged(stated, several, inflation, _same_rows(context, rows, as_stated, scored[0]))


def _mask(rows: Pooled, places: I64) -> Bool:
    mask = np.zeros(len(rows), np.bool_)
    mask[places] = True
    return mask


def _same_rows(context: Context, rows: Pooled, stated: F64, in_time: F64) -> Interval | NotEnough:
    """The gain on the rows that both fits scored: what the fit owes to later rows, not what later rows are like."""
    both = np.isfinite(stated) & np.isfinite(in_time)
    among = ~rows.is_train & (both if both.ndim == 1 else both.all(axis=1))
    first, second = (measure(context, scores, 0, among) for scores in (stated, in_time))
    if isinstance(first, NotEnough):
        return first
    return second if isinstance(second, NotEnough) else gain_of(first, second)


def _judged(
    stated: Measured, several: list[Measured], inflation: Inflation, same_rows: Interval | NotEnough
) -> CheckResult:
    """Critical where both gains are proven to matter: the intervals do not know how unlike other cuts would be."""
    first = several[0]
    cuts = ", ".join(f"{one.value.value:.3f}" for one in several)
    detail = (
        f"fitted anew, {first.metric} is {stated.value.value:.3f} ({stated.value.lower:.3f} to "
        f"{stated.value.upper:.3f}) as split and {first.value.value:.3f} ({first.value.lower:.3f} to "
        f"{first.value.upper:.3f}) in time order, {first.n_fitted:,} rows fitted to and {first.n:,} scored; {cuts} at "
        f"{len(several)} cuts, each later than the one before"
    )
    if isinstance(same_rows, Interval):
        detail += (
            f". On the validation rows that both scored the gain is {same_rows.value:.3f} ({same_rows.lower:.3f} to "
            f"{same_rows.upper:.3f}): that part is due to what was fitted to, the rest to what later rows are like"
        )
    if is_harmless(inflation) or inflation.gain.lower <= 0.0:
        return found(NAME, (), detail)
    smallest = worthwhile(inflation)
    owed = isinstance(same_rows, Interval) and min(same_rows.lower, inflation.gain.lower) >= smallest
    finding = Finding(
        check=NAME,
        cause="temporal_leakage",
        severity="critical" if owed else "warning",
        title=f"in time order {first.metric} is {first.value.value:.3f}, not {stated.value.value:.3f}",
        detail=detail + ".",
        mend="State the metric of the split in time order; it is what the first weeks live will show.",
        inflation=inflation,
        plots=(
            Plot(
                kind="bars",
                title=f"{first.metric} of a fit anew",
                x_label="split",
                y_label=first.metric,
                x=("as split", *(f"time, cut {k + 1}" for k in range(len(several)))),
                series=(
                    Series(
                        name=first.metric,
                        y=tuple(one.value.value for one in (stated, *several)),
                        lower=tuple(one.value.lower for one in (stated, *several)),
                        upper=tuple(one.value.upper for one in (stated, *several)),
                    ),
                ),
            ),
        ),
    )
    return found(NAME, (finding,), detail)


def _by_time(context: Context, rows: Pooled, usable: Bool) -> str:
    """What the scores that are stated give from one stretch of the validation rows to the next."""
    scores = context.validation.scores
    if scores is None:
        return "the validation rows have no score whose course over time could be told"
    every = np.full((len(rows), *scores.shape[1:]), np.nan)
    every[~rows.is_train] = scores
    places = np.flatnonzero(usable & ~rows.is_train)
    parts = np.array_split(places[np.argsort(rows.times[places], kind="stable")], N_BLOCKS)
    blocks = [measure(context, every, 0, _mask(rows, part)) for part in parts]
    known = [block for block in blocks if isinstance(block, Measured)]
    if len(known) < N_BLOCKS:
        return "the validation rows are too few to tell the course of the metric over time"
    course = ", ".join(f"{block.value.value:.3f}" for block in known)
    words = f"{known[0].metric} of the stated scores in fifths of the validation time: {course}"
    fall = gain_of(known[0], known[-1])
    if isinstance(fall, NotEnough):
        return words
    return f"{words}; the first looks better than the last by {fall.value:.3f} ({fall.lower:.3f} to {fall.upper:.3f})"
