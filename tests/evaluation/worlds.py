"""Worlds of known AUC as counts: scores are normal given the outcome, features and slices are drawn beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import expit, ndtri

from sentinel.baseline.evidence import RepairedEstimate, StaticEvidence
from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import N_SPECIAL, FeatureBins, Layout, SliceColumn
from sentinel.summaries.panes import PaneBook, PaneSeries
from sentinel.summaries.rows import Rows, row_dtype

HOUR_US = 3_600_000_000
START_US = 1_795_694_400_000_000
FEATURE_EDGES = tuple(np.linspace(0.0, 1.0, 11).tolist())


def world_layout(n_features: int = 3, n_values: int = 4, n_buckets: int = 32, n_score_bins: int = 64) -> Layout:
    """Uniform score bins, one slice column of ``n_values``, features of ten bins."""
    edges = tuple(np.linspace(0.0, 1.0, n_score_bins + 1)[1:-1].tolist())
    names = [f"x{i}" for i in range(n_features)]
    return Layout(
        model="churn",
        version="1",
        task="binary",
        columns=(*((name, "numeric", ()) for name in names), ("region", "categorical", ())),
        features=tuple(FeatureBins(name=name, kind="numeric", edges=FEATURE_EDGES) for name in names),
        slices=(SliceColumn(name="region", columns=("region",), values=tuple(f"v{i}" for i in range(n_values))),),
        score_edges=edges,
        slice_score_edges=edges[1::2],
        threshold=0.5,
        n_buckets=n_buckets,
    )


def draw(
    layout: Layout,
    rng: np.random.Generator,
    n: int,
    *,
    auc: float = 0.8,
    base_rate: float = 0.3,
    hours: int = 48,
    first_feature: float = 0.5,
) -> Rows:
    """Rows with outcomes, one event after another over ``hours``.

    Scores are expit of a normal whose mean moves with the outcome by sqrt(2) ndtri(auc), so that their area is ``auc``
    and a log-odds scale factor makes them calibrated: slope d for normals that d parts, here applied. ``first_feature``
    is the AUC of feature 0; the others know nothing.
    """
    rows = np.zeros(n, row_dtype(layout))
    outcome = (rng.random(n) < base_rate).astype(np.int64)
    distance = np.sqrt(2.0) * ndtri(auc)
    normal = rng.normal(size=n) + distance * outcome
    prior = np.log(base_rate / (1.0 - base_rate))
    rows["score"] = expit(prior + distance * (normal - distance / 2.0))
    rows["outcome"] = outcome
    rows["score_bin"] = np.searchsorted(layout.edges_array, rows["score"], side="right")
    rows["bucket"] = rng.integers(0, layout.n_buckets, n)
    rows["predicted_at"] = START_US + np.arange(n) * (hours * HOUR_US // max(n, 1))
    rows["outcome_at"] = rows["predicted_at"]
    rows["slices"] = rng.integers(0, len(layout.slices[0].values), (n, 1))
    for j in range(len(layout.features)):
        shift = np.sqrt(2.0) * ndtri(first_feature) * outcome if j == 0 else 0.0
        rows["features"][:, j] = N_SPECIAL + np.clip((rng.normal(size=n) + shift + 2.5) * 2.0, 0, 9).astype(np.int64)
    return rows


def count(layout: Layout, rows: Rows) -> Summary:
    """All rows in one Summary."""
    summary = Summary.zero(layout)
    summary.observe_predictions(rows)
    summary.observe_outcomes(rows)
    return summary


def series(layout: Layout, rows: Rows) -> PaneSeries:
    """All rows in panes of an hour."""
    book = PaneBook(layout, HOUR_US, 512)
    book.observe_predictions(rows)
    book.observe_outcomes(rows)
    return PaneSeries(layout, book.width_us, tuple(book))


@dataclass(frozen=True)
class Meta:
    """The part of a baseline's meta that evaluations and verdicts read."""

    manifest: dict[str, Any] = field(default_factory=dict)
    static: StaticEvidence = field(default_factory=StaticEvidence)
    repairs: tuple[RepairedEstimate, ...] = ()


@dataclass(frozen=True)
class Side:
    """A baseline without its artifact."""

    layout: Layout
    summary: Summary
    meta: Meta = Meta()


def offline(layout: Layout, rows: Rows) -> Side:
    """The offline side of these rows."""
    return Side(layout, count(layout, rows))
