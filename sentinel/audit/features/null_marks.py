"""Rows where a feature is missing, or holds a number that stands for a missing one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from sentinel.audit.check import Context
from sentinel.audit.features.feature_bins import date_values
from sentinel.audit.files.rows import MISSING_CATEGORY, AuditRows
from sentinel.events.batch import F64, Bool
from sentinel.events.codecs.arrow_columns import is_missing
from sentinel.events.times import BAD_TIME

STAND_INS: Final = (-1.0, -9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0)
"""Numbers that people write for no number."""
LEAST_SHARE: Final = 0.005
"""Of the sampled values, from which such a number is a habit."""
_MOST_SEARCHED: Final = 20_000
"""Values of each file in which such numbers are looked for: a habit is then there a hundred times."""

Kind = Literal["numeric", "stand_in", "category", "date", "other"]


@dataclass(frozen=True, slots=True)
class NullMark:
    """How to tell the rows where a feature says nothing.

    Parameters
    ----------
    name : str
    kind : str
    place : int
        Where it stands in ``AuditRows.numeric`` or ``AuditRows.categories``.
    value : float
        Of ``stand_in``.
    """

    name: str
    kind: Kind
    place: int = 0
    value: float = 0.0

    def of(self, rows: AuditRows) -> Bool:
        """Where it says nothing."""
        if self.kind == "numeric":
            return np.asarray(np.isnan(rows.numeric[self.place]))
        if self.kind == "stand_in":
            return np.asarray(rows.numeric[self.place] == self.value)
        if self.kind == "category":
            return np.asarray(rows.categories[self.place] == MISSING_CATEGORY)
        if self.kind == "date":
            return np.asarray(date_values(rows, self.name) == BAD_TIME)
        column = rows.column(self.name)
        return np.ones(len(rows), np.bool_) if column is None else is_missing(column)


def null_marks(context: Context) -> tuple[NullMark, ...]:
    """One for each feature of both files, and one more for each number that stands for a missing one."""
    columns = context.columns
    marks: list[NullMark] = []
    for j, name in enumerate(columns.numeric):
        marks.append(NullMark(name, "numeric", j))
        marks += [NullMark(name, "stand_in", j, value) for value in _stand_ins(context, j)]
    marks += [NullMark(name, "category", j) for j, name in enumerate(columns.categorical)]
    marks += [NullMark(name, "date") for name in columns.dates]
    rest = (*columns.texts, *columns.identifiers, *columns.images, *columns.embeddings)
    marks += [NullMark(name, "other") for name in rest]
    return tuple(mark for mark in marks if mark.name not in columns.one_sided)


def _stand_ins(context: Context, place: int) -> Iterator[float]:
    sides = [rows.numeric[place] for rows in (context.train, context.validation) if rows is not None]
    values = np.concatenate([side[:: -(-max(len(side), 1) // _MOST_SEARCHED)] for side in sides])
    values = values[np.isfinite(values)]
    if not len(values):
        return
    for value in {float(values.min()), float(values.max())} & set(STAND_INS):
        if (values == value).mean() >= LEAST_SHARE and _is_apart(values[values != value], value):
            yield value


def _is_apart(others: F64, value: float) -> bool:
    """Whether it is negative and no other value is, or it lies farther off than they reach."""
    if len(others) < 2:
        return False
    low, high = float(others.min()), float(others.max())
    if value < 0.0 <= low:
        return True
    return (value - high if value > high else low - value) > high - low > 0.0
