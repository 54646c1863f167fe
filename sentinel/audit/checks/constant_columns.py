"""Columns that say one thing in every row: of both files, or of one where the other has more to say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.files.rows import MISSING_CATEGORY, AuditRows
from sentinel.audit.findings import CheckResult, Finding, Severity, found
from sentinel.audit.report.wording import listed
from sentinel.events.batch import F64, I64, U64, Bool

NAME: Final = "constant_columns"
TITLE: Final = "columns with one value, or none"
FEWEST: Final = 30
"""Rows below which one value says nothing: of a value that half the rows have, 30 rows are alike once in 10^9."""
CHANCE: Final = 1e-6
"""Chance that rows of the other file, as many as this one has, are all alike; above it the rare value was just not met.
Far below 1e-3, since rows of one entity are alike and there are many columns."""
_NO_INFLATION: Final = "a constant input cannot rank rows, so it inflates nothing"
_SIDES: Final = ("train", "validation")


def start(context: Context) -> Check | CheckResult:
    """Needs nothing but a feature, an outcome or a score."""
    return _Constants(context)


class _Constants:
    """Holds of each column the least and greatest of its values, or of their hashes, and how many there are."""

    def __init__(self, context: Context) -> None:
        columns = context.columns
        self._names = (*columns.numeric, *columns.categorical)
        self._n_numeric = len(columns.numeric)
        self._shared = np.array([name not in columns.one_sided for name in self._names], np.bool_)
        self._outcome, self._score = columns.outcome, columns.score
        self._elsewhere = _elsewhere(context)
        self._seen = {side: _Seen.none(self._n_numeric, len(columns.categorical)) for side in _SIDES}

    def train(self, rows: AuditRows) -> None:
        """Take in training rows."""
        self._seen["train"].add(rows)

    def add_train(self, other: Self) -> None:
        """Take in another copy's training rows."""
        self._seen["train"].merge(other._seen["train"])

    def validation(self, rows: AuditRows) -> None:
        """Take in validation rows."""
        self._seen["validation"].add(rows)

    def add_validation(self, other: Self) -> None:
        """Take in another copy's validation rows."""
        self._seen["validation"].merge(other._seen["validation"])

    def result(self) -> CheckResult:
        """Name the constant columns."""
        train, validation = self._seen["train"], self._seen["validation"]
        judged = [seen for seen in (train, validation) if seen.n >= FEWEST]
        detail = f"{len(self._names)} features of {train.n:,} training and {validation.n:,} validation rows looked at"
        if not judged or validation.n < FEWEST:
            return found(NAME, (), f"{detail}: fewer than {FEWEST} rows show nothing")
        findings = [*self._of_features(judged), *self._of_results(train, validation)]
        return found(NAME, findings, detail if findings else f"{detail}; every one has two values or more")

    def _of_features(self, judged: list[_Seen]) -> list[Finding]:
        constant = np.array([seen.constant() for seen in judged]) & self._shared
        findings = []
        both: Bool = np.asarray(constant.all(axis=0))
        if both.any():
            where = "in every row" if len(judged) == 1 else "in every row of both files"
            findings.append(self._finding(both, judged[-1], where, "info"))
        if len(judged) < 2:
            return findings
        for i, (here, there) in enumerate((("training", "validation"), ("validation", "training"))):
            by_chance = (1.0 - self._elsewhere[i]) ** judged[i].n
            one = constant[i] & ~constant[1 - i] & (by_chance < CHANCE)
            if one.any():
                findings.append(
                    self._finding(one, judged[i], f"in the {here} rows, not in the {there} rows", "warning")
                )
        return findings

    def _finding(self, chosen: Bool, seen: _Seen, where: str, severity: Severity) -> Finding:
        names = tuple(name for name, is_one in zip(self._names, chosen, strict=True) if is_one)
        n_empty = int((chosen & (seen.n_known == 0)).sum())
        empty = f"; of these {n_empty} without any value" if n_empty else ""
        mends = {
            "info": "Leave these columns out: no model can use them.",
            "warning": "Find out which file was put together otherwise; a model cannot have learned a column that is "
            "constant in training, and is judged without one that is constant in validation.",
        }
        return Finding(
            check=NAME,
            cause="data_quality_fault",
            severity=severity,
            title=f"{listed(names)} {'has' if len(names) == 1 else 'have'} one value {where}",
            detail=f"{len(names)} of {len(self._names)} features have one value {where}{empty}."
            + (
                f" As many rows of the other file are alike less than once in {1 / CHANCE:,.0f} times."
                if severity == "warning"
                else ""
            ),
            mend=mends[severity],
            columns=names,
            no_inflation=_NO_INFLATION,
        )

    def _of_results(self, train: _Seen, validation: _Seen) -> list[Finding]:
        findings = []
        for file, seen in (("training", train), ("validation", validation)):
            if seen.outcomes.n >= FEWEST and seen.outcomes.is_constant and self._outcome is not None:
                findings.append(self._useless(self._outcome, f"all outcomes of the {file} rows are the same"))
        if validation.has_constant_scores and self._score is not None:
            findings.append(self._useless(self._score, "all scores of the validation rows are the same"))
        return findings

    def _useless(self, name: str, what: str) -> Finding:
        return Finding(
            check=NAME,
            cause="data_quality_fault",
            severity="critical",
            title=what,
            detail=f"{what[0].upper()}{what[1:]}: no metric of them means anything.",
            mend="Look at how the file was put together: a filter by the outcome, or the wrong column.",
            columns=(name,),
            no_inflation="there is no metric to inflate",
        )


