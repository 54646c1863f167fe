"""What well-formed JSON events look like, as Structs that msgspec decodes straight into."""

from __future__ import annotations

import math
from collections.abc import Set
from typing import Any, Literal

import msgspec

from sentinel.events.schema import Column, EventSchema, Task


class PlainOutcome(msgspec.Struct, gc=False):
    """An outcome that is a number."""

    model: str
    prediction_id: str
    outcome: float
    outcome_at: str | float
    kind: Literal["outcome"] = "outcome"
    final: bool | None = None


class AnyOutcome(msgspec.Struct, gc=False):
    """The same where some model's outcomes are classes."""

    model: str
    prediction_id: str
    outcome: float | str
    outcome_at: str | float
    kind: Literal["outcome"] = "outcome"
    final: bool | None = None


class GradedOutcome(msgspec.Struct, gc=False):
    """The same where some model's outcomes are grades of items."""

    model: str
    prediction_id: str
    outcome_at: str | float
    outcome: float | str = math.nan
    relevance: dict[str, float] | None = None
    kind: Literal["outcome"] = "outcome"
    final: bool | None = None


class Item(msgspec.Struct, gc=False):
    """One item of a ranked list."""

    id: str
    score: float


class Head(msgspec.Struct, gc=False):
    """What routes a prediction: read first, alone, where several versions share a topic."""

    model: str
    version: str = ""


def outcome_struct(tasks: Set[Task]) -> Any:
    """The narrowest Struct that outcomes of all these tasks fit."""
    if "ranking" in tasks:
        return GradedOutcome
    return AnyOutcome if "multiclass" in tasks else PlainOutcome


def score_field(schema: EventSchema) -> tuple[str, Any]:
    """Name and type of the field that holds what the model said."""
    if schema.task == "ranking":
        return "items", list[Item]
    return ("scores", dict[str, float]) if schema.classes else ("score", float)


def inputs_struct(schema: EventSchema) -> Any:
    """The Struct of the columns, numeric ones first; None where a name cannot be a Struct's (then all go slowly)."""
    ordered = (*schema.numeric, *schema.categorical)
    if any('"' in c.name or "\\" in c.name or min(c.name, default=" ") < " " for c in ordered):
        return None
    return msgspec.defstruct(
        "Inputs",
        [(f"f{i}", _field_type(column), None) for i, column in enumerate(ordered)],
        rename={f"f{i}": column.name for i, column in enumerate(ordered)},
        gc=False,
    )


def _field_type(column: Column) -> Any:
    return float | None if column.kind == "numeric" else str | int | float | bool | None
