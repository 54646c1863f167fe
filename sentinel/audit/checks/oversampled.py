"""Training rows of one class that were repeated, and whether that was done before the split."""

from __future__ import annotations

from typing import Final, Self

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.excess import SURE, Excess, excess, grave, worst_of
from sentinel.audit.estimates.inflation import InflationTally, scoring
from sentinel.audit.estimates.measured import priced
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import MOST_ROWS, CheckResult, Finding, Inflation, RowPair, found, not_checked
from sentinel.audit.similarity.cells import Cells
from sentinel.events.batch import F64, I64, U64, Bool
from sentinel.stats.estimate import NotEnough

NAME: Final = "oversampled"
TITLE: Final = "training rows of one class repeated, before or after the split"
ALIKE: Final = 0.2
"""Difference of two classes' rows, relative to both, up to which either may be the one that was made larger."""
NOTEWORTHY: Final = 0.05
"""Excess share of one class's training rows that are twins of each other, and of no other class."""
FEWEST: Final = 50
"""Rows of a class, below which nothing is said of it."""
_MOST_CLASSES: Final = 8
"""Classes looked at, the largest first."""


def start(context: Context) -> Check | CheckResult:
    """Needs training rows whose outcome is a class."""
    if context.n_train == 0 or context.train is None:
        return not_checked(NAME, "there are no training rows", "--train")
    if context.n_classes < 2:
        return not_checked(NAME, "the outcome has no classes", "a binary or multiclass task")
    sizes = [int((context.train.outcomes == c).sum()) for c in range(context.n_classes)]
    classes = sorted((c for c, n in enumerate(sizes) if n >= FEWEST), key=lambda c: (-sizes[c], c))[:_MOST_CLASSES]
    if len(classes) < 2:
        why = f"fewer than two classes have {FEWEST} training rows with an outcome"
        return not_checked(NAME, why, "outcomes of the training rows")
    return _Oversampled(context, tuple(sorted(classes)), sizes)


