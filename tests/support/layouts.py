"""Small Layouts, predictions and rows to count: a seeded generator, and hypothesis strategies around it.

The generator is plain: ``small_layout()``, ``draw_predictions(layout, rng, n)``, ``draw_rows(layout, rng, n)``. Every
draw holds what production delivers on a bad day: missing, infinite, unseen and invalid inputs, and scores on an edge.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from hypothesis import strategies as st

from sentinel.events.batch import NO_TIME, FeatureTimes, Origin, Predictions
from sentinel.events.classes import class_code
from sentinel.events.rankings import RELEVANCE
from sentinel.events.schema import INVALID, MISSING, UNSEEN, Kind
from sentinel.events.times import BAD_TIME
from sentinel.summaries.backfilled import note_backfill
from sentinel.summaries.checks import N_AGE_BINS, OUTSIDE, TOO_OLD, check_dtype
from sentinel.summaries.layout import OF_SCORE, FeatureBins, FeaturePair, Layout, OutcomeScale, SliceColumn
from sentinel.summaries.list_block import judge_lists
from sentinel.summaries.rows import JOINED, Rows, bin_predictions

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
            SliceColumn(name="@score_band", columns=(OF_SCORE,), values=("<.4", ">=.4"), edges=(0.4,)),
        ),
        "score_edges": SCORE_EDGES,
        "slice_score_edges": (0.3, 0.5, 0.8),
        "threshold": 0.5,
        "n_buckets": 8,
        "maturity_us": 9 * HOUR_US,
        "twin_horizons_us": (HOUR_US, 3 * HOUR_US),
    }
    if "features" not in changes:
        fields["pairs"] = (FeaturePair(features=(0, 2), groups=(((4, 5), (5, 7)), ((4, 5),))),)
    return Layout(**{**fields, **changes})


def checked_layout(**changes: Any) -> Layout:
    """The small Layout whose numbers have a declared range, and a greatest age of an hour and of a day."""
    layout = small_layout(**changes)
    age, income, plan = layout.features
    declared = (
        msgspec.structs.replace(age, low=20.0, high=80.0, max_age_us=HOUR_US),
        msgspec.structs.replace(income, low=0.5, max_age_us=24 * HOUR_US),
        plan,
    )
    return msgspec.structs.replace(layout, features=declared)


NUMBERS = OutcomeScale(centre=0.4, unit=0.25, split=0.45, error_limit=9.0, residual_edges=(-1.0, 0.0, 1.0))


CLASSES = ("cat", "dog", "bird")
TASKS: dict[str, dict[str, Any]] = {
    "binary": {},
    "regression": {"task": "regression", "outcome_scale": NUMBERS},
    "ranking": {
        "task": "ranking",
        "n_ranked": 4,
        "rank_ratios": (0.1, 0.2, 0.3, 0.4),
        "score_edges": (0.5, 1.5, 2.5),
        "slice_score_edges": (0.5, 1.5, 2.5),
    },
    "multiclass": {"task": "multiclass", "classes": CLASSES, "class_edges": ((0.2, 0.4, 0.6), (0.5,), (0.1, 0.9))},
}
"""Each task, with what a Layout knows because of it."""


def task_fields(rng: np.random.Generator) -> dict[str, Any]:
    """One of them, binary mostly."""
    return TASKS["binary" if rng.random() < 0.5 else str(rng.choice(list(TASKS)))]


def draw_layout(rng: np.random.Generator) -> Layout:
    """A Layout of random task and size: up to four numeric and categorical columns each, any of them sliced."""
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
    if rng.random() < 0.3:
        slices.append(SliceColumn(name="@score", columns=(OF_SCORE,), values=("low", "high"), edges=(0.5,)))
    pairs = [
        FeaturePair(features=(i, i + 1), groups=((tuple(sorted(rng.integers(0, 8, 2).tolist())),), ((4, 5), (5, 7))))
        for i in range(len(features) - 1)
        if rng.random() < 0.5
    ]
    score_edges = np.unique(rng.random(rng.integers(0, 12)).round(3)).tolist()
    fields = {
        "columns": tuple(columns),
        "features": tuple(features),
        "slices": tuple(slices),
        "pairs": tuple(pairs),
        "score_edges": tuple(score_edges),
        "slice_score_edges": tuple(edge for edge in score_edges if rng.random() < 0.5),
        "threshold": float(rng.random().__round__(2)),
        "n_buckets": int(rng.integers(1, 33)),
        "twin_horizons_us": tuple(np.unique(rng.integers(1, 60 * 24 * HOUR_US, rng.integers(0, 4))).tolist()),
    }
    return small_layout(**{**fields, **task_fields(rng)})


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
    probabilities = rng.dirichlet(np.ones(len(layout.classes)), n) if layout.classes else None
    items = None
    if layout.n_ranked:
        items = rng.integers(1, 9, (n, layout.n_ranked), dtype=np.uint64)
        items[np.arange(layout.n_ranked) >= rng.integers(1, layout.n_ranked + 1, n)[:, None]] = 0
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
        probabilities=probabilities,
        items=items,
    )


def draw_rows(
    layout: Layout,
    rng: np.random.Generator,
    n: int,
    *,
    start_us: int = START_US,
    span_us: int = 24 * HOUR_US,
) -> Rows:
    """Random rows with their outcome, minutes to months after.

    Positive with the score's probability; of a regression the score and noise, now and then far out; any class, now and
    then one that the layout does not know.
    """
    rows = bin_predictions(layout, draw_predictions(layout, rng, n, start_us=start_us, span_us=span_us))
    rows["state"] = JOINED
    rows["outcome"] = rng.random(n) < rows["score"]
    if layout.task == "ranking":
        graded = np.zeros(n, RELEVANCE)
        graded["items"][:, :4] = rng.permuted(np.tile(np.arange(1, 9, dtype=np.uint64), (n, 1)), axis=1)[:, :4]
        graded["grades"][:, :4] = -np.sort(-rng.integers(0, 25, (n, 4)), axis=1)
        rows["outcome"] = judge_lists(layout, rows, graded)
    if layout.task == "multiclass":
        rows["outcome"] = rng.choice([class_code(name) for name in (*layout.classes, "never heard of")], n)
    if layout.task == "regression":
        wild = rng.random(n) < 0.1
        rows["outcome"] = rows["score"] + rng.normal(0.0, 0.2, n) + wild * rng.choice([1e3, -1e3, 1e308, -1e308], n)
    rows["outcome_at"] = rows["predicted_at"] + (2.0 ** rng.uniform(-3.0, 25.0, n) * 1e6).astype(np.int64)
    return rows


def draw_feature_times(predictions: Predictions, rng: np.random.Generator) -> FeatureTimes:
    """Times for some columns of some predictions: seconds after to years before, some unreadable."""
    shape = len(predictions.schema.columns), len(predictions)
    ages_us = (2.0 ** rng.uniform(-2.0, 26.0, shape) * 1e6).astype(np.int64) - 10_000_000 * (rng.random(shape) < 0.2)
    at_us = predictions.predicted_at - ages_us
    at_us[rng.random(shape) < 0.1] = BAD_TIME
    at_us[rng.random(shape) < 0.4] = NO_TIME
    return FeatureTimes(at_us, rng.integers(0, 3, len(predictions)) * (rng.random(len(predictions)) < 0.2))


def with_feature_times(predictions: Predictions, rng: np.random.Generator) -> Predictions:
    """The same predictions, each with the times of some features."""
    return replace(predictions, feature_times=draw_feature_times(predictions, rng))


def draw_checked(layout: Layout, rng: np.random.Generator, n: int) -> Rows:
    """Random check rows: ages of every bin, some too old, some outside their range."""
    checked = np.zeros(n, check_dtype(layout))
    checked["predicted_at"] = rng.integers(START_US, START_US + 24 * HOUR_US, n)
    checked["unused"] = rng.integers(0, 2, n)
    facts = rng.integers(0, N_AGE_BINS + 1, checked["facts"].shape, dtype=np.uint8)
    for flag in (OUTSIDE, TOO_OLD):
        facts |= np.where(rng.random(facts.shape) < 0.2, flag, 0).astype(np.uint8)
    checked["facts"] = facts
    return checked


def draw_backfilled(layout: Layout, rng: np.random.Generator, n: int) -> Rows:
    """Random rows with their outcome, of which every feature was recomputed, or some, in the same bin or another."""
    rows = draw_rows(layout, rng, n)
    bins = rows["features"] + rng.integers(0, 2, rows["features"].shape, dtype=np.uint8)
    note_backfill(layout, rows, bins, rng.random(bins.shape) < 0.7)
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
