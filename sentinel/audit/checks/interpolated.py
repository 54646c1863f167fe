"""Training rows made by interpolation (as SMOTE does), and whether validation rows are among their parents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.audit.check import Context
from sentinel.audit.estimates.excess import Excess, excess, grave, worst_of
from sentinel.audit.estimates.inflation import InflationTally, scoring
from sentinel.audit.estimates.measured import priced
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import MOST_ROWS, CheckResult, Finding, Inflation, RowPair, found, not_checked
from sentinel.audit.similarity.blocking import spreads
from sentinel.audit.similarity.lines import FEWEST_COLUMNS, MOST_REFERENCE, Lines, lines, telling
from sentinel.events.batch import F64, I64, Bool
from sentinel.stats.estimate import NotEnough

NAME: Final = "interpolated"
TITLE: Final = "training rows interpolated between others, before or after the split"
NOTEWORTHY: Final = 0.05
"""Excess share of one class's rows on a line between two others: of 200 rows, ten."""
FEWEST: Final = 50
"""Rows of a class, below which nothing is said of it."""
_PROBES: Final = 200
"""Rows of each class that are looked at first."""
_MORE_PROBES: Final = 4_000
"""Validation rows of a class that are looked at once interpolated ones are there: what they cost is then known."""
_MOST_CLASSES: Final = 8
"""Classes looked at, the largest first."""
_FARTHEST: Final = 1e9
"""Standard deviations: what is farther out leaves no digits to see a line by."""


def start(context: Context) -> CheckResult:
    """Needs training rows whose outcome is a class, and columns with fractions; only the samples are looked at."""
    train = context.train
    if train is None or context.n_train == 0:
        return not_checked(NAME, "there are no training rows", "--train")
    if context.n_classes < 2:
        return not_checked(NAME, "the outcome has no classes", "a binary or multiclass task")
    sizes = {c: int((train.outcomes == c).sum()) for c in range(context.n_classes)}
    classes = sorted((c for c, n in sizes.items() if n >= FEWEST), key=lambda c: (-sizes[c], c))[:_MOST_CLASSES]
    if len(classes) < 2:
        why = f"fewer than two classes have {FEWEST} training rows with an outcome"
        return not_checked(NAME, why, "outcomes of the training rows")
    columns = np.any([telling(train.numeric[:, train.outcomes == c]) for c in classes], axis=0)
    columns &= context.columns.in_both(context.columns.numeric)
    n_columns = int(columns.sum())
    if n_columns < FEWEST_COLUMNS:
        why = f"{n_columns} numeric columns hold fractions, mostly distinct; rows are in line by chance in so few"
        return not_checked(NAME, why, f"{FEWEST_COLUMNS} such columns")
    return _compared(context, train, columns, sorted(classes))


def _compared(context: Context, train: AuditRows, columns: Bool, classes: list[int]) -> CheckResult:
    """Hold each class against that of which the smallest share is on lines."""
    scales = spreads(np.concatenate([train.numeric[columns], context.validation.numeric[columns]], axis=1))
    scales = np.where(scales > 0.0, scales, 1.0)
    rng = context.generator(NAME)
    probed = {
        c: _Probed(_points(train, columns, scales, c, rng), _points(context.validation, columns, scales, c, rng))
        for c in classes
    }
    between = {c: own.between() for c, own in probed.items()}
    findings = []
    for c, own in probed.items():
        least = min((i for i in classes if i != c), key=lambda i: between[i].share)
        judged = _judged(between[c], between[least])
        if judged.is_sure and judged.value >= NOTEWORTHY:
            findings.append(_finding(context, c, own, probed[least], judged))
    looked = sum(share.n for share in between.values())
    detail = (
        f"{looked:,} training rows of {len(classes)} classes looked at in {int(columns.sum())} columns with fractions, "
        f"each among up to {MOST_REFERENCE:,} of its class and file; {NOTEWORTHY:.0%} on a line would show"
    )
    return found(NAME, findings, detail)


@dataclass(frozen=True, slots=True)
class _Points:
    """Rows of one class as points, with their places in the sample and their numbers in the file."""

    at: F64
    places: I64
    numbers: I64


@dataclass(frozen=True, slots=True)
class _Share:
    """Rows found, of rows looked at."""

    n_found: int
    n: int

    @property
    def share(self) -> float:
        return self.n_found / max(self.n, 1)


@dataclass(frozen=True, slots=True)
class _Probed:
    """Rows of one class in both files."""

    train: _Points
    validation: _Points

    def between(self) -> _Share:
        """Training rows on a line between two other rows of either file, of some."""
        some = _spread(self.train.at)
        reference = np.concatenate([self.train.at, self.validation.at])
        seen = lines(some, reference, np.ones(len(reference), np.bool_))
        return _Share(int(seen.between.sum()), len(some))

    def crossed(self) -> _Share:
        """Validation rows in line with training rows, of some."""
        some = _spread(self.validation.at)
        return _Share(int(self._lines_of(some).in_line.sum()), len(some))

    def all_crossed(self) -> tuple[I64, Lines]:
        """The same of many, and which they are."""
        seen = self._lines_of(self.validation.at[:_MORE_PROBES])
        return np.flatnonzero(seen.in_line), seen

    def _lines_of(self, asked: F64) -> Lines:
        reference = np.concatenate([self.train.at, self.validation.at])
        return lines(asked, reference, np.arange(len(reference)) < len(self.train.at))


