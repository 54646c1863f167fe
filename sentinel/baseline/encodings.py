"""Collects, per value of each feature, what became of its rows, and finds features made from these outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from sentinel.baseline.evidence import EncodedOutcome
from sentinel.baseline.profile import OUTCOME, Profile
from sentinel.events.batch import F64, I64, U64, Bool
from sentinel.events.times import BAD_TIME
from sentinel.stats.encoding import Closeness, closeness, pure_ends
from sentinel.summaries.layout import Layout

SLOT_BITS: Final = 12
"""2^12 values a feature are followed at most, 56 bytes each."""
LEAST_STANDARD_ERRORS: Final = 3.0
"""Of the correlation with the outcome, in the profile's sample: an encoding has many more, whatever it encodes."""
MOST_DISTINCT: Final = 0.98
"""Share of the sampled values that are distinct, above which they are as good as all distinct."""
SHORTEST_SECONDS: Final = 36_000.0
"""Standard deviation of times, below which hours are too coarse to tell where in it a value lies."""
_N_SLOTS: Final = 1 << SLOT_BITS
_SHIFT: Final = np.uint64(64 - SLOT_BITS)
_FACTOR: Final = 0x9E3779B97F4A7C15  # odd, 2^64 over the golden ratio (Knuth, TAOCP 3, 6.4): products are all distinct
_INVERSE: Final = pow(_FACTOR, -1, 1 << 64)
_US_PER_HOUR: Final = 3_600_000_000
_ORIGIN_US: Final = 1_577_836_800_000_000  # 2020-01-01: hours since are small numbers, so that their sums stay exact
_EMPTY: Final = np.iinfo(np.uint64).max


@dataclass(slots=True)
class _Values:
    """Counts of rows by value: each slot keeps the value with the smallest hash that fell into it, with all its rows.

    ``sums`` holds rows, positive outcomes, those two of validation rows alone, hours and squared hours.
    """

    hashes: U64 = field(default_factory=lambda: np.full(_N_SLOTS, _EMPTY, np.uint64))
    sums: F64 = field(default_factory=lambda: np.zeros((6, _N_SLOTS)))

    def add(self, values: F64, positive: I64, hours: F64 | None, squares: F64 | None, *, judged: bool) -> None:
        """Take in rows; a value that gives way to another is forgotten, and one that stays has lost no row."""
        hashes = (values + 0.0).view(np.uint64)  # + 0.0 makes one of both zeros
        hashes *= np.uint64(_FACTOR)
        slots = (hashes >> _SHIFT).view(np.int64)
        there = self.hashes[slots]
        ahead = np.flatnonzero(hashes < there)
        if len(ahead):
            np.minimum.at(self.hashes, slots[ahead], hashes[ahead])
            self.sums[:, slots[ahead]] = 0.0
            there = self.hashes[slots]
        held = np.flatnonzero(hashes == there)
        if len(held) < len(slots):
            slots, positive = slots[held], positive[held]
            hours, squares = (None if part is None else part[held] for part in (hours, squares))
        n = np.bincount(2 * slots + positive, minlength=2 * _N_SLOTS).reshape(_N_SLOTS, 2)
        counts = np.stack([n.sum(axis=1), n[:, 1]])
        self.sums[:2] += counts
        if judged:
            self.sums[2:4] += counts
        if hours is not None and squares is not None:
            self.sums[4] += np.bincount(slots, hours, _N_SLOTS)
            self.sums[5] += np.bincount(slots, squares, _N_SLOTS)

    def table(self) -> tuple[F64, F64]:
        """Finite values, ascending, and their sums; values that no validation row has are left out."""
        values = (self.hashes * np.uint64(_INVERSE)).view(np.float64)
        used = np.flatnonzero(np.isfinite(values) & (self.sums[2] > 0))
        order = used[np.argsort(values[used])]
        return values[order], self.sums[:, order]


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
        self._values = {name: _Values() for name in columns}
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
        return cls({n: places[n] for n in sorted(watched) if _may_encode(profile.rows[n], outcomes)})

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

    def found(self) -> tuple[EncodedOutcome, ...] | None:
        """Features that were made from the outcomes they are judged by, the surest first; None where none was asked."""
        if not self._is_asked:
            return None
        judged = (self._judge(name, *values.table()) for name, values in self._values.items())
        return tuple(sorted((one for one in judged if one is not None), key=lambda one: (one.p_value, one.name)))

    def _judge(self, name: str, values: F64, sums: F64) -> EncodedOutcome | None:
        n, positives, judged, judged_positives, *times = sums
        priors = self._priors()
        looks = [closeness(values, n, positives, judged, priors)]
        if not np.array_equal(n, judged):
            looks.append(closeness(values, judged, judged_positives, priors=priors))
        found: list[Closeness] = [one for one in looks if isinstance(one, Closeness) and one.is_encoded]
        ends = None if found else pure_ends(values, judged, judged_positives)
        if ends is not None:
            found.append(ends)
        if not found:
            return None
        return EncodedOutcome(
            name=name,
            dispersion=found[0].dispersion,
            p_value=found[0].p_value,
            n_values=found[0].n_values,
            n=found[0].n,
            pure_ends=ends is not None,
            time_spread=_time_spread(n, *times) if self._all_timed else None,
        )

    def _priors(self) -> tuple[float, ...]:
        """Mean outcome of all rows, and of the validation rows."""
        sums = self._totals.sum(axis=0), self._totals[1]
        return tuple(positives / n for n, positives in (part.tolist() for part in sums) if n)


def _may_encode(values: npt.NDArray[np.generic], outcomes: F64) -> bool:
    numbers = values.astype(np.float64, copy=False)
    present = np.isfinite(numbers)
    if not present.all():
        numbers, outcomes = numbers[present], outcomes[present]
    if len(numbers) < 2:
        return False
    scale = float(np.abs(numbers).max())
    x = numbers / scale if scale > 0.0 else numbers  # its squares stay finite
    x, y = x - x.mean(), outcomes - outcomes.mean()
    size = float((x @ x) * (y @ y))
    if size <= 0.0 or float(x @ y) ** 2 * len(x) < LEAST_STANDARD_ERRORS**2 * size:
        return False
    return len(np.unique(numbers)) <= MOST_DISTINCT * len(numbers)


def _time_spread(n: F64, hours: F64, squares: F64) -> float | None:
    """Variance of the times of rows that share a value, over that of all: 0 one moment each, 1 spread like all."""
    repeated = n > 1
    n, hours, squares = n[repeated], hours[repeated], squares[repeated]
    rows, values = float(n.sum()), len(n)
    if rows <= values:
        return None
    total = (float(squares.sum()) - float(hours.sum()) ** 2 / rows) / (rows - 1.0)
    if total * 3600.0**2 < SHORTEST_SECONDS**2:
        return None
    within = float((squares - hours**2 / n).sum()) / (rows - values)
    return round(max(within, 0.0) / total, 6)  # what depends on the order of sums is cut
