"""What serving does to features: skew from the first day on, faults from some day on; never because of the outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit

from sentinel.simulation.models import Score
from sentinel.simulation.rows import F64, Field, Mask, Rows, expected_auc

Fault = Literal["scale", "default", "swap", "stale", "coding", "null", "constant", "range"]

MOST_CULPRITS = 3
_SAMPLE_ROWS = 1_500
_SHARES = (1.0, 0.6, 0.35)
_PARTIAL = frozenset({"default", "stale", "null", "constant"})
"""Faults that may hit a share of the rows only."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault, the columns that it hits, and the share of rows."""

    fault: Fault
    columns: tuple[int, ...]
    share: float


def plan_fault(
    fault: Fault,
    loss: float,
    rows: Rows,
    fields: tuple[Field, ...],
    eligible: tuple[int, ...],
    score: Score,
    rng: np.random.Generator,
) -> Planned:
    """Find columns, and a share of rows, by which this fault costs the model about so much.

    Parameters
    ----------
    fault : Fault
    loss : float, AUC
    rows : Rows
        As they would be served without the fault.
    fields : tuple of Field
    eligible : tuple of int
        Columns that may be hit.
    score : callable
        The model.
    rng : Generator

    Returns
    -------
    Planned
    """
    able = [i for i in eligible if bool(fields[i].categories) == (fault == "coding")]
    able = able or list(eligible)
    sample = rows.take(np.sort(rng.choice(len(rows), min(_SAMPLE_ROWS, len(rows)), replace=False)))
    positive = expit(sample.log_odds)
    whole = expected_auc(score(sample.x), positive)

    def lost(columns: tuple[int, ...], share: float) -> float:
        planned = Planned(fault, columns, share)
        everything = np.ones(len(sample), np.bool_)
        hit = apply_fault(planned, sample, fields, everything, np.random.default_rng(7))
        return whole - expected_auc(score(hit), positive)

    single = {i: lost((i,), 1.0) for i in rng.permutation(able)[:12].tolist()}
    order = sorted(single, key=lambda i: single[i], reverse=True)
    tried: dict[tuple[int, ...], float] = {(i,): single[i] for i in order}
    if single[order[0]] < loss:
        for size in range(2, min(MOST_CULPRITS, len(order)) + 1):
            tried[tuple(order[:size])] = lost(tuple(order[:size]), 1.0)
    best = min(tried, key=lambda columns: abs(tried[columns] - loss))
    if fault not in _PARTIAL or tried[best] <= loss:
        return Planned(fault, best, 1.0)
    share = min(_SHARES, key=lambda s: abs(lost(best, s) - loss))
    return Planned(fault, best, share)


def apply_fault(planned: Planned, rows: Rows, fields: tuple[Field, ...], active: Mask, rng: np.random.Generator) -> F64:
    """Features as they are served with the fault on the active rows; shape as before."""
    x = rows.x.copy()
    hit = active & (rng.random(len(rows)) < planned.share)
    columns = planned.columns
    if planned.fault == "swap":
        partner = columns[1] if len(columns) > 1 else _partner(columns[0], fields)
        x[hit, columns[0]], x[hit, partner] = rows.x[hit, partner], rows.x[hit, columns[0]]
        return x
    for column in columns:
        x[hit, column] = _broken(planned.fault, rows.x[:, column], fields[column], rng)[hit]
    return x


def _broken(fault: Fault, values: F64, field: Field, rng: np.random.Generator) -> F64:
    known = values[~np.isnan(values)]
    usual = float(np.median(known)) if len(known) else 0.0
    if field.categories and fault not in ("null", "constant", "default", "stale"):
        return np.asarray((values + 1.0) % len(field.categories), np.float64)  # the enumeration moved by one
    if fault == "scale":
        return values * 100.0
    if fault == "stale":
        return values[rng.integers(0, len(values), len(values))]
    if fault == "null":
        return np.full(len(values), np.nan)
    if fault == "range":
        top = float(np.max(np.abs(known), initial=1.0))
        return np.round(values + 10.0 * top, 3)
    if fault == "constant":
        return np.full(len(values), float(np.min(known, initial=usual)))
    return np.full(len(values), usual)


def _partner(column: int, fields: tuple[Field, ...]) -> int:
    """The other column of a swap: the next number, round the corner."""
    numbers = [i for i, field in enumerate(fields) if not field.categories and i != column]
    return next((i for i in numbers if i > column), numbers[0] if numbers else column)
