"""Turn the plain arrays of a trial into frames with canonical columns, their times, and what else is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.simulation.churn import utc

if TYPE_CHECKING:
    from sentinel.simulation.nuisances import DelayKind
    from sentinel.simulation.rows import F64, I64, Field, Mask, Rows

LAUNCH_US = 1_767_571_200 * MICROSECONDS_PER_SECOND
"""Monday 5 January 2026, midnight UTC."""

_HOUR_US = 3_600 * MICROSECONDS_PER_SECOND
_HEAVY_SD = 1.2
"""Spread of the logarithm of a heavy delay: its mean is twice its median."""


def times_us(at: F64) -> I64:
    """Days since the launch as microseconds since the epoch."""
    return LAUNCH_US + np.round(at * 24.0 * _HOUR_US).astype(np.int64)


def delays_us(n: int, kind: DelayKind, hours: float, rng: np.random.Generator) -> I64:
    """Time from prediction to outcome.

    Parameters
    ----------
    n : int
    kind : {"none", "exponential", "heavy"}
        A minute; exponential with mean ``hours``; lognormal with median ``hours``, at most 30 times that.
    hours : float, > 0
    rng : Generator

    Returns
    -------
    int64 array, shape (n,), microseconds
    """
    if kind == "none":
        return np.full(n, 60 * MICROSECONDS_PER_SECOND, np.int64)
    if kind == "exponential":
        return (rng.exponential(hours, n) * _HOUR_US).astype(np.int64)
    return (np.minimum(rng.lognormal(np.log(hours), _HEAVY_SD, n), 30.0 * hours) * _HOUR_US).astype(np.int64)


def frame(
    rows: Rows, fields: tuple[Field, ...], scores: F64, delay_us: I64, first: int, *, reported: Mask | None = None
) -> pd.DataFrame:
    """Write rows as a frame with canonical columns.

    Parameters
    ----------
    rows : Rows
    fields : tuple of Field
        Of the columns of ``rows.x``.
    scores : float64 array, shape (n,)
    delay_us : int64 array, shape (n,)
    first : int
        Number of the first prediction id.
    reported : bool array, optional
        Rows whose outcome is ever told; the others have neither outcome nor time.

    Returns
    -------
    DataFrame
    """
    at_us, n = times_us(rows.at), len(rows)
    outcome_at = utc(at_us + delay_us)
    outcome: pd.Series[int] | pd.Series[float] = pd.Series(rows.outcome)
    if reported is not None:
        outcome_at = outcome_at.where(pd.Series(reported))
        outcome = outcome.astype(np.float64).where(pd.Series(reported))
    columns: dict[str, object] = {
        "prediction_id": [f"p{number:08d}" for number in range(first, first + n)],
        "predicted_at": utc(at_us),
        "outcome_at": outcome_at,
        "score": scores,
        "outcome": outcome,
        "group": [f"e-{entity:07d}" for entity in rows.entity.tolist()],
    }
    columns.update(features(rows.x, fields))
    return pd.DataFrame(columns)


def features(x: F64, fields: tuple[Field, ...]) -> dict[str, object]:
    """The features by name: categories as text, numbers as they are, gaps as None or NaN."""
    return {field.name: _text(x[:, i], field) if field.categories else x[:, i] for i, field in enumerate(fields)}


def feature_times(
    ids: pd.Series[str], at_us: I64, after: Mask, fields: tuple[Field, ...], late: frozenset[str],
    old: frozenset[str], missing: Mask, rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    """When each feature's value was written.

    Parameters
    ----------
    ids : Series of str, length n
    at_us : int64 array, shape (n,)
        When each prediction was made.
    after : bool array, shape (n,)
        Rows whose values come from the warehouse, where late features are known only later.
    fields : tuple of Field
    late : frozenset of str
        Features that are settled after the prediction.
    old : frozenset of str
        Features that are served long after they were written.
    missing : bool array, shape (n, n_fields)
        Values that are not there have no time.
    rng : Generator
    """
    columns: dict[str, object] = {"prediction_id": ids.to_numpy(object)}
    for i, field in enumerate(fields):
        hours = rng.exponential(2.0, len(at_us))
        shift = -hours
        if field.name in late:
            shift = np.where(after, 12.0 * hours, -hours)
        if field.name in old:
            shift = np.where(after, -hours, -48.0 - 24.0 * hours)
        stamps = utc(at_us + (shift * _HOUR_US).astype(np.int64))
        columns[field.name] = stamps.where(pd.Series(~missing[:, i]))
    return pd.DataFrame(columns)


def _text(codes: F64, field: Field) -> object:
    names = np.array([*field.categories, None], object)
    return names[np.where(np.isnan(codes), len(field.categories), codes).astype(np.int64)]
