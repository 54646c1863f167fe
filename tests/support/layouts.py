"""Small Layouts, predictions and rows to count: a seeded generator, and hypothesis strategies around it.

The generator is plain: ``small_layout()``, ``draw_predictions(layout, rng, n)``, ``draw_rows(layout, rng, n)``. Every
draw holds what production delivers on a bad day: missing, infinite, unseen and invalid inputs, and scores on an edge.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from sentinel.events.batch import Origin, Predictions
from sentinel.events.schema import INVALID, MISSING, UNSEEN, Kind
from sentinel.summaries.layout import FeatureBins, Layout, SliceColumn
from sentinel.summaries.rows import LABELLED, Rows, bin_predictions

HOUR_US = 3_600_000_000
START_US = 1_795_694_400_000_000
"""2026-11-26T12:00:00Z, a multiple of an hour."""
SCORE_EDGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
REGIONS = ("EU", "US", "APAC")
PLANS = ("pro", "basic")


def small_layout(**changes: Any) -> Layout:
    """A Layout of two numeric features, one categorical, and a slice of each sort.

    ``region`` and ``plan`` are categorical columns (``plan`` a feature too), ``age`` is a feature with a binned slice,
    ``income`` a feature alone. ``changes`` replaces fields of the Layout.
    """
    columns: tuple[tuple[str, Kind, tuple[str, ...]], ...] = (
        ("age", "numeric", ()),
        ("region", "categorical", REGIONS),
        ("income", "numeric", ()),
        ("plan", "categorical", PLANS),
    )
    fields: dict[str, Any] = {
        "model": "churn",
        "version": "7",
        "task": "binary",
        "columns": columns,
        "features": (
            FeatureBins(name="age", kind="numeric", edges=(18.0, 30.0, 45.0, 90.0)),
            FeatureBins(name="income", kind="numeric", edges=(0.0, 1.0, 2.0)),
            FeatureBins(name="plan", kind="categorical", n_kept=1),
        ),
        "slices": (
            SliceColumn(name="region", columns=("region",), values=("EU", "US")),
            SliceColumn(name="age", columns=("age",), values=("<40", "40+"), edges=(40.0,)),
            SliceColumn(name="region*plan", columns=("region", "plan"), values=("EU,pro", "US,basic")),
        ),
        "score_edges": SCORE_EDGES,
        "slice_score_edges": (0.3, 0.5, 0.8),
        "threshold": 0.5,
        "n_buckets": 8,
    }
    return Layout(**{**fields, **changes})


def draw_layout(rng: np.random.Generator) -> Layout:
    """A Layout of random size: zero to four numeric and categorical columns each, any of them sliced."""
    columns: list[tuple[str, Kind, tuple[str, ...]]] = []
    features, slices = [], []
    for i in range(rng.integers(0, 5)):
        edges = tuple(np.unique(rng.normal(size=rng.integers(0, 6)).round(2)).tolist())
        columns.append((f"n{i}", "numeric", ()))
        features.append(FeatureBins(name=f"n{i}", kind="numeric", edges=edges))
        if rng.random() < 0.3:
            values = tuple(f"bin{k}" for k in range(len(edges) + 1))
            slices.append(SliceColumn(name=f"n{i}", columns=(f"n{i}",), values=values, edges=edges))
    for i in range(rng.integers(0, 5)):
        vocabulary = tuple(f"v{k}" for k in range(rng.integers(0, 6)))
        columns.append((f"c{i}", "categorical", vocabulary))
        features.append(FeatureBins(name=f"c{i}", kind="categorical", n_kept=int(rng.integers(0, len(vocabulary) + 1))))
        if rng.random() < 0.5:
            slices.append(SliceColumn(name=f"c{i}", columns=(f"c{i}",), values=vocabulary[: rng.integers(0, 7)]))
    categorical = [(name, vocabulary) for name, kind, vocabulary in columns if kind == "categorical"]
    for (a, a_values), (b, b_values) in pairwise(categorical):
        values = tuple(f"{x},{y}" for x in a_values for y in b_values if rng.random() < 0.5)
        slices.append(SliceColumn(name=f"{a}*{b}", columns=(a, b), values=values))
    score_edges = np.unique(rng.random(rng.integers(0, 12)).round(3)).tolist()
    return small_layout(
        columns=tuple(columns),
        features=tuple(features),
        slices=tuple(slices),
        score_edges=tuple(score_edges),
        slice_score_edges=tuple(edge for edge in score_edges if rng.random() < 0.5),
        threshold=float(rng.random().__round__(2)),
        n_buckets=int(rng.integers(1, 33)),
    )


def draw_predictions(
    layout: Layout,
    rng: np.random.Generator,
    n: int,
    *,
    start_us: int = START_US,
    span_us: int = 24 * HOUR_US,
) -> Predictions:
    """Random predictions of a Layout's schema, about a tenth of the inputs special, times in [start, start + span)."""
    schema = layout.schema
    numeric = rng.normal(0.0, 2.0, (len(schema.numeric), n))
    for j, column in enumerate(schema.numeric):
        edges = next((f.edges for f in layout.features if f.name == column.name), ())
        if edges:
            numeric[j] = rng.uniform(edges[0] - 1.0, edges[-1] + 1.0, n)
            on_edge = rng.random(n) < 0.2
            numeric[j, on_edge] = rng.choice(edges, on_edge.sum())
    special = rng.random(numeric.shape)
    numeric[special < 0.03] = np.inf
    numeric[(special >= 0.03) & (special < 0.06)] = -np.inf
    invalid = special > 0.97
    numeric[(special > 0.94) | invalid] = np.nan
    categorical = np.empty((len(schema.categorical), n), np.int32)
    for j, column in enumerate(schema.categorical):
        codes = [*range(len(column.vocabulary)), MISSING, UNSEEN, INVALID]
        categorical[j] = rng.choice(codes, n)
    scores = np.where(rng.random(n) < 0.2, rng.choice([0.0, 1.0, *layout.score_edges], n), rng.random(n))
    groups = rng.integers(1, 50, n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    groups[rng.random(n) < 0.3] = 0
    return Predictions(
        schema=schema,
        keys=rng.integers(0, 2**64 - 1, n, dtype=np.uint64, endpoint=True),
        predicted_at=rng.integers(start_us, start_us + span_us, n, dtype=np.int64),
        scores=scores,
        groups=groups,
        numeric=numeric,
        categorical=categorical,
        origin=Origin("predictions", 0, np.arange(n, dtype=np.int64)),
        invalid=invalid if invalid.any() else None,
    )


def draw_rows(
    layout: Layout,
    rng: np.random.Generator,
    n: int,
    *,
    start_us: int = START_US,
    span_us: int = 24 * HOUR_US,
) -> Rows:
    """Random rows with their outcome: positive with the score's probability, minutes to months after."""
    rows = bin_predictions(layout, draw_predictions(layout, rng, n, start_us=start_us, span_us=span_us))
    rows["state"] = LABELLED
    rows["outcome"] = rng.random(n) < rows["score"]
    rows["outcome_at"] = rows["predicted_at"] + (2.0 ** rng.uniform(-3.0, 25.0, n) * 1e6).astype(np.int64)
    return rows


seeds = st.integers(0, 2**32 - 1)
"""Seeds of a generator: what the strategies below shrink."""


def layouts() -> st.SearchStrategy[Layout]:
    """Layouts of random size; the smallest has no column and one score bin."""
    return seeds.map(lambda seed: draw_layout(np.random.default_rng(seed)))


def predictions(layout: Layout, max_size: int = 40) -> st.SearchStrategy[Predictions]:
    """Predictions of one Layout, none included."""
    return st.builds(lambda seed, n: draw_predictions(layout, np.random.default_rng(seed), n), seeds, sizes(max_size))


def rows(layout: Layout, max_size: int = 40, span_us: int = 24 * HOUR_US) -> st.SearchStrategy[Rows]:
    """Rows of one Layout with their outcomes, none included."""
    return st.builds(
        lambda seed, n: draw_rows(layout, np.random.default_rng(seed), n, span_us=span_us), seeds, sizes(max_size)
    )


def sizes(max_size: int) -> st.SearchStrategy[int]:
    """How many rows a draw has."""
    return st.integers(0, max_size)
