"""Outcomes by bins of every feature, counted over all rows of both files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, Self

import numpy as np

from sentinel.audit.check import Context
from sentinel.audit.estimates.inflation import N_BUCKETS, buckets_of
from sentinel.audit.features.bins import Cuts, commonest, cuts_of
from sentinel.audit.files.rows import MISSING_CATEGORY, AuditRows, SideName
from sentinel.events.batch import F64, I64, Bool
from sentinel.events.codecs.arrow_columns import as_times
from sentinel.events.times import BAD_TIME

N_BINS: Final = 64
"""Bins of a feature beside that of missing values: the area of a smooth feature is then exact to 1 / 64^2."""
N_KINDS: Final = 16
"""Steps of an outcome that is a number, and classes that are told apart; of more classes the last ones are one."""
MOST_CELLS: Final = 8_000_000
"""Counts of one file, 64 MB: 32 buckets x 65 bins x 2 outcomes are 4,160 a feature, so that 1,900 features are held, or
240 where the outcome is a number."""
MISSING: Final = 0
REST: Final = 1

Kind = Literal["numeric", "category", "date"]


@dataclass(frozen=True, slots=True)
class FeatureBins:
    """How values of one feature become bins, of which the first is for missing ones.

    Parameters
    ----------
    name : str
    kind : str
    place : int
        Where it stands in ``AuditRows.numeric`` or ``AuditRows.categories``.
    cuts : array
        Ascending: where bins begin, or hashes of the commonest words; then the second bin is all other words.
    """

    name: str
    kind: Kind
    place: int
    cuts: Cuts

    @property
    def n_bins(self) -> int:
        """The bin of missing values included."""
        return len(self.cuts) + 2

    def of(self, rows: AuditRows) -> I64:
        """The bin of each row."""
        if self.kind == "category":
            words = rows.categories[self.place]
            at = np.minimum(np.searchsorted(self.cuts, words), max(len(self.cuts) - 1, 0))
            known = self.cuts[at] == words if len(self.cuts) else np.zeros(len(words), np.bool_)
            return np.where(words == MISSING_CATEGORY, MISSING, np.where(known, at + 2, REST))
        values = rows.numeric[self.place] if self.kind == "numeric" else date_values(rows, self.name)
        missing = np.isnan(values) if self.kind == "numeric" else values == BAD_TIME
        return np.where(missing, MISSING, np.searchsorted(self.cuts, values, side="right") + 1)


@dataclass(frozen=True, slots=True)
class OutcomeKinds:
    """How outcomes become a few kinds.

    Parameters
    ----------
    cuts : float64 array or None
        Where steps of a number begin; None where outcomes are 0 and 1, or classes.
    n : int
    """

    cuts: F64 | None
    n: int

    def of(self, outcomes: F64) -> I64:
        """The kind of each known outcome."""
        if self.cuts is not None:
            return np.searchsorted(self.cuts, outcomes, side="right")
        return np.minimum(outcomes.astype(np.int64), self.n - 1)


def plan_bins(context: Context, only: str | None = None) -> tuple[FeatureBins, ...]:
    """Bins of every number, category and date, or of one of them, by the samples of both files together."""
    sides = [rows for rows in (context.train, context.validation) if rows is not None]
    plan: list[FeatureBins] = []
    for j, name in _asked(context, context.columns.numeric, only):
        values = np.concatenate([rows.numeric[j] for rows in sides])
        plan.append(FeatureBins(name, "numeric", j, cuts_of(values, N_BINS)))
    for j, name in _asked(context, context.columns.categorical, only):
        words = np.concatenate([rows.categories[j] for rows in sides])
        plan.append(FeatureBins(name, "category", j, commonest(words, N_BINS)))
    for _, name in _asked(context, context.columns.dates, only):
        values = np.concatenate([date_values(rows, name) for rows in sides])
        plan.append(FeatureBins(name, "date", 0, cuts_of(values[values != BAD_TIME], N_BINS)))
    return tuple(plan)


def _asked(context: Context, names: tuple[str, ...], only: str | None) -> list[tuple[int, str]]:
    """Features with their places; a model cannot read what only one file has."""
    there = ((j, name) for j, name in enumerate(names) if name not in context.columns.one_sided)
    return [(j, name) for j, name in there if only in (None, name)]


def held(bins: tuple[FeatureBins, ...], kinds: OutcomeKinds) -> tuple[FeatureBins, ...]:
    """The first features, as many as there is memory for."""
    cells = np.cumsum([N_BUCKETS * one.n_bins * kinds.n for one in bins])
    return bins[: int(np.searchsorted(cells, MOST_CELLS, side="right"))]


def plan_kinds(context: Context) -> OutcomeKinds | None:
    """Kinds of outcomes; None of a ranking, or where no outcome is known."""
    sides = [rows for rows in (context.train, context.validation) if rows is not None]
    known = [rows.outcomes[np.isfinite(rows.outcomes)] for rows in sides]
    outcomes = np.concatenate(known)
    if not len(outcomes) or context.model.task == "ranking":
        return None
    if context.n_classes:
        return OutcomeKinds(None, min(max(context.n_classes, 2), N_KINDS))
    steps = np.arange(1, N_KINDS) / N_KINDS
    cuts = np.unique(np.quantile(outcomes, steps, method="inverted_cdf"))
    cuts = cuts[cuts > outcomes.min()]
    return OutcomeKinds(cuts, len(cuts) + 1)


class OutcomeTables:
    """Rows with a known outcome by bucket of entities, bin and kind, of each feature and file.

    Parameters
    ----------
    bins : tuple of FeatureBins
    kinds : OutcomeKinds
    """

    def __init__(self, bins: tuple[FeatureBins, ...], kinds: OutcomeKinds) -> None:
        self.bins = bins
        self.kinds = kinds
        self._counts: dict[SideName, list[I64]] = {
            side: [np.zeros((N_BUCKETS, one.n_bins, kinds.n), np.int64) for one in bins]
            for side in ("train", "validation")
        }

    def add(self, rows: AuditRows) -> None:
        """Count some rows of either file."""
        known: Bool = np.isfinite(rows.outcomes)
        every = bool(known.all())
        bucket = buckets_of(rows)
        kind = self.kinds.of(np.where(known, rows.outcomes, 0.0))
        for one, counts in zip(self.bins, self._counts[rows.side], strict=True):
            code = (bucket * one.n_bins + one.of(rows)) * self.kinds.n + kind
            counts += np.bincount(code if every else code[known], minlength=counts.size).reshape(counts.shape)

    def merge(self, other: Self, side: SideName) -> None:
        """Add what another one counted of one file."""
        for mine, theirs in zip(self._counts[side], other._counts[side], strict=True):
            mine += theirs

    def of(self, side: SideName) -> Iterator[tuple[FeatureBins, I64]]:
        """Each feature with its counts, int64, shape (N_BUCKETS, n_bins, n_kinds)."""
        yield from zip(self.bins, self._counts[side], strict=True)


def date_values(rows: AuditRows, name: str) -> I64:
    """A date as microseconds since the epoch; ``BAD_TIME`` where missing."""
    column = rows.column(name)
    return np.full(len(rows), BAD_TIME, np.int64) if column is None else as_times(column)