def _spread(points: F64) -> F64:
    """Some of the points, from all over the file."""
    return points[:: max(-(-len(points) // _PROBES), 1)]


def _points(rows: AuditRows, columns: Bool, scales: F64, c: int, rng: np.random.Generator) -> _Points:
    with np.errstate(over="ignore", invalid="ignore"):
        points = (rows.numeric[columns] / scales[:, None]).T
        usable = np.flatnonzero((rows.outcomes == c) & (np.abs(points) < _FARTHEST).all(axis=1))
    if len(usable) > MOST_REFERENCE:
        usable = np.sort(rng.choice(usable, MOST_REFERENCE, replace=False))
    return _Points(points[usable], usable, rows.numbers[usable])


def _judged(own: _Share, natural: _Share) -> Excess:
    n = max(natural.n, 1)
    return excess(own.n_found, own.n, natural.share, max(natural.share * (1.0 - natural.share), 1.0 / n) / n)


def _finding(context: Context, c: int, own: _Probed, natural: _Probed, judged: Excess) -> Finding:
    crossed = _judged(own.crossed(), natural.crossed())
    stated = context.manifest.get("oversampling")
    words = (
        f"{judged.share.value:.1%} of the training rows of class {c} lie on the line between two others, "
        f"at one ratio in all columns with fractions; of another class {judged.chance:.1%} do"
    )
    if not crossed.is_sure or crossed.value < NOTEWORTHY:
        return Finding(
            check=NAME,
            cause="duplicate_leakage",
            severity="warning" if stated == "none" else "info",
            title=f"training rows of class {c} are interpolated, from training rows only",
            detail=f"{words}. Of validation rows {crossed.share.value:.1%} are in line with training rows."
            + (" The manifest states that nothing was oversampled." if stated == "none" else ""),
            mend="None is needed: the rows were made after the split. Scores then need their base rate put right.",
            share=crossed.share,
            chance=crossed.chance,
            no_inflation="no validation row is concerned",
        )
    places, found_lines = own.all_crossed()
    measured = _inflation(context, c, own, places)
    inflation, no_inflation = priced(measured)
    return Finding(
        check=NAME,
        cause="duplicate_leakage",
        severity=worst_of(grave(crossed.value, inflation), "warning"),  # rows that do not occur were judged
        title=f"class {c} was interpolated before the split: {crossed.share.value:.1%} of its validation rows are in "
        "line with training rows",
        detail=f"{words}. {crossed.share.value:.1%} of its validation rows were made of training rows or training rows "
        f"of them; of another class {crossed.chance:.1%} are in line with training rows."
        + (" The manifest states oversampling after the split." if stated == "after_split" else ""),
        mend="Split first, then make synthetic rows of the training rows only; estimate again on real rows.",
        share=crossed.share,
        chance=crossed.chance,
        inflation=inflation,
        no_inflation=no_inflation,
        rows=tuple(_pair(own, place, found_lines) for place in places[:MOST_ROWS].tolist()),
        n_rows=len(places),
    )


def _pair(own: _Probed, place: int, found_lines: Lines) -> RowPair:
    """A validation row, and the training row among the two that it is in line with."""
    ends = (int(found_lines.one[place]), int(found_lines.two[place]))
    train = next(end for end in ends if end < len(own.train.at))
    note = "between two rows" if found_lines.between[place] else "the end of a line of two rows"
    return RowPair(
        train=int(own.train.numbers[train]), validation=int(own.validation.numbers[place]), similarity=1.0, note=note
    )


def _inflation(context: Context, c: int, own: _Probed, places: I64) -> Inflation | NotEnough:
    how = scoring(context)
    if isinstance(how, NotEnough):
        return how
    rows = context.validation
    every = own.validation.places
    looked = every[:_MORE_PROBES]
    if how.metric != "auc" and len(looked) < len(every):
        # Of one class fewer rows, accuracy would be another; an area would not.
        return NotEnough("not all validation rows of the class were looked at", len(looked), len(every))
    if rows.scores is None:
        return NotEnough("the validation rows have no score", 0, 1)
    scores = rows.scores.astype(np.float64)
    unknown = rows.outcomes == c
    unknown[looked] = False
    scores[unknown] = np.nan
    tainted = np.zeros(len(rows), np.bool_)
    tainted[every[places]] = True
    tally = InflationTally(how)
    tally.add_scores(rows, scores, tainted)
    return tally.inflation()
