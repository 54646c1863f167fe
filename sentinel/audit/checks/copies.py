"""Rows of the validation file that are rows of the training file, in all inputs; with their outcome, or without."""

from __future__ import annotations

from typing import Final, Self

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.findings import MOST_ROWS, CheckResult, Finding, Inflation, Interval, RowPair, found, not_checked
from sentinel.audit.inflation import InflationTally, scoring
from sentinel.audit.rows import AuditRows
from sentinel.events.batch import I64, U64, Bool
from sentinel.stats.estimate import NotEnough
from sentinel.stats.intervals import wilson_interval

NAME: Final = "copies"
TITLE: Final = "the same row in training and validation"
NOTEWORTHY: Final = 0.001
"""Excess share of copies that is worth a line."""
WORRYING: Final = 0.01
"""Excess share from which an estimate is not to be trusted before it is known what it costs."""
WORTHWHILE_GAIN: Final = 0.005
"""In the unit of the metric: an inflation that is proven to be smaller is no reason to stop."""


def start(context: Context) -> Check | CheckResult:
    """Needs training rows, and a feature that both files have."""
    if context.n_train == 0:
        return not_checked(NAME, "there are no training rows", "--train")
    if not context.columns.features:
        return not_checked(NAME, "the files share no feature that can be compared", "files of the same columns")
    return _Copies(context)


class _Copies:
    """Holds the fingerprint of every training row, and its number: 16 bytes each."""

    def __init__(self, context: Context) -> None:
        self._train: list[tuple[U64, I64]] = []
        self._sorted: U64 | None = None
        self._order: I64 = np.empty(0, np.int64)
        self._repeated = 0
        self._n = self._n_copied = 0
        self._pairs: list[RowPair] = []
        how = scoring(context)
        self._tally = None if isinstance(how, NotEnough) else InflationTally(how)
        self._why = how.reason if isinstance(how, NotEnough) else None

    def train(self, rows: AuditRows) -> None:
        """Remember fingerprints and where they stand."""
        self._train.append((rows.prints, rows.numbers))

    def add_train(self, other: Self) -> None:
        """Take in the fingerprints of another copy."""
        self._train += other._train

    def validation(self, rows: AuditRows) -> None:
        """Look each row up."""
        copied, at = self._find(rows.prints)
        self._n += len(rows)
        self._n_copied += int(copied.sum())
        if self._tally is not None:
            self._tally.add(rows, copied)
        for row in np.flatnonzero(copied)[:MOST_ROWS].tolist():
            self._pairs.append(RowPair(train=int(self._order[at[row]]), validation=int(rows.numbers[row])))
        self._keep_first()

    def add_validation(self, other: Self) -> None:
        """Take in the counts and the first pairs of another copy."""
        self._n += other._n
        self._n_copied += other._n_copied
        self._pairs += other._pairs
        self._keep_first()
        if self._tally is not None and other._tally is not None:
            self._tally.merge(other._tally)

    def _keep_first(self) -> None:
        self._pairs = sorted(self._pairs, key=lambda pair: pair.validation or 0)[:MOST_ROWS]

    def _find(self, prints: U64) -> tuple[Bool, I64]:
        if self._sorted is None:
            every = np.concatenate([*(part for part, _ in self._train), np.empty(0, np.uint64)])
            numbers = np.concatenate([*(part for _, part in self._train), np.empty(0, np.int64)])
            self._train.clear()
            order = np.lexsort((numbers, every))
            self._sorted, self._order = every[order], numbers[order]
            same = self._sorted[1:] == self._sorted[:-1]
            self._repeated = int((np.append(same, False) | np.append(False, same)).sum())
        if not len(self._sorted):
            return np.zeros(len(prints), np.bool_), np.zeros(len(prints), np.int64)
        at = np.minimum(np.searchsorted(self._sorted, prints), len(self._sorted) - 1)
        return self._sorted[at] == prints, at

    def result(self) -> CheckResult:
        """Compare the share of copies with the share of training rows that have a twin among themselves."""
        n_train = 0 if self._sorted is None else len(self._sorted)
        natural = self._repeated / max(n_train, 1)
        share = self._n_copied / max(self._n, 1)
        detail = f"{self._n:,} validation rows looked up among {n_train:,} training rows"
        if share - natural < NOTEWORTHY or not self._n:
            return found(NAME, (), f"{detail}; {share:.2%} are there, as {natural:.2%} of training rows have a twin")
        measured = None if self._tally is None else self._tally.inflation()
        inflation = measured if isinstance(measured, Inflation) else None
        bounds = wilson_interval(self._n_copied, self._n)
        harmless = inflation is not None and inflation.gain.upper < WORTHWHILE_GAIN
        worrying = share - natural >= WORRYING and not harmless
        finding = Finding(
            check=NAME,
            cause="duplicate_leakage",
            severity="critical" if worrying else "warning",
            title=f"{share:.1%} of validation rows are also training rows",
            detail=(
                f"{self._n_copied:,} of {self._n:,} validation rows agree with a training row in every feature; of "
                f"training rows {natural:.2%} have such a twin among themselves, so about {share - natural:.2%} are "
                "more than coarse inputs bring about."
            ),
            mend="Remove duplicates before the split, or split by a hash of the inputs; then estimate again.",
            share=Interval(value=share, lower=bounds.lower, upper=bounds.upper),
            chance=natural,
            inflation=inflation,
            no_inflation=measured.reason if isinstance(measured, NotEnough) else self._why,
            rows=tuple(self._pairs),
            n_rows=self._n_copied,
        )
        return found(NAME, (finding,), detail)