@dataclass(slots=True)
class _Range:
    """Least and greatest of some numbers, and how many."""

    low: float = np.inf
    high: float = -np.inf
    n: int = 0

    @property
    def is_constant(self) -> bool:
        return self.n > 0 and self.low == self.high

    def add(self, values: F64) -> None:
        known = values[np.isfinite(values)]
        if known.size:
            self.merge(_Range(float(known.min()), float(known.max()), known.size))

    def merge(self, other: _Range) -> None:
        self.low, self.high, self.n = min(self.low, other.low), max(self.high, other.high), self.n + other.n


@dataclass(slots=True)
class _Seen:
    """What one file holds, by column; missing values are counted apart and are a value of their own."""

    n: int
    n_known: I64
    low: F64
    high: F64
    first: U64
    last: U64
    outcomes: _Range = field(default_factory=_Range)
    scores: list[_Range] = field(default_factory=list)
    """Of several classes one for each; empty before the first rows with a score."""

    @classmethod
    def none(cls, n_numeric: int, n_categorical: int) -> _Seen:
        low, high = np.full(n_numeric, np.inf), np.full(n_numeric, -np.inf)
        largest = np.uint64(np.iinfo(np.uint64).max)
        first, last = np.full(n_categorical, largest, np.uint64), np.zeros(n_categorical, np.uint64)
        return cls(0, np.zeros(n_numeric + n_categorical, np.int64), low, high, first, last)

    def add(self, rows: AuditRows) -> None:
        if not len(rows):
            return
        self.n += len(rows)
        split = len(self.low)
        for j, values in enumerate(rows.numeric):
            self.n_known[j] += len(values) - int(np.isnan(values).sum())
        self.low = np.fmin(self.low, np.fmin.reduce(rows.numeric, axis=1))
        self.high = np.fmax(self.high, np.fmax.reduce(rows.numeric, axis=1))
        self.n_known[split:] += (rows.categories != MISSING_CATEGORY).sum(axis=1)
        self.first = np.minimum(self.first, rows.categories.min(axis=1))
        self.last = np.maximum(self.last, rows.categories.max(axis=1))
        self.outcomes.add(rows.outcomes)
        if rows.scores is not None:
            columns = rows.scores.reshape(len(rows), -1).T
            self.scores = self.scores or [_Range() for _ in columns]
            for one, values in zip(self.scores, columns, strict=True):
                one.add(values)

    def merge(self, other: _Seen) -> None:
        self.n += other.n
        self.n_known += other.n_known
        self.low, self.high = np.fmin(self.low, other.low), np.fmax(self.high, other.high)
        self.first, self.last = np.minimum(self.first, other.first), np.maximum(self.last, other.last)
        self.outcomes.merge(other.outcomes)
        self.scores = self.scores or [_Range() for _ in other.scores]
        for one, another in zip(self.scores, other.scores, strict=False):  # the other may have seen no row
            one.merge(another)

    @property
    def has_constant_scores(self) -> bool:
        return bool(self.scores) and all(one.n >= FEWEST and one.is_constant for one in self.scores)

    def constant(self) -> Bool:
        """Which columns have one value, or none; a value and holes beside it are two."""
        split = len(self.low)
        known = self.n_known[:split]
        numeric = (known == 0) | ((known == self.n) & (self.low == self.high))
        return np.concatenate([numeric, self.first == self.last])


def _elsewhere(context: Context) -> F64:
    """Share of the other file's sample that differs from the one value of this file's, shape (2, n_columns)."""
    n_columns = len(context.columns.numeric) + len(context.columns.categorical)
    shares = np.zeros((2, n_columns))
    if context.train is None:
        return shares
    samples = [context.train, context.validation]
    seen = [_Seen.none(len(one.numeric), len(one.categories)) for one in samples]
    for one, rows in zip(seen, samples, strict=True):
        one.add(rows)
    constant = [one.constant() if one.n else np.zeros(n_columns, np.bool_) for one in seen]
    for i, (here, there) in enumerate((samples, samples[::-1])):
        for j in np.flatnonzero(constant[i] & ~constant[1 - i]):
            shares[i, j] = _differing(here, there, int(j))
    return shares


def _differing(here: AuditRows, there: AuditRows, column: int) -> float:
    if column >= len(here.numeric):
        at = column - len(here.numeric)
        return float((there.categories[at] != here.categories[at, 0]).mean())
    one, values = here.numeric[column, 0], there.numeric[column]
    return float((~np.isnan(values) if np.isnan(one) else values != one).mean())
