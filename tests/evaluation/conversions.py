"""Conversions of known truth: positives come within thirty days, sooner for high scores, and negatives never say so."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import Layout
from sentinel.summaries.panes import PaneBook, PaneSeries
from sentinel.summaries.rows import Rows, row_dtype
from tests.evaluation.worlds import HOUR_US, START_US, Side, world_layout

DAY_US = 24 * HOUR_US
FIRST_US = START_US - START_US % DAY_US
HORIZON_US = 30 * DAY_US
SETTLED_US = 33 * DAY_US
"""The horizon and its grace: when the join counts a negative."""
TWIN_US = 3 * DAY_US
PER_DAY = 1_000
LAYOUT: Layout = msgspec.structs.replace(
    world_layout(n_features=1, n_values=1), maturity_us=HORIZON_US, twin_horizons_us=(TWIN_US, HORIZON_US)
)


@dataclass(frozen=True)
class Truth:
    """What a fixed age of every prediction shows."""

    rate: float
    auc: float


def conversions(rng: np.random.Generator, n_days: int) -> Rows:
    """Rows in order of their prediction; ``outcome_at`` of a negative is when the join assumes it.

    The log-odds of a conversion are -2.52 + 1.32 z for a normal z: a rate of .123 and an AUC of .802, as in the table
    that the estimates are held against. Delays are exponential, of 12 days at z = -1 and 3 at z = 2, cut at 30.
    """
    n = n_days * PER_DAY
    rows = np.zeros(n, row_dtype(LAYOUT))
    z = rng.normal(size=n)
    rows["score"] = expit(-2.52 + 1.32 * z)
    rows["score_bin"] = np.searchsorted(LAYOUT.edges_array, rows["score"], side="right")
    rows["outcome"] = rng.random(n) < rows["score"]
    rows["bucket"] = rng.integers(0, LAYOUT.n_buckets, n)
    rows["slices"] = 0
    rows["features"] = rng.integers(4, 14, (n, 1))
    rows["predicted_at"] = FIRST_US + np.arange(n) * (DAY_US // PER_DAY)
    mean_days = 9.0 * 2.0 ** (-(z - z.mean()) * 2.0 / 3.0)
    cut = -np.expm1(-30.0 / mean_days)
    days = -mean_days * np.log1p(-rng.random(n) * cut)
    rows["outcome_at"] = rows["predicted_at"] + np.where(rows["outcome"] == 1.0, days * DAY_US, SETTLED_US).astype(
        np.int64
    )
    return rows


def truth(rows: Rows, age_us: int) -> Truth:
    """Rate and AUC of having converted by an age, from the rows themselves."""
    by_then = (rows["outcome"] == 1.0) & (rows["outcome_at"] - rows["predicted_at"] <= age_us)
    return Truth(float(by_then.mean()), float(roc_auc_score(by_then, rows["score_bin"])))


def offline_side(rows: Rows) -> Side:
    """A baseline of rows that are all settled."""
    summary = Summary.zero(LAYOUT)
    summary.observe_predictions(rows)
    summary.observe_outcomes(rows)
    return Side(LAYOUT, summary)


def on_day(rows: Rows, day: float) -> tuple[PaneSeries, int]:
    """The panes that the join holds on a day, and that moment: predictions, conversions, and negatives at expiry."""
    now_us = FIRST_US + int(day * DAY_US)
    book = PaneBook(LAYOUT, DAY_US, 512)
    asked = rows[rows["predicted_at"] < now_us]
    book.observe_predictions(asked)
    come = asked[asked["outcome_at"] < now_us]
    if len(come):
        book.observe_outcomes(come)
    return PaneSeries(LAYOUT, book.width_us, tuple(book)), now_us
