"""When the value of each feature came to be known, wherever the rows say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from sentinel.audit.check import Context
from sentinel.audit.files.columns import AuditColumns
from sentinel.audit.files.rows import AuditRows
from sentinel.events.batch import I64, NO_TIME
from sentinel.events.codecs.arrow_columns import as_times
from sentinel.events.codecs.arrow_feature_times import as_feature_times
from sentinel.events.schema import Column, EventSchema, Limits
from sentinel.events.times import BAD_TIME

_ALL_TIMES: Final = Limits(earliest_us=int(BAD_TIME) + 1)


class KnownTimes:
    """Reads times from the columns of ``audit.known_at``, the column of feature times, and features that are dates.

    ``audit.known_at`` counts before all others; of a feature that is a date, its own value before a feature time.

    Parameters
    ----------
    context : Context
    """

    def __init__(self, context: Context) -> None:
        columns = context.columns
        self._known_at = dict(columns.known_at)
        self._dates = columns.dates
        self._all_of = context.model.columns.feature_times
        features = tuple(name for name in _features(columns) if name not in self._known_at)
        self._schema = EventSchema("", "", tuple(Column(name, "numeric") for name in features))
        samples = [context.validation, *([] if context.train is None else [context.train])]
        names = sorted({name for rows in samples for name in self.read(rows)})
        self.names: tuple[str, ...] = tuple(names)

    def is_date(self, name: str) -> bool:
        """Whether the time is the feature's own value and not the moment at which it was known."""
        return name in self._dates and name not in self._known_at

    def read(self, rows: AuditRows) -> Mapping[str, I64]:
        """Times by feature, microseconds since the epoch; ``BAD_TIME`` where a row has none."""
        found: dict[str, I64] = {}
        for name in self._dates:
            column = rows.column(name)
            if column is not None:
                found[name] = as_times(column)
        column = rows.column(self._all_of)
        given = None if column is None else as_feature_times(column, self._schema, _ALL_TIMES)
        if given is not None:
            for one, times in zip(self._schema.columns, given.at_us, strict=True):
                if (times != NO_TIME).any() and not self.is_date(one.name):
                    found[one.name] = np.where(times == NO_TIME, BAD_TIME, times)
        for name, at in self._known_at.items():
            column = rows.column(at)
            if column is not None:
                found[name] = as_times(column)
        return found


def _features(columns: AuditColumns) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*columns.features, *columns.images, *columns.embeddings]))
