"""Where live rows are held against offline ones apart: slices by column, crosses of them, and those built in."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Annotated

from msgspec import Meta

from sentinel.config.columns import ColumnName, check_name
from sentinel.config.errors import ConfigError, Keys
from sentinel.config.section import Section


class SliceBins(Section, frozen=True, kw_only=True):
    """One column to slice by, with the way its values are grouped."""

    column: Annotated[str, Meta(description="The column whose values make the slices.", min_length=1, max_length=256)]
    bins: Annotated[
        Annotated[list[float], Meta(min_length=1, max_length=100)] | None,
        Meta(
            description="Inner edges for a numeric column, ascending: n edges make n + 1 slices. Unset: "
            "each value is a slice of its own.",
            examples=[[25, 40, 60]],
        ),
    ] = None
    max_values: Annotated[
        int,
        Meta(
            description="Values kept apart, the most frequent of the baseline first; the rest share the "
            "slice 'other'. 50 keeps the number of time series of one column readable and bounded.",
            ge=1,
            le=10_000,
        ),
    ] = 50

    def __post_init__(self) -> None:
        edges = self.bins or []
        if not all(math.isfinite(edge) for edge in edges):
            raise ConfigError("every edge must be finite", keys=("bins",))
        if any(low >= high for low, high in itertools.pairwise(edges)):
            raise ConfigError("edges must ascend, each one once", keys=("bins",))


Slice = str | SliceBins | list[str]


class BuiltInSlices(Section, frozen=True, kw_only=True):
    """Slices that no one has to cut. Those of a column are cut at its offline quartiles."""

    predicted_class: Annotated[
        bool,
        Meta(description="Predictions at or above the threshold, and those below. For binary tasks; on by default."),
    ] = True
    score_band: Annotated[
        bool,
        Meta(
            description="Fifths of the offline score: where the model is sure (the ends) and where it is not. For "
            "binary tasks; on by default."
        ),
    ] = True
    entity_age: Annotated[
        ColumnName | None,
        Meta(
            description="A number that says how long the entity has been known. Unset: none.",
            examples=["tenure_days"],
        ),
    ] = None
    recency: Annotated[
        ColumnName | None,
        Meta(
            description="A number that says how old the news of the entity is. Unset: none.",
            examples=["days_since_last_visit"],
        ),
    ] = None
    input_length: Annotated[
        ColumnName | None,
        Meta(description="A number that says how long the input is. Unset: none.", examples=["n_tokens"]),
    ] = None


def slice_columns(item: Slice) -> tuple[str, ...]:
    """The columns that a slice looks at, in order."""
    if isinstance(item, str):
        return (item,)
    return (item.column,) if isinstance(item, SliceBins) else tuple(item)


def check_slices(slices: list[Slice]) -> None:
    """See that each is well-formed, and there once.

    Raises
    ------
    ConfigError
    """
    seen: dict[tuple[str, ...], int] = {}
    for index, item in enumerate(slices):
        columns = slice_columns(item)
        at: Keys = ("slices", index)
        for column in columns:
            check_name(column, "a slice", at)
        if isinstance(item, list) and (len(item) < 2 or max(Counter(item).values()) > 1):
            raise ConfigError("a cross needs two or more different columns", keys=at)
        first = seen.setdefault(tuple(sorted(columns)), index)
        if first != index:
            raise ConfigError(f"the slice {' x '.join(columns)!r} is already slices[{first}]", keys=at)
