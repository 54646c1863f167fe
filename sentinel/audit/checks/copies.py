"""Rows of the validation file that are rows of the training file, in all inputs, whatever their outcome."""

from __future__ import annotations

from typing import Final, Self

import numpy as np
import numpy.typing as npt

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.excess import SURE, excess, grave, twin_variance
from sentinel.audit.estimates.inflation import InflationTally, scoring
from sentinel.audit.estimates.measured import priced
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import MOST_ROWS, CheckResult, Finding, RowPair, found, not_checked
from sentinel.audit.similarity.cells import Cells
from sentinel.audit.similarity.repeats import Repeated, repeats
from sentinel.events.batch import I64, U64, Bool
from sentinel.stats.estimate import NotEnough

NAME: Final = "copies"
TITLE: Final = "the same row in training and validation"
NOTEWORTHY: Final = 0.001
"""Excess share of copies that is worth a line."""
_MOST_NUMBERS: Final = 1 << 32


def start(context: Context) -> Check | CheckResult:
    """Needs training rows, and a feature that both files have."""
    if context.n_train == 0:
        return not_checked(NAME, "there are no training rows", "--train")
    if not context.columns.features:
        return not_checked(NAME, "the files share no feature that can be compared", "files of the same columns")
    return _Copies(context)


class _Copies:
    """Holds the fingerprint of every training row, and its number: 12 bytes each, 16 beyond 4 billion rows."""

    def __init__(self, context: Context) -> None:
        self._number_type = np.uint32 if context.n_train <= _MOST_NUMBERS else np.uint64
        self._prints: list[U64] = []
        self._numbers: list[npt.NDArray[np.unsignedinteger]] = []
        self._sorted: U64 | None = None
        self._order: npt.NDArray[np.unsignedinteger] = np.empty(0, self._number_type)
        self._n_train = self._n_repeated = self._n_distinct = 0
        self._n = self._n_copied = 0
        self._validation = Cells(context.n_validation)
        self._pairs: list[RowPair] = []
        how = scoring(context)
        self._tally = None if isinstance(how, NotEnough) else InflationTally(how)
        self._why = how.reason if isinstance(how, NotEnough) else None

    def train(self, rows: AuditRows) -> None:
        """Remember fingerprints and where they stand."""
        self._prints.append(rows.prints)
        self._numbers.append(rows.numbers.astype(self._number_type))

    def add_train(self, other: Self) -> None:
        """Take in the fingerprints of another copy."""
        self._prints += other._prints
        self._numbers += other._numbers

    def validation(self, rows: AuditRows) -> None:
        """Look each row up."""
        copied, at = self._find(rows.prints)
        self._n += len(rows)
        self._n_copied += int(copied.sum())
        self._validation.add(rows.prints, np.zeros(len(rows), np.int64), rows.numbers)
        if self._tally is not None:
            self._tally.add(rows, copied)
        for row in np.flatnonzero(copied)[:MOST_ROWS].tolist():
            self._pairs.append(RowPair(train=int(self._order[at[row]]), validation=int(rows.numbers[row])))
        self._keep_first()

    def add_validation(self, other: Self) -> None:
        """Take in the counts and the first pairs of another copy."""
        self._n += other._n
        self._n_copied += other._n_copied
        self._validation.merge(other._validation)
        self._pairs += other._pairs
        self._keep_first()
        if self._tally is not None and other._tally is not None:
            self._tally.merge(other._tally)

    def _keep_first(self) -> None:
        self._pairs = sorted(self._pairs, key=lambda pair: pair.validation or 0)[:MOST_ROWS]

    def _find(self, prints: U64) -> tuple[Bool, I64]:
        held = self._settled()
        if not len(held):
            return np.zeros(len(prints), np.bool_), np.zeros(len(prints), np.int64)
        at = np.minimum(np.searchsorted(held, prints), len(held) - 1)
        return held[at] == prints, at

    def _settled(self) -> U64:
        """Fingerprints in order, rows with the same one in order too; lists are given up on the way."""
        if self._sorted is not None:
            return self._sorted
        prints = np.concatenate([*self._prints, np.empty(0, np.uint64)])
        self._prints.clear()
        numbers = np.concatenate([*self._numbers, np.empty(0, self._number_type)])
        self._numbers.clear()
        order = np.argsort(prints)
        prints = prints[order]
        numbers = numbers[order]
        same = prints[1:] == prints[:-1]
        repeated = np.flatnonzero(np.append(same, False)[: len(prints)] | np.append(False, same)[: len(prints)])
        numbers[repeated] = numbers[repeated][np.lexsort((numbers[repeated], prints[repeated]))]
        self._n_train, self._n_repeated = len(prints), len(repeated)
        self._n_distinct = len(prints) - int(np.count_nonzero(same))
        self._sorted, self._order = prints, numbers
        return prints

    def result(self) -> CheckResult:
        """Compare the share of copies with the share of training rows that have a twin among themselves."""
        self._settled()
        n_train = self._n_train
        natural = self._n_repeated / max(n_train, 1)
        judged = excess(self._n_copied, self._n, natural, twin_variance(self._n_repeated, n_train))
        share = judged.share.value
        least = max(NOTEWORTHY, SURE * judged.error)
        detail = f"{self._n:,} validation rows looked up among {n_train:,} training rows"
        if judged.value < NOTEWORTHY or not judged.is_sure:
            detail += (
                f"; {share:.2%} are there, {natural:.2%} of training rows have a twin, {least:.2%} more would show"
            )
            return found(NAME, self._repeats(), detail)
        measured = None if self._tally is None else self._tally.inflation()
        inflation, no_inflation = priced(measured, self._why)
        finding = Finding(
            check=NAME,
            cause="duplicate_leakage",
            severity=grave(judged.value, inflation),
            title=f"{share:.1%} of validation rows are also training rows",
            detail=(
                f"{self._n_copied:,} of {self._n:,} validation rows agree with a training row in every feature; of "
                f"training rows {natural:.2%} have such a twin among themselves, so about {judged.value:.2%} are more "
                f"than coarse inputs bring about ({least:.2%} more may be chance)."
            ),
            mend="Remove duplicates before the split, or split by a hash of the inputs; then estimate again.",
            share=judged.share,
            chance=natural,
            inflation=inflation,
            no_inflation=no_inflation,
            rows=tuple(self._pairs),
            n_rows=self._n_copied,
        )
        return found(NAME, (finding, *self._repeats()), detail)

    def _repeats(self) -> tuple[Finding, ...]:
        """Rows that repeat each other within a file; of the smaller one or of training rows, by the other's rows."""
        fitted = Repeated(self._n_train, self._n_repeated, self._n_distinct)
        said = [repeats(NAME, "train", fitted, self._n_copied, self._n)]
        if self._n <= self._n_train:
            copies = self._validation.counted()[2]
            judged = Repeated(int(copies.sum()), int(copies[copies >= 2].sum()), len(copies))
            said.append(repeats(NAME, "validation", judged, self._n_copied, self._n))
        return tuple(one for one in said if one is not None)
