"""What the estimate is worth without a feature: the model fitted anew without it, or asked again with it changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from sentinel.audit.check import Context, as_class_scores, as_scores
from sentinel.audit.estimates.refit import Measured, gain_of, measure, pooled, refit
from sentinel.audit.findings import Inflation
from sentinel.errors import BaselineError
from sentinel.events.batch import F64, I64
from sentinel.stats.estimate import NotEnough

MOST_ROWS: Final = 20_000
"""Validation rows that are scored again: the AUC then has a standard error of about .004 at worst."""
MOST_SUSPECTS: Final = 3
"""Features of one check that are tried: a fit may take minutes."""
NEEDS: Final = "--score-with"
UPPER_BOUND: Final = (
    "What it inflates is an upper bound: the model was asked again with the feature as it is served "
    "before it is known, where the manifest says so, or else shuffled among the rows; a model fitted without it would "
    "lean on others."
)
REFITTED: Final = "What it inflates was measured by a fit without the feature."
NO_MODEL: Final = "the metric without it needs the model: --fit-with, or --score-with for an upper bound"


class Rescorer:
    """The model of one audit, asked about features that are suspect.

    A copy that went to another process no longer has the model, and says so.

    Parameters
    ----------
    context : Context
    """

    def __init__(self, context: Context) -> None:
        self._context: Context | None = context
        self._left = MOST_SUSPECTS

    def __getstate__(self) -> dict[str, Any]:
        return {"_context": None, "_left": 0}

    @property
    def context(self) -> Context | None:
        """Of the audit; None in a copy."""
        return self._context

    @property
    def how(self) -> str:
        """What is to be said of the inflations that it finds; empty where there is no model."""
        if self._context is None:
            return ""
        if self._context.fit_with is not None and self._context.train is not None:
            return REFITTED
        return UPPER_BOUND if self._context.score_with is not None else ""

    def without(self, name: str) -> Inflation | NotEnough:
        """By how much the estimate looks better for a feature.

        Parameters
        ----------
        name : str
            A column of both files.

        Raises
        ------
        BaselineError
            If the model fails on the rows that it is given.
        """
        context = self._context
        if context is None or not self.how:
            return NotEnough(NO_MODEL, 0, 1)
        question = "without", name
        if question not in context.memo:
            if self._left == 0:
                return NotEnough(f"only the {MOST_SUSPECTS} strongest suspects of a check are tried", 0, 1)
            self._left -= 1
        work = _by_fit if self.how == REFITTED else _by_score
        return context.memo.once(question, lambda: work(context, name))


def _by_fit(context: Context, name: str) -> Inflation | NotEnough:
    is_train = pooled(context).is_train
    stated = refit(context, is_train, ~is_train)
    return inflation_of(stated, refit(_dropping(context, name), is_train, ~is_train))


def _by_score(context: Context, name: str) -> Inflation | NotEnough:
    places = sampled_places(context, MOST_ROWS)
    frame = frame_of(context, places)
    context.tell(f"scoring {len(places):,} rows without {name}")
    stated = context.memo.once("stated scores", lambda: measured_at(context, places, ask(context, frame)))
    return inflation_of(stated, measured_at(context, places, ask(context, _changed(context, frame, name))))


def sampled_places(context: Context, most: int) -> I64:
    """Places in the validation sample of rows with an outcome, at most so many of them, in the file's order."""
    known = np.flatnonzero(np.isfinite(context.validation.outcomes))
    if len(known) <= most:
        return known
    return np.sort(context.generator("rescoring").choice(known, most, replace=False))


def frame_of(context: Context, places: I64) -> pd.DataFrame:
    """These rows of the validation sample as they stand in the file."""
    frame: pd.DataFrame = context.validation.table.take(pa.array(places)).to_pandas()
    return frame


def ask(context: Context, frame: pd.DataFrame) -> F64:
    """The scores of some rows.

    Raises
    ------
    BaselineError
        If the model fails, or returns anything but one finite score a row, of several classes one of each a row.
    """
    score_with: Callable[[pd.DataFrame], Any] | None = context.score_with
    if score_with is None:
        raise BaselineError(f"{NEEDS}: no model was given")
    try:
        given = score_with(frame)
    except Exception as error:  # the model is foreign code: whatever it raises, the audit ends with one sentence
        raise BaselineError(f"{NEEDS}: the model failed on {len(frame):,} rows: {type(error).__name__}") from error
    try:
        if context.model.task == "multiclass":
            return as_class_scores(given, len(frame), context.n_classes)
        return as_scores(given, len(frame))
    except ValueError as error:
        raise BaselineError(f"{NEEDS}: {error}") from error


def shuffled(frame: pd.DataFrame, name: str, order: I64) -> pd.DataFrame:
    """The rows with one column in another order."""
    changed = frame.copy(deep=False)
    changed[name] = frame[name].take(order).set_axis(frame.index)
    return changed


def one_value(column: pd.Series, value: object) -> pd.Series:
    """One value in every row, of the column's type where it fits: a model may insist on its categories."""
    if value is None and pd.api.types.is_numeric_dtype(column):
        return pd.Series(np.nan, column.index, np.float64)
    same = pd.Series([value] * len(column), column.index, object if value is None else None)
    return same.astype(column.dtype) if isinstance(column.dtype, pd.CategoricalDtype) else same


def _changed(context: Context, frame: pd.DataFrame, name: str) -> pd.DataFrame:
    served = context.manifest.get("serving_defaults") or {}
    if name in served:
        return frame.assign(**{name: one_value(frame[name], served[name])})
    return shuffled(frame, name, context.generator(f"rescoring {name}").permutation(len(frame)))


def measured_at(context: Context, places: I64, scores: F64) -> Measured | NotEnough:
    """The metric of some scores of these rows of the validation sample."""
    alone = replace(context, train=None)
    every = np.full((len(context.validation), *scores.shape[1:]), np.nan)
    every[places] = scores
    return measure(alone, every, 0)


def inflation_of(stated: Measured | NotEnough, repaired: Measured | NotEnough) -> Inflation | NotEnough:
    """By how much the first looks better than the second, of the same rows."""
    if isinstance(stated, NotEnough):
        return stated
    if isinstance(repaired, NotEnough):
        return repaired
    gain = gain_of(stated, repaired)
    if isinstance(gain, NotEnough):
        return gain
    values = stated.value.value, repaired.value.value
    return Inflation(metric=stated.metric, stated=values[0], repaired=values[1], gain=gain, n=repaired.n)


def _dropping(context: Context, name: str) -> Context:
    """The same without a column."""
    train = context.train
    return replace(
        context,
        train=None if train is None else replace(train, table=train.table.drop_columns([name])),
        validation=replace(context.validation, table=context.validation.table.drop_columns([name])),
    )
