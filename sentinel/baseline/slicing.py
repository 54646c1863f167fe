"""From the configured slices and the offline columns to the slices that are counted."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from sentinel.baseline.edges import between
from sentinel.baseline.profile import SCORE, ColumnProfile, Profile
from sentinel.config.model import Model
from sentinel.config.slices import Slice, SliceBins, slice_columns
from sentinel.errors import BaselineError
from sentinel.events.batch import F64
from sentinel.events.schema import category
from sentinel.summaries.layout import OF_SCORE, SliceColumn, cross_value

DEFAULT_MAX_VALUES = SliceBins(column="any").max_values
"""Slice values kept apart where the configuration does not say."""
N_BANDS, N_QUARTERS = 5, 4
EDGE_DIGITS = 3
"""Of edges that nobody asked for: they are names too."""


def slice_layout(slices: Sequence[Slice], profile: Profile) -> tuple[SliceColumn, ...]:
    """Resolve the configured slices.

    Raises
    ------
    BaselineError
        If a column is not there, plays another part, or cannot be sliced as asked.
    """
    return tuple(_resolve(item, profile) for item in slices)


def built_in_slices(model: Model, profile: Profile) -> tuple[SliceColumn, ...]:
    """The slices that no one has to cut: by the score, and by the columns that are said to tell age and length.

    Their names begin with ``@``. Where the score, or a column, has one value only, there is nothing to cut.

    Raises
    ------
    BaselineError
        If a column is not there, plays another part or is no number, or if a configured slice has such a name.
    """
    wanted = model.built_in_slices
    found = list(_by_score(model, profile)) if model.task == "binary" else []
    for role in ("entity_age", "recency", "input_length"):
        name = getattr(wanted, role)
        if name is None:
            continue
        column = _column(name, profile)
        if column.kind != "numeric":
            raise BaselineError(f"built_in_slices.{role}: the column {name!r} is no number")
        found.extend(_at_quantiles(f"@{role}", name, profile.rows[name].astype(np.float64), N_QUARTERS))
    taken = {"*".join(slice_columns(item)) for item in model.slices}
    for spec in found:
        if spec.name in taken:
            raise BaselineError(f"the slice {spec.name!r} has the name of a built-in one: rename the column")
    return tuple(found)


def _by_score(model: Model, profile: Profile) -> Iterator[SliceColumn]:
    if model.built_in_slices.predicted_class:
        edges = (model.threshold,)
        yield SliceColumn(name="@predicted_class", columns=(OF_SCORE,), values=("negative", "positive"), edges=edges)
    if model.built_in_slices.score_band:
        yield from _at_quantiles("@score_band", OF_SCORE, profile.rows[SCORE].astype(np.float64), N_BANDS)


def _at_quantiles(name: str, column: str, values: F64, n_parts: int) -> Iterator[SliceColumn]:
    """Cut where the offline values fall into equal parts, at edges of few digits; values that repeat make fewer."""
    known = np.sort(values[np.isfinite(values)])
    if not len(known):
        return
    ranks = np.ceil(np.arange(1, n_parts) / n_parts * len(known)).astype(np.int64)
    cuts = {_rounded(cut) for cut in known[np.minimum(ranks, len(known) - 1)].tolist()}
    edges = sorted(cut for cut in cuts if known[0] < cut <= known[-1])
    if edges:
        yield SliceColumn(name=name, columns=(column,), values=_spans(edges), edges=tuple(edges))


def _rounded(value: float) -> float:
    return float(f"{value:.{EDGE_DIGITS}g}")


def _resolve(item: Slice, profile: Profile) -> SliceColumn:
    columns = [_column(name, profile) for name in slice_columns(item)]
    if isinstance(item, list):
        return _cross(columns, profile)
    max_values = item.max_values if isinstance(item, SliceBins) else DEFAULT_MAX_VALUES
    bins = item.bins if isinstance(item, SliceBins) else None
    column = columns[0]
    if bins:
        if column.kind != "numeric":
            raise BaselineError(f"slice {column.name!r} has bins, but the column is no number: remove the bins")
        return SliceColumn(name=column.name, columns=(column.name,), values=_spans(bins), edges=tuple(bins))
    if column.kind == "numeric":
        return _separate_numbers(column, profile, max_values)
    values = tuple(most_frequent(column.counts, max_values))
    return SliceColumn(name=column.name, columns=(column.name,), values=values)


def _column(name: str, profile: Profile) -> ColumnProfile:
    if name in profile.columns:
        return profile.columns[name]
    if name in profile.notes:
        raise BaselineError(f"slice column {name!r} cannot be used: {profile.notes[name]}")
    raise BaselineError(f"slice column {name!r} is no feature column of the validation file")


def _separate_numbers(column: ColumnProfile, profile: Profile, max_values: int) -> SliceColumn:
    sample = profile.rows[column.name].astype(np.float64)
    distinct = np.unique(sample[np.isfinite(sample)])
    if len(distinct) > max_values:
        raise BaselineError(
            f"slice column {column.name!r} is a number with {len(distinct)} different values or more: give it bins, "
            f"for example {{column: {column.name}, bins: [{_number(float(np.median(distinct)))}]}}"
        )
    values = tuple(_number(value) for value in distinct.tolist())
    return SliceColumn(name=column.name, columns=(column.name,), values=values, edges=tuple(between(distinct).tolist()))


def _cross(columns: Sequence[ColumnProfile], profile: Profile) -> SliceColumn:
    names = tuple(column.name for column in columns)
    if len(names) > 2:
        raise BaselineError(f"the slice {' x '.join(names)} crosses {len(names)} columns; two are the most")
    for column in columns:
        if column.kind == "numeric":
            raise BaselineError(
                f"the slice {' x '.join(names)} crosses a number: set features.{column.name}.kind to categorical"
            )
    words = [profile.sample_vocabulary[name] for name in names]
    codes = np.stack([profile.rows[name].astype(np.int64) for name in names])
    pairs, counts = np.unique(codes[:, (codes >= 0).all(axis=0)], axis=1, return_counts=True)
    named = Counter(
        {
            cross_value(words[0][a], words[1][b]): count
            for a, b, count in zip(*pairs.tolist(), counts.tolist(), strict=True)
        }
    )
    values = tuple(most_frequent(named, DEFAULT_MAX_VALUES))
    return SliceColumn(name="*".join(names), columns=names, values=values)


def most_frequent(counts: Counter[str], limit: int) -> list[str]:
    """The commonest categories; equal counts in the order of their names, so that no file order shows."""
    return sorted(counts, key=lambda name: (-counts[name], name))[:limit]


def _spans(edges: Sequence[float]) -> tuple[str, ...]:
    names = [_number(edge) for edge in edges]
    inner = [f"[{low},{high})" for low, high in itertools.pairwise(names)]
    return (f"<{names[0]}", *inner, f">={names[-1]}")


def _number(value: float) -> str:
    return category(float(value)) or str(value)
