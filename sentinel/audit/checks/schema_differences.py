"""What one file has and the other lacks: columns, types, categories, values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pyarrow as pa
from scipy import stats

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.inflation import N_BUCKETS, buckets_of
from sentinel.audit.faults import unlike
from sentinel.audit.features.shares import ShareGap, compare_shares
from sentinel.audit.features.vocabularies import empty_vocabularies, read_rows
from sentinel.audit.files.rows import MISSING_CATEGORY, AuditRows
from sentinel.audit.findings import CheckResult, Finding, Interval, Plot, Series, found, not_checked
from sentinel.audit.report.wording import listed
from sentinel.audit.times.order import is_later
from sentinel.events.batch import I64
from sentinel.events.codecs.arrow_columns import is_number, is_text

NAME: Final = "schema_differences"
TITLE: Final = "columns, types, categories and gaps of one file only"
NEW_SHARE: Final = 0.01
"""Rows with a category that training has never met, beyond chance, that are worth a line: they are scored blind."""
MISSING_GAP: Final = 0.02
"""Difference of the shares of missing values that is worth a line: .02 is what an imputation moves a mean by when it
replaces values a standard deviation off it by .02 standard deviations."""
BROKEN_GAP: Final = 0.2
"""From here on it is a fault even where the files are of two times."""
FALSE_ALARMS: Final = 0.001
"""Chance of any finding by chance, over all columns."""


def start(context: Context) -> Check | CheckResult:
    """Needs training rows."""
    if context.n_train == 0:
        return not_checked(NAME, "there are no training rows", "--train")
    return _Differences(context)


class _Differences:
    """Holds the training vocabulary of every category column, and counts of missing values by bucket of entities."""

    def __init__(self, context: Context) -> None:
        columns = context.columns
        self._categorical = columns.categorical
        self._names = (*columns.numeric, *columns.categorical)
        self._one_sided = dict(columns.one_sided)
        self._types = _types_that_differ(context)
        self._later = bool(is_later(context))
        self._words = empty_vocabularies(len(columns.categorical))
        self._n = np.zeros((2, N_BUCKETS), np.int64)
        self._n_missing = np.zeros((2, len(self._names), N_BUCKETS), np.int64)

    def train(self, rows: AuditRows) -> None:
        """Take in training rows."""
        self._take(0, rows)

    def add_train(self, other: Self) -> None:
        """Take in what another copy saw of them."""
        self._n[0] += other._n[0]
        self._n_missing[0] += other._n_missing[0]
        for mine, theirs in zip(self._words, other._words, strict=True):
            mine.add_train(theirs)

    def validation(self, rows: AuditRows) -> None:
        """Take in validation rows."""
        self._take(1, rows)

    def add_validation(self, other: Self) -> None:
        """Take in what another copy saw of them."""
        self._n[1] += other._n[1]
        self._n_missing[1] += other._n_missing[1]
        for mine, theirs in zip(self._words, other._words, strict=True):
            mine.add_validation(theirs)

    def _take(self, side: int, rows: AuditRows) -> None:
        buckets = buckets_of(rows)
        self._n[side] += np.bincount(buckets, minlength=N_BUCKETS)
        for j, values in enumerate(rows.numeric):
            self._count_missing(side, j, np.flatnonzero(np.isnan(values)), buckets)
        for j, words in enumerate(rows.categories, len(rows.numeric)):
            self._count_missing(side, j, np.flatnonzero(words == MISSING_CATEGORY), buckets)
        read_rows(self._words, rows, buckets)

    def _count_missing(self, side: int, column: int, places: I64, buckets: I64) -> None:
        if len(places):
            self._n_missing[side, column] += np.bincount(buckets[places], minlength=N_BUCKETS)

    def result(self) -> CheckResult:
        """Name what differs."""
        findings = [*self._columns(), *self._kinds(), *self._categories(), *self._gaps()]
        full = sum(words.is_full for words in self._words)
        unread = f"; {full} columns have too many categories to remember" if full else ""
        detail = (
            f"{len(self._names)} features compared by type, categories and missing values; shares that differ by less "
            f"than {MISSING_GAP:.0%}, and fewer than {NEW_SHARE:.0%} rows of new categories, are passed over{unread}"
        )
        return found(NAME, findings, detail)

    def _columns(self) -> Iterator[Finding]:
        for side, other in (("train", "validation"), ("validation", "train")):
            names = tuple(sorted(name for name, has in self._one_sided.items() if has == side))
            if names:
                here, there = _CALLED[side], _CALLED[other]
                # A model cannot read what its training rows lack, but it may have read what validation lacks.
                yield unlike(
                    NAME,
                    names,
                    "warning" if side == "train" else "info",
                    f"only the {here} rows have {listed(names)}",
                    f"Not in the {there} file, and by their names and types features: {', '.join(names)}.",
                    "Write both files by one query; drop what the model does not read from both.",
                )

    def _kinds(self) -> Iterator[Finding]:
        if self._types:
            said = "; ".join(f"{name}: {first}, then {second}" for name, (first, second) in self._types.items())
            yield unlike(
                NAME,
                tuple(self._types),
                "warning",
                f"{listed(tuple(self._types))} changed type between the files",
                f"Training, then validation - {said}. What cannot be read as the other type counts as missing.",
                "Write both files with one schema; look for a code or a sign that is no number.",
            )

    def _categories(self) -> Iterator[Finding]:
        new = {}
        for name, words in zip(self._categorical, self._words, strict=True):
            if words.is_full or not words.n_new.any() or not len(words.words):
                continue
            share = compare_shares((np.zeros(N_BUCKETS, np.int64), self._n[0]), (words.n_new, self._n[1]))
            if not isinstance(share, ShareGap):
                continue
            excess = share.gap.value - words.chance
            error = np.hypot(share.error, np.sqrt(words.chance_variance))
            if excess >= NEW_SHARE and stats.norm.sf(excess / error) < self._alpha:
                new[name] = _New(share.gap, words.chance, len(words.new_words), int(words.n_new.sum()))
        if new:
            yield self._new_categories(new)

    def _new_categories(self, new: Mapping[str, _New]) -> Finding:
        worst = max(new, key=lambda name: new[name].share.value - new[name].chance)
        one = new[worst]
        expected = self._later and one.share.value - one.chance < BROKEN_GAP
        time = " Validation is of another time than training, so some are to be expected." if expected else ""
        said = "; ".join(
            f"{name}: {each.n_words:,} such categories in {each.n_rows:,} rows ({each.share.value:.1%}, by chance "
            f"{each.chance:.1%})"
            for name, each in new.items()
        )
        return unlike(
            NAME,
            tuple(new),
            "info" if expected else "warning",
            f"validation rows have categories of {listed(tuple(new))} that training has never met",
            f"Categories of validation rows only - {said}.{time}",
            "Look whether they are spelled otherwise, come from another source, or are really new; then split so that "
            "both files have them, or report the metric of such rows apart.",
            share=one.share,
            chance=one.chance,
        )

    def _gaps(self) -> Iterator[Finding]:
        gaps = {}
        for j, name in enumerate(self._names):
            if name in self._one_sided:
                continue
            compared = compare_shares((self._n_missing[0, j], self._n[0]), (self._n_missing[1, j], self._n[1]))
            if isinstance(compared, ShareGap) and self._differs(compared):
                gaps[name] = compared
        if not gaps:
            return
        worst = max(gaps.values(), key=lambda gap: abs(gap.gap.value))
        broken = abs(worst.gap.value) >= BROKEN_GAP or not self._later
        said = "; ".join(f"{name} {one.train:.1%} and {one.validation:.1%}" for name, one in gaps.items())
        yield unlike(
            NAME,
            tuple(gaps),
            "warning" if broken else "info",
            f"values of {listed(tuple(gaps))} are missing more often in one file",
            f"Missing in training and in validation: {said}. One law would show a difference of {MISSING_GAP:.0%} or "
            f"more, this sure, in one of {1 / FALSE_ALARMS:,.0f} pairs of files.",
            "Find the step that fills, drops or loses these values in one file; apply it to both.",
            share=Interval(
                value=worst.validation,
                lower=max(worst.train + worst.gap.lower, 0.0),
                upper=min(worst.train + worst.gap.upper, 1.0),
            ),
            chance=worst.train,
            plot=_bars(gaps),
        )

    def _differs(self, compared: ShareGap) -> bool:
        return abs(compared.gap.value) >= MISSING_GAP and compared.p_value < self._alpha

    @property
    def _alpha(self) -> float:
        """Bonferroni: of two tests a column."""
        return FALSE_ALARMS / max(2 * len(self._names), 1)


_CALLED: Final = {"train": "training", "validation": "validation"}


@dataclass(frozen=True, slots=True)
class _New:
    share: Interval
    chance: float
    n_words: int
    n_rows: int


def _types_that_differ(context: Context) -> dict[str, tuple[str, str]]:
    """Kinds of type of features that both files have; a number is one whatever its width."""
    if context.train is None:
        return {}
    first, second = context.train.table.schema, context.validation.table.schema
    kinds = {
        name: (_kind(first.field(name).type), _kind(second.field(name).type))
        for name in context.columns.features
        if name in first.names and name in second.names
    }
    return {name: both for name, both in kinds.items() if both[0] != both[1] and "nothing" not in both}


def _kind(kind: pa.DataType) -> str:
    """A kind of type in a word; ``nothing`` is a column of nulls only."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    named = ((pa.types.is_null, "nothing"), (pa.types.is_boolean, "boolean"), (is_number, "number"), (is_text, "text"))
    return next((word for holds, word in named if holds(kind)), "time" if pa.types.is_temporal(kind) else str(kind))


def _bars(gaps: Mapping[str, ShareGap]) -> Plot:
    names = sorted(gaps, key=lambda name: -abs(gaps[name].gap.value))[:20]
    both = (("training", "train"), ("validation", "validation"))
    return Plot(
        kind="bars",
        title="Missing values",
        x_label="feature",
        y_label="share of rows",
        x=tuple(names),
        series=tuple(
            Series(name=title, y=tuple(float(getattr(gaps[name], side)) for name in names)) for title, side in both
        ),
    )
