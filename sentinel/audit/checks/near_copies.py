"""Validation rows that nearly are training rows: all but a few columns equal, or numbers moved by a little noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.excess import SURE, Excess, excess, grave, twin_variance
from sentinel.audit.estimates.inflation import InflationTally, scoring
from sentinel.audit.estimates.measured import priced
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import MOST_ROWS, CheckResult, Finding, Inflation, RowPair, found, not_checked
from sentinel.audit.similarity.blocking import N_GROUPS, Coarse, Index, plan
from sentinel.audit.similarity.near import NOISY_COLUMNS, Nearest, Sought
from sentinel.events.batch import I64, Bool
from sentinel.stats.estimate import NotEnough

NAME: Final = "near_copies"
TITLE: Final = "nearly the same row in training and validation"
MOST_SOUGHT: Final = 10_000
"""Rows of each file that are looked for: a share of .5 % is then known to within .2 %."""
FEWEST_COLUMNS: Final = 4
"""Numeric and categorical columns, below which rows that differ in one of them have little in common."""
NOTEWORTHY: Final = 0.005
"""Excess share of near copies that is worth a line."""
_RARE: Final = 0.05
"""Chance level up to which the widest notion of near is taken: what is near then hardly comes about by itself."""
_USELESS: Final = 0.3
"""Chance level from which a notion of near is not used: coarse inputs come that near without being copies."""
_NOISE: Final = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""Root mean squared differences tried, in standard deviations: from what augments to what rounds."""
_TRIED: Final = 2_500
"""Training rows by which bins are chosen: candidates a row are then known to a few per cent."""
_SURELY_FOUND: Final = 0.1
"""Distance, in widths of a bin, from which some of the rows at twice as much are no longer seen."""
_DISTINCT: Final = 0.5
"""Share of distinct values from which a column is continuous."""
_CONTINUOUS_COLUMNS: Final = 3
"""Columns from which the pairs at up to a distance are at most a third of those at up to twice as much: in three
dimensions an eighth."""


