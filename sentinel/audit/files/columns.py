"""Which part each column of the two files plays: decided once, from the configuration, the types and a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentinel.config.model import Model
from sentinel.events.batch import Bool
from sentinel.events.codecs.arrow_columns import column_of, is_number, is_text

_TEXT_CHARACTERS: Final = 40
"""Mean length from which strings that hardly repeat are text, not names."""
_IDENTIFIER_RATIO: Final = 0.5
"""Share of distinct values from which strings name rows, not kinds."""
_FEWEST: Final = 50
"""Values below which half of them being distinct says nothing."""
_OUTCOME_PARTS: Final = {"ranking": "relevance"}
"""Where a part other than ``outcome`` holds what turned out."""


@dataclass(frozen=True, slots=True)
class AuditColumns:
    """Names of columns, by the part they play.

    ``numeric`` (booleans too) and ``categorical`` are the features in both files; ``texts``, ``images``, ``embeddings``
    those compared in their own way; ``dates`` features that are times; ``identifiers`` strings of which most are
    distinct. ``one_sided`` names features that only one file has, by the file that has it. ``ignored`` says why a
    column is left out. Of the roles a name is None where the file lacks the column.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    texts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    embeddings: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    attributions: Mapping[str, str] = field(default_factory=dict)
    known_at: Mapping[str, str] = field(default_factory=dict)
    one_sided: Mapping[str, str] = field(default_factory=dict)
    ignored: Mapping[str, str] = field(default_factory=dict)
    prediction_id: str | None = None
    predicted_at: str | None = None
    outcome: str | None = None
    outcome_at: str | None = None
    group: str | None = None
    score: str | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Every feature that is compared by value or by similarity, in the order of the kinds."""
        return (*self.numeric, *self.categorical, *self.texts, *self.dates, *self.identifiers)

    def in_both(self, names: Sequence[str]) -> Bool:
        """Which of these features both files have: by others no row of one file resembles one of the other."""
        return np.array([name not in self.one_sided for name in names], np.bool_)


def plan_columns(
    model: Model, train: pa.Schema | None, validation: pa.Schema, sample: pa.Table, sampled_train: pa.Table | None
) -> AuditColumns:
    """Decide the part of each column.

    Parameters
    ----------
    model : Model
    train, validation : Schema
        Of the files; ``train`` is None where there is none.
    sample, sampled_train : Table
        Some validation and some training rows, all columns.
    """
    names = set(validation.names) | set(train.names if train is not None else ())
    roles = {part: name if name in names else None for part, name in model.columns.roles(model.task).items()}
    outcome = roles[_OUTCOME_PARTS.get(model.task, "outcome")]
    parts = _Parts(model, {name for name in roles.values() if name is not None})
    one_sided = {}
    if train is not None:
        one_sided = {name: "validation" for name in validation.names if name not in train.names}
        one_sided |= {name: "train" for name in train.names if name not in validation.names}
    for field_ in [*validation, *(f for f in train or () if f.name not in validation.names)]:
        tables = [sample, *([] if sampled_train is None else [sampled_train])]
        parts.place(field_.name, field_.type, [t for t in tables if field_.name in t.column_names])
    score = roles.get("score") if model.task in ("binary", "regression") else roles.get("scores")
    has_scores = model.task == "multiclass" and any(n.startswith(f"{model.columns.scores}.") for n in names)
    return AuditColumns(
        **{kind: tuple(some) for kind, some in parts.by_kind.items()},
        attributions={k: v for k, v in model.audit.attributions.items() if v in names},
        known_at={k: v for k, v in model.audit.known_at.items() if v in names},
        one_sided={name: side for name, side in one_sided.items() if parts.is_feature(name)},
        ignored=parts.ignored,
        prediction_id=roles["prediction_id"],
        predicted_at=roles["predicted_at"],
        outcome=outcome,
        outcome_at=roles["outcome_at"],
        group=roles["group"],
        score=model.columns.scores if has_scores else score,
    )


class _Parts:
    def __init__(self, model: Model, roles: set[str]) -> None:
        self._model = model
        self._roles = roles
        self._prefix = f"{model.columns.scores}."
        self._side_columns = {*model.audit.attributions.values(), *model.audit.known_at.values()}
        kinds = ("numeric", "categorical", "texts", "images", "embeddings", "dates", "identifiers")
        self.by_kind: dict[str, list[str]] = {kind: [] for kind in kinds}
        self.ignored: dict[str, str] = {}

    def is_feature(self, name: str) -> bool:
        return any(name in some for some in self.by_kind.values())

    def place(self, name: str, kind: pa.DataType, tables: Sequence[pa.Table]) -> None:
        """Sort one column in."""
        if name in self._roles or name in self._side_columns:
            return
        if self._model.task == "multiclass" and name.startswith(self._prefix):
            return
        declared = self._model.features.get(name)
        asked = declared.kind if declared is not None else "auto"
        if asked == "ignore":
            self.ignored[name] = "the configuration says so"
            return
        for listed, part in (("text", "texts"), ("images", "images"), ("embeddings", "embeddings")):
            if name in getattr(self._model.audit, listed):
                self.by_kind[part].append(name)
                return
        found = self._kind(name, kind, tables) if asked == "auto" else asked
        if found is None:
            self.ignored[name] = f"values of type {kind} are not compared"
        else:
            self.by_kind[found].append(name)

    @staticmethod
    def _kind(name: str, kind: pa.DataType, tables: Sequence[pa.Table]) -> str | None:
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
            return "numeric"
        if pa.types.is_temporal(kind):
            return None if pa.types.is_duration(kind) or pa.types.is_time(kind) else "dates"
        if _is_vector(kind):
            return "embeddings"
        if not is_text(kind):
            return None
        parts = [column for table in tables if (column := column_of(table, name)) is not None]
        values = pa.concat_arrays([part.cast(pa.large_string()) for part in parts]).drop_null()
        n = len(values)
        if n < _FEWEST or pc.count_distinct(values).as_py() < _IDENTIFIER_RATIO * n:
            return "categorical"
        return "texts" if float(np.mean(pc.utf8_length(values))) >= _TEXT_CHARACTERS else "identifiers"


def _is_vector(kind: pa.DataType) -> bool:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(is_list and pa.types.is_floating(kind.value_type))
