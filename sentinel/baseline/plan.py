"""From the profile of the validation rows to the Layout that everything is counted under."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sentinel.baseline.edges import feature_edges, score_edges, slice_edges
from sentinel.baseline.profile import SCORE, ColumnProfile, Profile
from sentinel.baseline.sampling import Column
from sentinel.baseline.slicing import most_frequent, slice_layout
from sentinel.config.model import Model
from sentinel.events.schema import Kind
from sentinel.summaries.layout import FeatureBins, Layout, SliceColumn

MAX_VOCABULARY = 10_000
"""Categories with a code of their own; rarer ones count as never seen."""
MAX_CATEGORY_BINS = 64
"""Categories with a bin of their own; the others share 'seen, but rare'."""


def plan_layout(model: Model, profile: Profile) -> tuple[Layout, tuple[str, ...]]:
    """Fix bins, vocabularies and slices.

    Returns
    -------
    (Layout, identifiers)
        The columns left out as features because most rows have a value of their own.

    Raises
    ------
    BaselineError
        If a slice cannot be cut as the configuration asks.
    """
    identifiers = tuple(name for name, column in profile.columns.items() if column.is_identifier)
    identifiers = tuple(name for name in identifiers if not _is_asked_for(model, name))
    slices = slice_layout(model.slices, profile)
    edges = score_edges(profile.rows[SCORE].astype(np.float64), profile.positive_scores)
    columns = tuple(
        (column.name, column.kind, _vocabulary(column))
        for column in profile.columns.values()
        if column.name not in identifiers or _is_sliced(column.name, slices)
    )
    features = tuple(
        _feature_bins(column, profile.rows) for column in profile.columns.values() if column.name not in identifiers
    )
    layout = Layout(
        model=model.name,
        version=model.version,
        task=model.task,
        columns=columns,
        features=features,
        slices=slices,
        score_edges=edges,
        slice_score_edges=slice_edges(edges),
        threshold=model.threshold,
    )
    return layout, identifiers


def _is_asked_for(model: Model, name: str) -> bool:
    return name in model.features and model.features[name].kind == "categorical"


def _is_sliced(name: str, slices: tuple[SliceColumn, ...]) -> bool:
    return any(name in spec.columns for spec in slices)


def _vocabulary(column: ColumnProfile) -> tuple[str, ...]:
    return tuple(most_frequent(column.counts, MAX_VOCABULARY)) if column.kind == "categorical" else ()


def _feature_bins(column: ColumnProfile, rows: Mapping[str, Column]) -> FeatureBins:
    kind: Kind = column.kind
    if kind == "categorical":
        return FeatureBins(name=column.name, kind=kind, n_kept=min(len(column.counts), MAX_CATEGORY_BINS))
    edges = feature_edges(rows[column.name].astype(np.float64), column.minimum, column.maximum)
    return FeatureBins(name=column.name, kind=kind, edges=edges)