def start(context: Context) -> Check | CheckResult:
    """Needs training rows and a few columns in both files."""
    if context.n_train == 0 or context.train is None:
        return not_checked(NAME, "there are no training rows", "--train")
    both = _Both.of(context)
    columns = both.names
    if len(columns) < FEWEST_COLUMNS:
        why = f"the files share {len(columns)} numeric and categorical columns"
        return not_checked(NAME, why, f"files of at least {FEWEST_COLUMNS} such columns")
    train, validation = both.rows(context.train), both.rows(context.validation)
    chosen = _some(len(validation), MOST_SOUGHT, context)
    # Half of the sample at most: bins are chosen by how often the other half comes near.
    control = _some(len(train), min(MOST_SOUGHT, len(train) // 2), context)
    others = np.setdiff1d(np.arange(len(train)), control)
    others = others[:: max(len(others) // _TRIED, 1)]
    sought = Sought(
        np.concatenate([validation.numbers[chosen], train.numbers[control]]),
        np.arange(len(chosen) + len(control)) >= len(chosen),
        _joined(_coarse(validation, chosen), _coarse(train, control)),
        np.concatenate([validation.prints[chosen], train.prints[control]]),
        np.concatenate([validation.groups[chosen], train.groups[control]]),
    )
    index = plan(_coarse(train, others), sought.coarse)
    if index is None or not len(chosen) or not len(control):
        why = "too few rows, or inputs so coarse that nearly every row has many others next to it"
        return not_checked(NAME, why, "more rows, or features that tell rows apart")
    return _NearCopies(context, both, sought, index, chosen)


@dataclass(frozen=True, slots=True)
class _Both:
    """The columns that both files have: by others no row of one resembles a row of the other."""

    names: tuple[str, ...]
    numeric: I64
    categories: I64

    @classmethod
    def of(cls, context: Context) -> _Both:
        """Plan."""
        columns = context.columns
        numeric, categories = (np.flatnonzero(columns.in_both(some)) for some in (columns.numeric, columns.categorical))
        names = (*(columns.numeric[j] for j in numeric), *(columns.categorical[j] for j in categories))
        return cls(names, numeric, categories)

    def rows(self, rows: AuditRows) -> AuditRows:
        """The same rows without the other columns."""
        if len(self.numeric) == len(rows.numeric) and len(self.categories) == len(rows.categories):
            return rows
        return replace(rows, numeric=rows.numeric[self.numeric], categories=rows.categories[self.categories])


class _NearCopies:
    """Holds the rows that are looked for and the best that was found for each."""

    def __init__(self, context: Context, both: _Both, sought: Sought, index: Index, chosen: I64) -> None:
        self._both = both
        self._columns = both.names
        self._sought = sought
        self._nearest = Nearest(sought, index)
        self._n_train = context.n_train
        self._chosen = chosen
        self._n = len(chosen)
        self._continuous = _n_continuous(sought.coarse) >= _CONTINUOUS_COLUMNS
        self._width = index.blocking.width
        self._n_numeric = len(both.numeric)
        # The rows as they stand in the file are no longer needed, and would go to every worker.
        self._rows = replace(context.validation, table=context.validation.table.select([]))
        self._scoring = scoring(context)

    def train(self, rows: AuditRows) -> None:
        """Look training rows up among those that are looked for."""
        self._nearest.add(self._both.rows(rows))

    def add_train(self, other: Self) -> None:
        """Take in what another copy found."""
        self._nearest.merge(other._nearest)

    def validation(self, rows: AuditRows) -> None:
        """Nothing: the sample is known."""

    def add_validation(self, other: Self) -> None:
        """Nothing: the sample is known."""

    def result(self) -> CheckResult:
        """Compare how many validation rows come near a training row with how many training rows do."""
        detail = f"{self._n:,} validation rows looked for among {self._n_train:,} training rows"
        near = self._near()
        if near is not None and near.is_worth_a_line:
            return found(NAME, (self._finding(near),), f"{detail}; {near.words}")
        noisy = self._noisy()
        if noisy is not None and noisy.is_worth_a_line:
            return found(NAME, (self._finding(noisy),), f"{detail}; {noisy.words}")
        if near is None:
            why = "training rows come that near each other everywhere"
            return not_checked(NAME, f"{detail}; {why}", "features that tell rows apart")
        judged = near.judged
        least = max(NOTEWORTHY, SURE * judged.error)
        detail += (
            f"; {near.words}: {judged.share.value:.2%} are, {judged.chance:.2%} of training rows, {least:.2%} more "
        )
        return found(NAME, (), detail + "would show")

    def _near(self) -> _Near | None:
        """Rows as near as few training rows are to one another."""
        control = self._sought.is_train
        most = 2 if len(self._columns) >= N_GROUPS + 2 else 1
        levels = [self._nearest.edits <= k for k in range(most, 0, -1)]
        distances = [self._nearest.distance <= limit for limit in _NOISE]
        edits, noise = _widest(levels, control), _widest(distances, control)
        words = []
        rows = np.zeros(len(self._sought), np.bool_)
        if edits is not None:
            words.append(f"in all columns but {'two' if edits < most - 1 else 'one'}")
            rows |= levels[edits]
        if noise is not None and self._n_numeric >= NOISY_COLUMNS:
            words.append(f"within {_NOISE[noise]:g} standard deviations")
            rows |= distances[noise]
        if not words:
            return None
        judged = _excess(int((rows & ~control).sum()), self._n, int((rows & control).sum()), int(control.sum()))
        chance = f"Of training rows {judged.chance:.2%} come as near to another"
        return _Near(rows & ~control, judged, f"near is equal {' or '.join(words)}", chance)

    def _noisy(self) -> _Near | None:
        """Rows at a distance at which there are more than at up to twice as much: noise was added to training rows too.

        Around rows that are no copies there is more room far than near: in d columns there are 2^d - 1 times as many
        at one to two times a distance as below it.
        """
        if not self._continuous:
            return None
        mine, distance = ~self._sought.is_train, self._nearest.distance
        best = None
        for limit in _NOISE:
            if limit > self._width * _SURELY_FOUND:
                continue
            inner, outer = distance <= limit, (distance > limit) & (distance <= 2.0 * limit)
            judged = _excess(int((inner & mine).sum()), self._n, int((outer & mine).sum()), self._n)
            if best is None or judged.value > best.judged.value:
                words = f"near is equal within {limit:g} standard deviations"
                chance = f"Training rows do so too, but {judged.chance:.2%} come within twice that, and no more would"
                best = _Near(inner & mine, judged, words, chance)
        return best

    def _finding(self, near: _Near) -> Finding:
        judged, places = near.judged, np.flatnonzero(near.rows)
        measured = self._inflation(places)
        inflation, no_inflation = priced(measured)
        together = int(self._nearest.same_group[places].sum())
        return Finding(
            check=NAME,
            cause="duplicate_leakage",
            severity=grave(judged.value, inflation),
            title=f"{judged.share.value:.1%} of validation rows are nearly training rows",
            detail=f"{len(places):,} of {self._n:,} validation rows come near a training row without being equal to "
            f"it: {near.words}. {near.chance}, so about {judged.value:.2%} are more than chance."
            + (f" {together:,} of them are about the same entity." if together else ""),
            mend="Split before rows are augmented, rounded or re-entered, and keep all versions of a row on one side.",
            share=judged.share,
            chance=judged.chance,
            inflation=inflation,
            no_inflation=no_inflation,
            rows=tuple(self._pair(place) for place in places[:MOST_ROWS].tolist()),
            n_rows=len(places),
        )

    def _inflation(self, places: I64) -> Inflation | NotEnough:
        if isinstance(self._scoring, NotEnough):
            return self._scoring
        tally = InflationTally(self._scoring)
        rows = self._rows
        tainted = np.zeros(len(rows), np.bool_)
        tainted[self._chosen[places]] = True
        looked = np.zeros(len(rows), np.bool_)
        looked[self._chosen] = True
        scores = None if rows.scores is None else rows.scores.astype(np.float64).copy()
        if scores is not None:
            scores[~looked] = np.nan
        tally.add_scores(rows, scores, tainted)
        return tally.inflation()

    def _pair(self, place: int) -> RowPair:
        edits, distance = int(self._nearest.edits[place]), float(self._nearest.distance[place])
        n = len(self._columns)
        if edits <= 2:
            names = (self._columns[j] for j in np.unique(self._nearest.differing[place]) if j >= 0)
            note = f"differs in {edits} of {n} columns: {', '.join(names)}"
            note = note if edits else "differs in dates, texts or identifiers only"
            row, similarity = int(self._nearest.by_edits[place]), (n - edits) / n
        else:
            note = f"numbers differ by {distance:.2g} standard deviations"
            row, similarity = int(self._nearest.by_distance[place]), max(1.0 - distance, 0.0)
        return RowPair(train=row, validation=int(self._sought.numbers[place]), similarity=similarity, note=note)


@dataclass(frozen=True, slots=True)
class _Near:
    """Rows that are near, their share held against chance, and both in words."""

    rows: Bool
    judged: Excess
    words: str
    chance: str

    @property
    def is_worth_a_line(self) -> bool:
        return self.judged.is_sure and self.judged.value >= NOTEWORTHY


def _widest(levels: list[Bool], control: Bool) -> int | None:
    """The first notion of near that is rare among training rows, else the last that is of any use."""
    shares = [float(level[control].mean()) for level in levels]
    rare = [i for i, share in enumerate(shares) if share <= _RARE]
    if rare:
        return rare[0]
    return len(shares) - 1 if shares[-1] <= _USELESS else None


def _excess(n_near: int, n: int, n_by_chance: int, n_control: int) -> Excess:
    return excess(n_near, n, n_by_chance / max(n_control, 1), twin_variance(n_by_chance, n_control))


def _some(n: int, most: int, context: Context) -> I64:
    if n <= most:
        return np.arange(n)
    return np.sort(context.generator(NAME).choice(n, most, replace=False))


def _coarse(rows: AuditRows, at: I64) -> Coarse:
    return rows.numeric[:, at], rows.categories[:, at]


def _joined(one: Coarse, other: Coarse) -> Coarse:
    return np.concatenate([one[0], other[0]], axis=1), np.concatenate([one[1], other[1]], axis=1)


def _n_continuous(coarse: Coarse) -> int:
    return sum(len(np.unique(values)) >= _DISTINCT * len(values) for values in coarse[0] if np.isfinite(values).any())
