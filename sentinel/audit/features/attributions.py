"""What each feature contributes to each score: as the files say, or by asking the model with the feature shuffled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.audit.check import Context
from sentinel.audit.estimates.rescoring import ask, frame_of, inflation_of, measured_at, sampled_places, shuffled
from sentinel.audit.findings import Inflation
from sentinel.events.batch import F64, I64
from sentinel.events.codecs.arrow_columns import as_floats
from sentinel.stats.estimate import NotEnough

MOST_ROWS: Final = 20_000
"""Rows whose contributions are read."""
MOST_ASKED: Final = 4_000
"""Rows that the model is asked about: an AUC is then known to about .02 at worst."""
MOST_FEATURES: Final = 40
"""Features that are shuffled,"""
N_SHUFFLES: Final = 2
"""so often each: 320,000 rows are scored at most."""


@dataclass(frozen=True, slots=True)
class Attributions:
    """Contributions of features to scores.

    Parameters
    ----------
    names : tuple of str
        Features.
    places : int64, shape (n,)
        Rows of the validation sample.
    values : float64, shape (n, n_features)
    losses : mapping of str to Inflation
        What the metric loses without a feature, where that is known.
    how : str
        Where they are from, in words.
    """

    names: tuple[str, ...]
    places: I64
    values: F64
    losses: Mapping[str, Inflation]
    how: str


def attributions_of(context: Context) -> Attributions | NotEnough:
    """Read contributions from the validation rows, or else ask the model.

    Raises
    ------
    BaselineError
        If the model fails on the rows that it is given.
    """
    stated = _stated(context)
    if stated is not None:
        return stated
    if context.score_with is None:
        return NotEnough("neither contributions of features nor the model are given", 0, 1)
    return _asked(context)


def _stated(context: Context) -> Attributions | None:
    rows = context.validation
    columns = {feature: rows.column(name) for feature, name in context.columns.attributions.items()}
    there = {feature: column for feature, column in columns.items() if column is not None}
    if not there:
        return None
    step = -(-len(rows) // MOST_ROWS)
    places = np.arange(0, len(rows), max(step, 1))
    values = np.stack([as_floats(column, len(rows))[0][places] for column in there.values()], axis=1)
    losses = _without(context, tuple(there), places, np.where(np.isfinite(values), values, 0.0))
    how = f"{len(there)} columns of contributions, {len(places):,} rows"
    return Attributions(tuple(there), places, values, losses, how)


def _without(context: Context, names: tuple[str, ...], places: I64, values: F64) -> dict[str, Inflation]:
    """The metric of the sum of all contributions against that of all but one; of ranks, so of two classes alone."""
    if context.model.task != "binary":
        return {}
    with np.errstate(over="ignore", invalid="ignore"):
        total = values.sum(axis=1)
        stated = measured_at(context, places, total)
        found = {
            name: inflation_of(stated, measured_at(context, places, total - values[:, j]))
            for j, name in enumerate(names)
        }
    return {name: one for name, one in found.items() if isinstance(one, Inflation)}


def _asked(context: Context) -> Attributions | NotEnough:
    columns = context.columns
    every = (*columns.numeric, *columns.categorical, *columns.dates, *columns.texts)
    names = tuple(name for name in every if name not in columns.one_sided)[:MOST_FEATURES]
    places = sampled_places(context, MOST_ASKED)
    if not len(places) or not names:
        return NotEnough("there is no feature to shuffle, or no row with an outcome", 0, 1)
    frame = frame_of(context, places)
    scores = ask(context, frame)
    stated = measured_at(context, places, scores)
    generator = context.generator("attributions")
    values, losses = np.zeros((len(places), len(names))), {}
    for j, name in enumerate(names):
        changed = [ask(context, shuffled(frame, name, generator.permutation(len(places)))) for _ in range(N_SHUFFLES)]
        moved = scores - np.mean(changed, axis=0)
        values[:, j] = moved if moved.ndim == 1 else moved[np.arange(len(places)), scores.argmax(axis=1)]
        one = inflation_of(stated, measured_at(context, places, changed[0]))
        if isinstance(one, Inflation):
            losses[name] = one
    how = f"{len(names)} features shuffled {N_SHUFFLES} times each among {len(places):,} rows"
    return Attributions(names, places, values, losses, how)
