"""Collects, per value of each feature, what became of its rows, and finds features made from these outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self

import numpy as np

from sentinel.audit.features.value_counts import ValueCounts, judge_values, may_encode
from sentinel.baseline.evidence import EncodedOutcome
from sentinel.baseline.profile import OUTCOME, Profile
from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.events.batch import F64, I64, Bool
from sentinel.events.times import BAD_TIME
from sentinel.summaries.layout import Layout

SHORTEST_SECONDS: Final = 36_000.0
"""Standard deviation of times, below which hours are too coarse to tell where in it a value lies."""
_SECONDS_PER_HOUR: Final = 3_600
_US_PER_HOUR: Final = _SECONDS_PER_HOUR * MICROSECONDS_PER_SECOND
_ORIGIN_US: Final = 1_577_836_800_000_000  # 2020-01-01: hours since are small numbers, so that their sums stay exact


class Encodings:
    """Outcomes by value of the features that could hold them.

    Parameters
    ----------
    columns : mapping of name to int
        The features to follow, and where each stands among the numeric columns of the layout's schema.
    is_asked : bool
        False where no feature can be judged: the task asks another question of each row.
    """

    def __init__(self, columns: Mapping[str, int], *, is_asked: bool = True) -> None:
        self._is_asked = is_asked
        self._columns = dict(columns)
        self._values = {name: ValueCounts() for name in columns}
        self._all_timed = True
        self._totals = np.zeros((2, 2), np.int64)

    @classmethod
    def of(cls, profile: Profile, layout: Layout) -> Self:
        """Follow the numeric features whose values repeat and go with the outcome, in the profile's sample."""
        if layout.classes or layout.n_ranked:
            return cls({}, is_asked=False)
        outcomes = profile.rows[OUTCOME].astype(np.float64)
        outcomes = np.where(np.isnan(outcomes), 0.0, outcomes)
        places = {column.name: j for j, column in enumerate(layout.schema.numeric)}
        watched = {feature.name for feature in layout.features} & set(places) & set(profile.rows)
        return cls({n: places[n] for n in sorted(watched) if may_encode(profile.rows[n], outcomes)})

    def add(self, numeric: F64, outcomes: F64, known: Bool, predicted_at: I64 | None, *, judged: bool) -> None:
        """Take in rows.

        Parameters
        ----------
        numeric : float64 array, shape (n_numeric, n)
        outcomes : float64 array, shape (n,)
            0 or 1 where known.
        known : bool array, shape (n,)
        predicted_at : int64 array, shape (n,), microseconds since the epoch, or None
            None where the rows carry no times.
        judged : bool
            Whether they are validation rows.
        """
        if not self._columns:
            return
        rows = slice(None) if known.all() else np.flatnonzero(known)
        positive = outcomes[rows].astype(np.int64)
        self._totals[int(judged)] += len(positive), int(positive.sum())
        hours = squares = None
        if predicted_at is None or (predicted_at == BAD_TIME).any():
            self._all_timed = False
        elif self._all_timed:
            hours = ((predicted_at[rows] - _ORIGIN_US) // _US_PER_HOUR).astype(np.float64)
            squares = hours * hours
        for name, j in self._columns.items():
            self._values[name].add(numeric[j][rows], positive, hours, squares, judged=judged)

    def empty(self) -> Encodings:
        """One that follows the same features and has seen no row."""
        return Encodings(self._columns, is_asked=self._is_asked)

    def merge(self, other: Encodings) -> None:
        """Take in the rows of another that follows the same features."""
        self._all_timed = self._all_timed and other._all_timed
        self._totals += other._totals
        for name, values in self._values.items():
            values.merge(other._values[name])

    def found(self) -> tuple[EncodedOutcome, ...] | None:
        """Features that were made from the outcomes they are judged by, the surest first; None where none was asked."""
        if not self._is_asked:
            return None
        judged = (self._judge(name, *values.table()) for name, values in self._values.items())
        return tuple(sorted((one for one in judged if one is not None), key=lambda one: (one.p_value, one.name)))

    def _judge(self, name: str, values: F64, sums: F64) -> EncodedOutcome | None:
        found = judge_values(values, sums, self._priors())
        if found is None:
            return None
        closest, by_ends = found
        n, _, _, _, *times = sums
        return EncodedOutcome(
            name=name,
            dispersion=closest.dispersion,
            p_value=closest.p_value,
            n_values=closest.n_values,
            n=closest.n,
            pure_ends=by_ends,
            time_spread=_time_spread(n, *times) if self._all_timed else None,
        )

    def _priors(self) -> tuple[float, ...]:
        """Mean outcome of all rows, and of the validation rows."""
        sums = self._totals.sum(axis=0), self._totals[1]
        return tuple(positives / n for n, positives in (part.tolist() for part in sums) if n)


def _time_spread(n: F64, hours: F64, squares: F64) -> float | None:
    """Variance of the times of rows that share a value, over that of all: 0 one moment each, 1 spread like all."""
    repeated = n > 1
    n, hours, squares = n[repeated], hours[repeated], squares[repeated]
    rows, values = float(n.sum()), len(n)
    if rows <= values:
        return None
    total = (float(squares.sum()) - float(hours.sum()) ** 2 / rows) / (rows - 1.0)
    if total * _SECONDS_PER_HOUR**2 < SHORTEST_SECONDS**2:
        return None
    within = float((squares - hours**2 / n).sum()) / (rows - values)
    return round(max(within, 0.0) / total, 6)  # what depends on the order of sums is cut