class _Oversampled:
    """Counts twins among all training rows, and validation rows that are copies of them."""

    def __init__(self, context: Context, classes: tuple[int, ...], sizes: list[int]) -> None:
        self._stated = context.manifest.get("oversampling")
        self._classes = classes
        self._sizes = sizes
        self._cells = Cells(context.n_train)
        self._copied = np.zeros((context.n_classes, 2), np.int64)  # looked up, of these copies of twins of their class
        self._pairs: list[RowPair] = []
        self._pure: tuple[U64, I64, F64, I64] | None = None
        how = scoring(context)
        self._why = how.reason if isinstance(how, NotEnough) else None
        every_class = range(context.n_classes)
        self._tallies = [] if isinstance(how, NotEnough) else [InflationTally(how) for _ in every_class]

    def train(self, rows: AuditRows) -> None:
        """Count rows by inputs and class."""
        known = np.isfinite(rows.outcomes)
        codes = rows.outcomes[known].astype(np.int64)
        self._cells.add(rows.prints[known], codes, rows.numbers[known])

    def add_train(self, other: Self) -> None:
        """Add what another copy counted."""
        self._cells.merge(other._cells)

    def validation(self, rows: AuditRows) -> None:
        """Look each row up among the training rows of its class."""
        known = np.isfinite(rows.outcomes) & self._cells.keeps(rows.prints)
        codes = np.where(known, np.nan_to_num(rows.outcomes), -1.0).astype(np.int64)
        is_copy, number = self._find(rows.prints, codes)
        for c in self._classes:
            mine = codes == c
            self._copied[c] += int(mine.sum()), int((mine & is_copy).sum())
            if self._tallies and rows.scores is not None:
                scores = rows.scores.astype(np.float64).copy()
                scores[~known] = np.nan
                self._tallies[c].add_scores(rows, scores, mine & is_copy)
            for at in np.flatnonzero(mine & is_copy)[:MOST_ROWS].tolist():
                pair = RowPair(train=int(number[at]), validation=int(rows.numbers[at]), note=f"class {c}")
                self._pairs.append(pair)
        self._keep_first()

    def add_validation(self, other: Self) -> None:
        """Add what another copy found."""
        self._copied += other._copied
        self._pairs += other._pairs
        self._keep_first()
        for mine, theirs in zip(self._tallies, other._tallies, strict=True):
            mine.merge(theirs)

    def result(self) -> CheckResult:
        """Hold each class against the others."""
        findings = self._repeated()
        if self._stated == "before_split" and not any(finding.severity != "info" for finding in findings):
            findings.append(_stated_only())
        n = sum(self._sizes[c] for c in self._classes)
        detail = (
            f"{len(self._classes)} classes held against each other, {n:,} training rows of the sample with an outcome; "
            f"an excess of {NOTEWORTHY:.0%} of a class's rows would show"
        )
        return found(NAME, findings, detail)

    def _keep_first(self) -> None:
        self._pairs = sorted(self._pairs, key=lambda pair: pair.validation or 0)
        kept: list[RowPair] = []
        for c in self._classes:
            kept += [pair for pair in self._pairs if pair.note == f"class {c}"][:MOST_ROWS]
        self._pairs = kept

    def _twins(self) -> tuple[U64, I64, F64, I64]:
        """Prints, classes, rows and first row of inputs that only one class has."""
        if self._pure is None:
            prints, codes, n, first = self._cells.counted()
            same = prints[1:] == prints[:-1]
            pure = ~(np.append(same, False) | np.append(False, same)[: len(prints)])[: len(prints)]
            self._pure = prints[pure], codes[pure], n[pure], first[pure]
        return self._pure

    def _find(self, prints: U64, codes: I64) -> tuple[Bool, I64]:
        held, classes, _, first = self._twins()
        if not len(held):
            return np.zeros(len(prints), np.bool_), np.zeros(len(prints), np.int64)
        at = np.minimum(np.searchsorted(held, prints), len(held) - 1)
        return (held[at] == prints) & (classes[at] == codes), first[at]

    def _repeated(self) -> list[Finding]:
        _, pure_codes, pure_n, _ = self._twins()
        _, codes, n, _ = self._cells.counted()
        rows = {c: float(n[codes == c].sum()) for c in self._classes}
        twins = {c: pure_n[(pure_codes == c) & (pure_n >= 2)] for c in self._classes}
        share = {c: float(twins[c].sum()) / max(rows[c], 1.0) for c in self._classes}
        result = []
        for c in self._classes:
            other = _other(c, rows, share)
            if other is None:
                continue
            variance = sum(float(np.square(twins[i]).sum()) / max(rows[i], 1.0) ** 2 for i in (c, other))
            gap = share[c] - share[other]
            if gap >= NOTEWORTHY and gap > SURE * variance**0.5:
                result.append(self._finding(c, other, share[c], share[other]))
        return result

    def _finding(self, c: int, other: int, share: float, natural: float) -> Finding:
        n, copied = self._copied[c].tolist()
        n_other, copied_other = self._copied[other].tolist()
        chance = copied_other / max(n_other, 1)
        judged = excess(copied, n, chance, max(chance * (1.0 - chance), 1.0 / max(n_other, 1)) / max(n_other, 1))
        words = (
            f"{share:.1%} of the training rows of one class (number {c}, of {self._sizes[c]:,} sampled rows) have a "
            f"twin of their class and none of another; of class {other} {natural:.1%} have one"
        )
        if judged.is_sure and judged.value >= NOTEWORTHY:
            return self._leak(c, judged, words, copied)
        return Finding(
            check=NAME,
            cause="duplicate_leakage",
            severity="warning" if self._stated == "none" else "info",
            title=f"training rows of class {c} are repeated, those of the validation file are not",
            detail=f"{words}. Of validation rows of the class {judged.share.value:.1%} are such rows too, "
            f"{chance:.1%} of class {other}: the rows were repeated after the split."
            + (" The manifest states that nothing was oversampled." if self._stated == "none" else ""),
            mend="None is needed if the class was oversampled on purpose; scores then need their base rate put right.",
            share=judged.share,
            chance=chance,
            no_inflation="no validation row is concerned",
        )

    def _leak(self, c: int, judged: Excess, words: str, copied: int) -> Finding:
        measured: Inflation | NotEnough = NotEnough(self._why or "", 0, 1)
        if self._tallies:
            measured = self._tallies[c].inflation()
        inflation, no_inflation = priced(measured)
        pairs = tuple(pair for pair in self._pairs if pair.note == f"class {c}")
        return Finding(
            check=NAME,
            cause="duplicate_leakage",
            severity=worst_of(grave(judged.value, inflation), "warning"),  # rows that do not occur were judged
            title=f"class {c} was oversampled before the split: {judged.share.value:.1%} of its validation rows are "
            "training rows",
            detail=f"{words}. {copied:,} of its validation rows looked up ({judged.share.value:.1%}) are such training "
            f"rows, {judged.chance:.1%} of those of the other class."
            + (" The manifest states oversampling after the split." if self._stated == "after_split" else ""),
            mend="Split first, then oversample the training rows only; estimate again on rows as they occur.",
            share=judged.share,
            chance=judged.chance,
            inflation=inflation,
            no_inflation=no_inflation,
            rows=pairs[:MOST_ROWS],
            n_rows=copied,
        )


def _other(c: int, rows: dict[int, float], share: dict[int, float]) -> int | None:
    """The class to hold one against: of those with clearly more rows, or about as many, the one with fewest twins.

    A class with clearly more rows than all others is not the one that was made larger.
    """
    others = [i for i in rows if i != c and (rows[i] > rows[c] or abs(rows[i] - rows[c]) < ALIKE * (rows[i] + rows[c]))]
    return min(others, key=lambda i: (share[i], i)) if others else None


def _stated_only() -> Finding:
    return Finding(
        check=NAME,
        cause="duplicate_leakage",
        severity="warning",
        title="the manifest states oversampling before the split",
        detail="Repeated rows of one class are not seen on both sides, but rows may have been made in another way.",
        mend="Split first, then oversample the training rows only; estimate again on rows as they occur.",
        no_inflation="the rows concerned are not known",
    )
