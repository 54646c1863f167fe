"""Fit on these rows, score those, and what metric it gives: for splits other than the one that was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from xxhash import xxh3_64_intdigest

from sentinel.audit.check import Context, FitWith, as_class_scores, as_scores
from sentinel.audit.estimates.inflation import MINIMUM, InflationTally, Metric, jackknifed, scoring_of
from sentinel.audit.findings import Interval
from sentinel.audit.guarded import where_it_failed
from sentinel.errors import BaselineError, SentinelError
from sentinel.events.batch import F64, I64, U64, Bool
from sentinel.stats.estimate import NotEnough

NEEDS: Final = "--fit-with"
"""What a refit is asked for with."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """The sampled rows of both files, the training rows first.

    Parameters
    ----------
    outcomes : float64, shape (n,)
        NaN where not known.
    times : int64, shape (n,), microseconds since the epoch
        ``BAD_TIME`` where missing.
    groups : uint64, shape (n,)
        0 where there is no entity.
    is_train : bool, shape (n,)
    """

    outcomes: F64
    times: I64
    groups: U64
    is_train: Bool

    def __len__(self) -> int:
        return len(self.is_train)


def pooled(context: Context) -> Pooled:
    """Put the samples of both files one after the other; without a training file, the validation rows alone."""
    sides = [context.validation] if context.train is None else [context.train, context.validation]
    return Pooled(
        outcomes=np.concatenate([rows.outcomes for rows in sides]),
        times=np.concatenate([rows.times for rows in sides]),
        groups=np.concatenate([rows.groups for rows in sides]),
        is_train=np.concatenate([np.full(len(rows), rows.side == "train") for rows in sides]),
    )


@dataclass(frozen=True, slots=True)
class Measured:
    """The metric of scored rows.

    Parameters
    ----------
    metric : ``auc``, ``rmse`` or ``accuracy``
    value : Interval
    left_out : float64, shape (N_BUCKETS,)
        The metric without each bucket of entities: two metrics of shared rows are compared by their differences.
    n_fitted, n : int
        Rows fitted to, and rows scored.
    """

    metric: Metric
    value: Interval
    left_out: F64
    n_fitted: int
    n: int


def refit(context: Context, fitted: Bool, scored: Bool) -> Measured | NotEnough:
    """Fit on some of the sampled rows, score others, and measure.

    Parameters
    ----------
    context : Context
    fitted, scored : bool, shape (n,)
        Rows of `pooled`. Rows without an outcome are left out of both.

    Raises
    ------
    BaselineError
        If the callable given by ``--fit-with`` fails, or returns anything but one finite score a row.
    """
    scores = refitted_scores(context, fitted, scored)
    if isinstance(scores, NotEnough):
        return scores
    return measure(context, scores, int((fitted & np.isfinite(pooled(context).outcomes)).sum()))


def refitted_scores(context: Context, fitted: Bool, scored: Bool) -> F64 | NotEnough:
    """The scores alone.

    The frames hold the columns that both files have, as they stand there, less the score of the model in use and the
    moment of the outcome, which a fit must not see; the rows to score have no outcome either.

    Parameters
    ----------
    context : Context
    fitted, scored : bool, shape (n,)
        Rows of `pooled`.

    Returns
    -------
    float64, shape (n,) or (n, n_classes), or NotEnough
        NaN where a row was not scored.

    Raises
    ------
    BaselineError
        As `refit` does.
    """
    fit_with = context.fit_with
    if fit_with is None:
        return NotEnough("no way to fit the model anew was given", 0, 1)
    if context.columns.outcome is not None and context.columns.outcome not in _shared(context):
        return NotEnough("the outcome is in one of the files alone", 1, 2)
    rows = pooled(context)
    known = np.isfinite(rows.outcomes)
    fitted, scored = fitted & known, scored & known
    short = _short(context, rows.outcomes[fitted]) or _short(context, rows.outcomes[scored])
    if short is not None:
        return short
    question = "fit", tuple(_shared(context)), _digest(fitted), _digest(scored)
    found = context.memo.once(question, lambda: _fit(context, fit_with, fitted, scored))
    scores: F64 = np.full((len(rows), *found.shape[1:]), np.nan)
    scores[scored] = found
    return scores


def _fit(context: Context, fit_with: FitWith, fitted: Bool, scored: Bool) -> F64:
    """Fit and score, whatever was asked before; a score for each of the rows that are scored."""
    train, asked = _frame(context, fitted), _frame(context, scored).drop(columns=[str(context.columns.outcome)])
    context.tell(f"fitting to {len(train):,} rows, {_left_out(context)}")
    try:
        given = fit_with(train, asked)
    except SentinelError as error:  # ours says how to mend it, and quotes no value
        raise BaselineError(f"{NEEDS}: {error}") from error
    except Exception as error:  # the fit is foreign code: whatever it raises, the audit ends with one sentence
        raise BaselineError(f"{NEEDS}: the fit failed on {len(train):,} rows: {where_it_failed(error)}") from error
    try:
        if context.model.task == "multiclass":
            return as_class_scores(given, len(asked), context.n_classes)
        return as_scores(given, len(asked))
    except ValueError as error:
        raise BaselineError(f"{NEEDS}: {error}") from error


def _digest(mask: Bool) -> int:
    return xxh3_64_intdigest(mask.tobytes())


def _left_out(context: Context) -> str:
    """Which features a fit does without, in words."""
    kept = set(_shared(context))
    without = [name for name in context.columns.features if name not in kept and name not in context.columns.one_sided]
    return f"without {', '.join(without)}" if without else "with every feature"


def measure(context: Context, scores: F64, n_fitted: int, among: Bool | None = None) -> Measured | NotEnough:
    """The metric of scores of `pooled` rows.

    Parameters
    ----------
    context : Context
    scores : float64, shape (n,) or (n, n_classes)
        NaN where a row has none.
    n_fitted : int
    among : bool, shape (n,), optional
        Rows to measure; all of them by default.
    """
    if among is not None:
        scores = np.where(among if scores.ndim == 1 else among[:, None], scores, np.nan)
    how = scoring_of(context, scores)
    if isinstance(how, NotEnough):
        return how
    tally, first = InflationTally(how), 0
    for rows in (context.train, context.validation):
        if rows is not None:
            tally.add_scores(rows, scores[first : first + len(rows)], np.zeros(len(rows), np.bool_))
            first += len(rows)
    value = tally.stated()
    if isinstance(value, NotEnough):
        return value
    n = int(np.isfinite(scores if scores.ndim == 1 else scores.sum(axis=1)).sum())
    return Measured(metric=how.metric, value=value, left_out=tally.leaving_out(), n_fitted=n_fitted, n=n)


def gain_of(first: Measured, second: Measured) -> Interval | NotEnough:
    """By how much the first looks better than the second, whichever way is up; rows that both share are no chance.

    Both must come from one `Context`: a bucket then holds the same entities in both.
    """
    sign = -1.0 if first.metric == "rmse" else 1.0
    value = sign * (first.value.value - second.value.value)
    return jackknifed(value, sign * (first.left_out - second.left_out))


def mean_of(several: Sequence[Measured]) -> Interval | NotEnough:
    """The mean of some metrics of one `Context`, with the interval of the mean."""
    value = float(np.mean([one.value.value for one in several]))
    return jackknifed(value, np.mean([one.left_out for one in several], axis=0))


def _short(context: Context, outcomes: F64) -> NotEnough | None:
    counts = np.bincount(outcomes.astype(np.int64), minlength=2) if context.model.task == "binary" else [len(outcomes)]
    n = int(min(counts))
    return None if n >= MINIMUM else NotEnough("too few outcomes to fit on or to score", n, MINIMUM)


def _frame(context: Context, chosen: Bool) -> pd.DataFrame:
    parts, first = [], 0
    for rows in (context.train, context.validation):
        if rows is not None:
            places = np.flatnonzero(chosen[first : first + len(rows)])
            parts.append(rows.table.select(_shared(context)).take(pa.array(places)).to_pandas())
            first += len(rows)
    frame: pd.DataFrame = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return frame


def _shared(context: Context) -> list[str]:
    names = context.validation.table.column_names
    if context.train is not None:
        names = [name for name in context.train.table.column_names if name in set(names)]
    hidden, prefix = {context.columns.score, context.columns.outcome_at}, f"{context.model.columns.scores}."
    has_classes = context.model.task == "multiclass"
    return [name for name in names if name not in hidden and not (has_classes and name.startswith(prefix))]
