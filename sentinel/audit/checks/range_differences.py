"""Features, and the outcome, that are distributed otherwise in validation than in training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final, Self

import numpy as np
from scipy import stats

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.inflation import N_BUCKETS, buckets_of
from sentinel.audit.faults import unlike
from sentinel.audit.features.bins import MISSING, WIDTH, bin_numbers, bin_words, commonest, cuts_of
from sentinel.audit.features.shares import ShareGap, Shift, compare_histograms, compare_shares
from sentinel.audit.features.units import OtherUnit, other_unit
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import CheckResult, Finding, Interval, Plot, Series, Severity, found, not_checked
from sentinel.audit.report.wording import listed
from sentinel.audit.times.order import is_later
from sentinel.events.batch import F64, I64, U64
from sentinel.events.times import BAD_TIME

NAME: Final = "range_differences"
TITLE: Final = "features distributed otherwise in validation than in training"
MOVED: Final = 0.1
"""Stability index beyond its mean under one law, nats: a third of a standard deviation, and the conventional start of a
moderate change. The feature alone then tells the file of a row with an AUC of .59."""
OUTSIDE: Final = 0.01
"""Share of validation values outside the range of the training values that is worth a line."""
BROKEN: Final = 0.2
"""From here on it is a fault even where the files are of two times."""
CLOCK: Final = 0.97
"""Rank correlation with the time from which a number is a clock: the time cut into four parts has that."""
_MOST_RANKED: Final = 2_000
"""Training rows ranked for it."""
FALSE_ALARMS: Final = 0.001
"""Chance of any finding by chance, over all columns."""


def start(context: Context) -> Check | CheckResult:
    """Needs training rows, and a feature that both files have."""
    if context.train is None:
        return not_checked(NAME, "there are no training rows", "--train")
    if not context.columns.numeric and not context.columns.categorical:
        return not_checked(NAME, "the files share no number and no category", "files of the same columns")
    return _Ranges(context, context.train)


class _Ranges:
    """Counts of bin by bucket of entities, for each column and file, over all rows; bins come from the samples."""

    def __init__(self, context: Context, train: AuditRows) -> None:
        columns, validation = context.columns, context.validation
        self._names = (*columns.numeric, *columns.categorical)
        self._n_numeric = len(columns.numeric)
        self._outcome = columns.outcome
        self._later = is_later(context)
        self._cuts = [cuts_of(np.concatenate(both)) for both in zip(train.numeric, validation.numeric, strict=True)]
        both_words = zip(train.categories, validation.categories, strict=True)
        self._kept: list[U64] = [commonest(np.concatenate(both)) for both in both_words]
        self._outcome_cuts = cuts_of(np.concatenate([train.outcomes, validation.outcomes]))
        pairs = zip(columns.numeric, train.numeric, validation.numeric, strict=True)
        units = {name: other_unit(first, second) for name, first, second in pairs}
        self._units: dict[str, OtherUnit] = {name: unit for name, unit in units.items() if unit is not None}
        self._counts = np.zeros((2, len(self._names) + 1, WIDTH, N_BUCKETS), np.int64)
        self._clocks = _clocks(context, train) if self._later else frozenset()
        self._rows_each = _rows_each(train), _rows_each(validation)
        self._low: F64 = np.full(self._n_numeric, np.inf)
        self._high: F64 = np.full(self._n_numeric, -np.inf)
        self._n_outside = np.zeros((self._n_numeric, N_BUCKETS), np.int64)

    def train(self, rows: AuditRows) -> None:
        """Count training rows, and remember how far their values reach."""
        self._count(0, rows)
        if len(rows):
            self._low = np.fmin(self._low, np.fmin.reduce(rows.numeric, axis=1))
            self._high = np.fmax(self._high, np.fmax.reduce(rows.numeric, axis=1))

    def add_train(self, other: Self) -> None:
        """Take in the training rows of another copy."""
        self._counts[0] += other._counts[0]
        self._low, self._high = np.fmin(self._low, other._low), np.fmax(self._high, other._high)

    def validation(self, rows: AuditRows) -> None:
        """Count validation rows, and those beyond the training rows."""
        buckets = self._count(1, rows)
        for j, values in enumerate(rows.numeric):
            outside = (values < self._low[j]) | (values > self._high[j])
            if outside.any():
                self._n_outside[j] += np.bincount(buckets[outside], minlength=N_BUCKETS)

    def add_validation(self, other: Self) -> None:
        """Take in the validation rows of another copy."""
        self._counts[1] += other._counts[1]
        self._n_outside += other._n_outside

    def _count(self, side: int, rows: AuditRows) -> I64:
        buckets = buckets_of(rows)
        binned = [bin_numbers(values, cuts) for values, cuts in zip(rows.numeric, self._cuts, strict=True)]
        binned += [bin_words(words, kept) for words, kept in zip(rows.categories, self._kept, strict=True)]
        binned.append(bin_numbers(rows.outcomes, self._outcome_cuts))
        for j, bins in enumerate(binned):
            counts = np.bincount(bins * N_BUCKETS + buckets, minlength=WIDTH * N_BUCKETS)
            self._counts[side, j] += counts.reshape(WIDTH, N_BUCKETS)
        return buckets

    def result(self) -> CheckResult:
        """Name the features that moved, how far, and whether a unit explains it."""
        shifts = self._shifts()
        findings = [*self._of_units(), *self._of_shifts(shifts), *self._of_outside(), *self._of_outcome()]
        detail = (
            f"{len(self._names)} features compared over all rows; an index of {MOVED:g} beyond chance, or "
            f"{OUTSIDE:.0%} of values out of range, would have been named"
        )
        return found(NAME, findings, detail)

    def _shifts(self) -> dict[str, Shift]:
        """Of features that moved and changed no unit, the farthest first."""
        moved = {}
        for j, name in enumerate(self._names):
            known = np.delete(self._counts[:, j], MISSING, axis=1)  # holes are compared by the schema's check
            shift = compare_histograms(known[0], known[1])
            if isinstance(shift, Shift) and shift.excess >= MOVED and shift.p_value < self._alpha:
                moved[name] = shift
        return dict(sorted(moved.items(), key=lambda item: -item[1].excess))

    def _of_units(self) -> Iterator[Finding]:
        if self._units:
            said = "; ".join(
                f"{name}: {one.name} takes the distance of the distributions from {one.before:.2f} to {one.after:.2f}"
                for name, one in self._units.items()
            )
            yield unlike(
                NAME,
                tuple(self._units),
                "critical",
                f"{listed(tuple(self._units))} changed unit between the files",
                f"{said[0].upper()}{said[1:]}.",
                "Bring both files to one unit, and find out which of the two is served; the estimate is of a model fed "
                "with other numbers than it learned from.",
            )

    def _of_shifts(self, shifts: Mapping[str, Shift]) -> Iterator[Finding]:
        moved = {name: shift for name, shift in shifts.items() if name not in self._units}
        if not moved:
            return
        said = "; ".join(f"{name} {one.excess:.2f} (AUC {one.area:.2f})" for name, one in list(moved.items())[:10])
        yield unlike(
            NAME,
            tuple(moved),
            self._severity,
            f"{listed(tuple(moved))} {'is' if len(moved) == 1 else 'are'} distributed otherwise in validation",
            f"{len(moved)} of {len(self._names)} features moved; stability index beyond chance, and how well the "
            f"feature alone tells which file a row is of: {said}. {self._expected}",
            _MENDS[self._severity],
            plot=_bars(shifts),
        )

    def _of_outside(self) -> Iterator[Finding]:
        outside = {}
        n_train, n_validation = (self._n(side) for side in (0, 1))
        for j, name in enumerate(self._names[: self._n_numeric]):
            share = compare_shares((np.zeros(N_BUCKETS, np.int64), n_train), (self._n_outside[j], n_validation))
            if not isinstance(share, ShareGap) or name in self._units:
                continue
            by_chance = self._chance_outside(int(self._n_outside[j].sum()), int(n_train.sum()), int(n_validation.sum()))
            sure = max(share.p_value, by_chance) < self._alpha
            if share.validation >= OUTSIDE and sure and np.isfinite(self._low[j]):
                outside[name] = share
        if not outside:
            return
        name, worst = max(outside.items(), key=lambda item: item[1].validation)
        strange = [one for one, share in outside.items() if share.validation >= BROKEN and one not in self._clocks]
        expected = self._later and not strange
        yield unlike(
            NAME,
            tuple(outside),
            "info" if expected else "warning",
            f"values of {listed(tuple(outside))} lie outside the range of the training rows",
            "; ".join(f"{one}: {share.validation:.1%} of validation rows" for one, share in outside.items())
            + f". Of rows of one law {2 / (int(n_train.sum()) + 1):.3%} would.",
            "Look at these rows: another unit, a default that stands for a missing value, or cases that training "
            "never saw, of which the model knows nothing.",
            share=Interval(value=worst.validation, lower=max(worst.gap.lower, 0.0), upper=min(worst.gap.upper, 1.0)),
            chance=2 / (int(n_train.sum()) + 1),
        )

    def _chance_outside(self, n_outside: int, n_train: int, n_validation: int) -> float:
        """Chance of as many validation rows beyond the extremes of the training rows, if all are of one law.

        Notes
        -----
        In the order of values each row is a training row with the same chance. So how many validation rows lie beyond
        the outermost training row, at both ends together, is the number of failures before the second success:
        negative binomial. Rows of one entity go together: entities are counted in the place of rows.
        """
        trained, judged = n_train / self._rows_each[0], n_validation / self._rows_each[1]
        at_least = math.ceil(n_outside / self._rows_each[1])
        return float(stats.nbinom.sf(at_least - 1, 2, trained / (trained + judged)))

    def _of_outcome(self) -> Iterator[Finding]:
        counts = self._counts[:, -1, :-2]
        shift = compare_histograms(counts[0], counts[1])
        if self._outcome is None or not isinstance(shift, Shift):
            return
        if shift.excess >= MOVED and shift.p_value < self._alpha:
            yield unlike(
                NAME,
                (self._outcome,),
                self._severity,
                "the outcomes of validation rows are distributed otherwise than those of training rows",
                f"Stability index beyond chance {shift.excess:.2f}; the outcome alone tells which file a row is of "
                f"with AUC {shift.area:.2f}. {self._expected}",
                "Was one file balanced, oversampled or filtered by the outcome? Evaluate at the rate that live has.",
            )

    def _n(self, side: int) -> I64:
        total: I64 = self._counts[side, -1].sum(axis=0)
        return total

    @property
    def _severity(self) -> Severity:
        return "info" if self._later else "warning"

    @property
    def _expected(self) -> str:
        if self._later:
            return "Validation is of another time than training, so some of this is the world, not the split."
        return "Of a random split no feature would: rows were chosen, or the files were prepared, in two ways."

    @property
    def _alpha(self) -> float:
        """Bonferroni: of two tests a column, and one of the outcome."""
        return FALSE_ALARMS / (2 * len(self._names) + 1)


def _clocks(context: Context, train: AuditRows) -> frozenset[str]:
    """Numbers that only count on with the time, as those of orders: later rows lie beyond them by themselves."""
    timed = np.flatnonzero(train.times != BAD_TIME)
    some = timed[:: max(-(-len(timed) // _MOST_RANKED), 1)]
    names = []
    for name, values in zip(context.columns.numeric, train.numeric[:, some], strict=True):
        known = np.isfinite(values)
        times = train.times[some][known]
        if len(np.unique(values[known])) > 2 and len(np.unique(times)) > 1:
            order = stats.spearmanr(values[known], times).statistic
            names += [name] if abs(order) >= CLOCK else []
    return frozenset(names)


def _rows_each(rows: AuditRows) -> float:
    """Rows of an entity, on average, rows without one counting as one each."""
    n_entities = len(np.unique(rows.groups[rows.groups != 0])) + int((rows.groups == 0).sum())
    return len(rows) / max(n_entities, 1) if len(rows) else 1.0


_MENDS: Final[Mapping[Severity, str]] = {
    "info": "Expect the model to age as fast live; validate on the newest rows and watch these features.",
    "warning": "Find the step that treats the files apart (filter, join, default, imputation), or the rule that chose "
    "the rows, and split again.",
}


def _bars(shifts: Mapping[str, Shift]) -> Plot:
    first = list(shifts.items())[:20]
    return Plot(
        kind="bars",
        title="How far features moved",
        x_label="feature",
        y_label="stability index beyond chance, nats",
        x=tuple(name for name, _ in first),
        series=(Series(name="validation against training", y=tuple(one.excess for _, one in first)),),
    )
