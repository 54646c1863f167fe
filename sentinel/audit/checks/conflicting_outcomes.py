"""Rows with the same inputs and different outcomes: what noise there is, and what no model can exceed because of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.inflation import METRICS, Metric
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import MOST_ROWS, CheckResult, Finding, RowPair, found, not_checked
from sentinel.audit.similarity.cells import Cells
from sentinel.events.batch import F64
from sentinel.stats.auc import auc_values

NAME: Final = "conflicting_outcomes"
TITLE: Final = "the same inputs with different outcomes"
FEWEST_PAIRS: Final = 50
"""Pairs of twins, below which their agreement says little."""
NOTEWORTHY: Final = 0.001
"""Share of rows in conflict with a twin that is worth a line."""
_COARSE: Final = 0.2
"""Share of rows with a twin from which inputs are coarse: twins are then other events, and may end otherwise."""
_ALIKE: Final = 0.5
"""Agreement of twins, 0 by chance and 1 always, from which rare twins are one event recorded twice."""
_NOISY: Final = 0.02
"""Share of outcomes that must be wrong, to explain the twins of one event that differ, before it is a warning."""
_NO_BOUND: Final = 0.9995
"""AUC or accuracy from which a bound says nothing."""
_ROUNDING: Final = 1e-3
"""How far a metric may exceed its ceiling: the inflation's area is binned as coarsely."""


def start(context: Context) -> Check | CheckResult:
    """Needs features and a task of classes or numbers; whether there are outcomes shows with the rows."""
    if context.model.task not in METRICS:
        return not_checked(NAME, f"outcomes of a {context.model.task} are not compared row by row", "another task")
    if not context.columns.features:
        return not_checked(NAME, "the files share no feature that can be compared", "files of the same columns")
    return _Conflicts(context)


class _Conflicts:
    """Counts outcomes of all inputs: 32 bytes for each of some 200,000 cells at most."""

    def __init__(self, context: Context) -> None:
        self._metric = METRICS[context.model.task]
        n = context.n_train + context.n_validation
        self._train = Cells(n)
        self._validation = Cells(n)
        self._n = {"train": context.n_train, "validation": context.n_validation}
        self._ceiling = _ceiling(context, self._metric)

    def train(self, rows: AuditRows) -> None:
        """Count training rows."""
        self._add(self._train, rows)

    def add_train(self, other: Self) -> None:
        """Add another copy's."""
        self._train.merge(other._train)

    def validation(self, rows: AuditRows) -> None:
        """Count validation rows."""
        self._add(self._validation, rows)

    def add_validation(self, other: Self) -> None:
        """Add another copy's."""
        self._validation.merge(other._validation)

    def _add(self, cells: Cells, rows: AuditRows) -> None:
        known = np.isfinite(rows.outcomes)
        outcomes = rows.outcomes[known]
        is_class = self._metric != "rmse"
        codes = outcomes.astype(np.int64) if is_class else np.zeros(len(outcomes), np.int64)
        cells.add(rows.prints[known], codes, rows.numbers[known])

    def result(self) -> CheckResult:
        """Name the conflicts within either file and across, and the ceiling if a metric is above it."""
        detail = f"twins of {self._n['train']:,} training and {self._n['validation']:,} validation rows compared"
        findings = [] if self._ceiling is None else _above(self._ceiling)
        bound = "" if self._ceiling is None else self._ceiling.words
        if self._metric == "rmse":
            detail += "; of numbers only the bound that twins put on the metric is looked at"
            return found(NAME, findings, detail + bound)
        train, validation = _Twins.of(self._train), _Twins.of(self._validation)
        both = Cells(0)
        both.merge(self._train)
        both.merge(self._validation)
        every = _Twins.of(both)
        if not every.n:
            return not_checked(NAME, "no row that was looked at has an outcome", "rows with outcomes")
        seen = {"training": train, "validation": validation, "both": every}
        if every.n_pairs >= FEWEST_PAIRS and every.conflict_share >= NOTEWORTHY:
            findings.append(_finding(seen, bound, self._pairs()))
        else:
            detail += f"; {every.conflict_share:.2%} of all rows have a twin that ended otherwise"
        return found(NAME, findings, detail + bound)

    def _pairs(self) -> tuple[RowPair, ...]:
        """Validation rows with a training row of the same inputs and another outcome: the first row of each."""
        prints, codes, _, first = self._train.counted()
        asked, theirs, _, numbers = self._validation.counted()
        if not len(prints):
            return ()
        pairs = []
        last = np.searchsorted(prints, asked, side="right") - 1
        at = np.minimum(np.searchsorted(prints, asked), len(prints) - 1)
        for place in (at, np.maximum(last, 0)):
            apart = np.flatnonzero((prints[place] == asked) & (codes[place] != theirs))
            pairs += list(zip(numbers[apart].tolist(), first[place[apart]].tolist(), strict=True))
        chosen = sorted(set(pairs))[:MOST_ROWS]
        return tuple(RowPair(train=t, validation=v, note="the outcomes differ") for v, t in chosen)


@dataclass(frozen=True, slots=True)
class _Twins:
    """How rows with the same inputs ended.

    Parameters
    ----------
    n, n_twins, n_conflict : float
        Rows; of these with a twin; with a twin that ended otherwise.
    n_pairs, differing, by_chance : float
        Pairs of twins, each cell counted as its rows less one; the part that differs; the part that would if twins'
        outcomes were dealt out anew.
    """

    n: float
    n_twins: float
    n_conflict: float
    n_pairs: float
    differing: float
    by_chance: float

    @classmethod
    def of(cls, cells: Cells) -> _Twins:
        """Count."""
        prints, codes, n, _ = cells.counted()
        if not len(prints):
            return cls(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        begins = np.flatnonzero(np.append(True, prints[1:] != prints[:-1]))
        sizes = np.add.reduceat(n, begins)
        kinds = np.diff(np.append(begins, len(prints)))
        squares = np.add.reduceat(n * n, begins)
        several = sizes >= 2
        weights = sizes[several] - 1.0
        # Of a cell's pairs: one less those that agree. Weighted by rows, so that a huge cell does not count by squares.
        apart = 1.0 - (squares[several] - sizes[several]) / (sizes[several] * (sizes[several] - 1.0))
        of_class = np.bincount(codes, n * np.repeat(several, kinds))
        total = max(float(of_class.sum()), 1.0)
        pairs = float(weights.sum())
        return cls(
            n=float(sizes.sum()),
            n_twins=float(sizes[several].sum()),
            n_conflict=float(sizes[several & (kinds > 1)].sum()),
            n_pairs=pairs,
            differing=float((weights * apart).sum()) / max(pairs, 1.0),
            by_chance=float(1.0 - np.square(of_class / total).sum()),
        )

    @property
    def conflict_share(self) -> float:
        """Of rows with a twin that ended otherwise."""
        return self.n_conflict / max(self.n, 1.0)

    @property
    def agreement(self) -> float:
        """0 where twins agree as often as any two rows with a twin, 1 where they always do (Cohen's kappa)."""
        return 1.0 - self.differing / self.by_chance if self.by_chance > 0.0 else 1.0

    @property
    def wrong_share(self) -> float:
        """Of outcomes that are wrong, if twins are one event: with e wrong each, two differ with 2 e (1 - e)."""
        return 0.5 * (1.0 - math.sqrt(max(1.0 - 2.0 * self.differing, 0.0)))


def _finding(seen: dict[str, _Twins], bound: str, rows: tuple[RowPair, ...]) -> Finding:
    every = seen["both"]
    is_coarse = every.n_twins >= _COARSE * every.n
    recorded_twice = not is_coarse and every.agreement >= _ALIKE
    noisy = recorded_twice and every.wrong_share >= _NOISY
    parts = ", ".join(f"{twins.conflict_share:.2%} of {name} rows" for name, twins in seen.items() if name != "both")
    detail = (
        f"{parts} have a twin in their file that ended otherwise, {every.conflict_share:.2%} of all one in either. "
        f"Two twins differ in {every.differing:.1%} of cases; any two rows with a twin would in {every.by_chance:.1%}. "
    )
    if recorded_twice:
        detail += f"Twins are few and mostly agree, as one event recorded twice; {every.wrong_share:.1%} of outcomes "
        detail += "would have to be wrong." if noisy else "may be wrong."
    else:
        detail += "Different events share these inputs: the features do not tell them apart."
    return Finding(
        check=NAME,
        cause="data_quality_fault",
        severity="warning" if noisy else "info",
        title=f"{every.conflict_share:.1%} of rows have the inputs of a row that ended otherwise",
        detail=detail + bound,
        mend="Find out which record is right and keep that." if noisy else "Add features, or accept the bound.",
        no_inflation="rows in conflict make an estimate worse, not better",
        rows=rows,
        n_rows=round(every.n_conflict),
    )


@dataclass(frozen=True, slots=True)
class _Ceiling:
    """The best that any function of the features can reach on the rows looked at, and what the scores reach there."""

    metric: Metric
    best: float
    reached: float | None
    n: int
    n_twins: int

    @property
    def words(self) -> str:
        """For the details of results; none where the bound is none."""
        if self.metric != "rmse" and self.best > _NO_BOUND:
            return ""
        name = {"auc": "AUC", "rmse": "RMSE", "accuracy": "accuracy"}[self.metric]
        limit = "below" if self.metric == "rmse" else "above"
        return (
            f"; no function of the features can have an {name} {limit} {self.best:.4f} on the {self.n:,} rows sampled"
        )

    @property
    def is_exceeded(self) -> bool:
        """Whether the scores are better than any function of the features can be."""
        if self.reached is None:
            return False
        gain = self.best - self.reached if self.metric == "rmse" else self.reached - self.best
        scale = max(abs(self.best), 1e-300) if self.metric == "rmse" else 1.0
        return gain > _ROUNDING * scale


def _above(ceiling: _Ceiling) -> list[Finding]:
    if not ceiling.is_exceeded:
        return []
    return [
        Finding(
            check=NAME,
            cause="target_leakage",
            severity="warning",
            title="the scores tell more than the features of the file can",
            detail=f"{ceiling.n_twins:,} of {ceiling.n:,} validation rows sampled have a twin among them. The scores "
            f"tell twins apart: they reach {ceiling.reached:.4f}{ceiling.words}.",
            mend="Look at what goes into the scores beside the features of this file; a column may be missing from it, "
            "or the outcome may have been known to the model.",
            no_inflation="the rows concerned are not known",
        )
    ]


def _ceiling(context: Context, metric: Metric) -> _Ceiling | None:
    """Score each row by the outcomes of all rows with its inputs: no function of the inputs does better on these rows.

    Notes
    -----
    A function of the inputs gives twins one score. Ranking cells by their share of positive outcomes makes the area
    largest (each pair of cells in the better order); the most frequent class makes the accuracy largest, the mean the
    squared error least.
    """
    rows = context.validation
    known = np.isfinite(rows.outcomes)
    scores = rows.scores
    if scores is not None:
        known &= np.isfinite(scores) if scores.ndim == 1 else np.isfinite(scores).all(axis=1)
    n = int(known.sum())
    if n < FEWEST_PAIRS or not _complete(context):
        return None
    outcomes = rows.outcomes[known]
    _, cell, sizes = np.unique(rows.prints[known], return_inverse=True, return_counts=True)
    n_twins = int(sizes[sizes >= 2].sum())
    if n_twins < 2:
        return None
    mean = np.bincount(cell, outcomes) / sizes
    if metric == "auc":
        best, reached = _area(mean[cell], outcomes), None if scores is None else _area(scores[known], outcomes)
    elif metric == "rmse":
        best = float(np.sqrt(np.square(outcomes - mean[cell]).mean()))
        reached = None if scores is None else float(np.sqrt(np.square(outcomes - scores[known]).mean()))
    else:
        pairs, counts = np.unique(np.stack([cell.astype(np.float64), outcomes]), axis=1, return_counts=True)
        most = np.zeros(len(sizes))
        np.maximum.at(most, pairs[0].astype(np.int64), counts)
        best = float(most.sum()) / n
        reached = None if scores is None else float((scores[known].argmax(axis=1) == outcomes).mean())
    return _Ceiling(metric, best, reached, n, n_twins) if np.isfinite(best) else None


def _complete(context: Context) -> bool:
    """Whether fingerprints hold all that a model may look at: texts, images and vectors are not in them."""
    columns = context.columns
    return not (columns.texts or columns.images or columns.embeddings or columns.one_sided or columns.ignored)


def _area(scores: F64, outcomes: F64) -> float:
    _, at = np.unique(scores, return_inverse=True)
    positive = np.bincount(at, outcomes == 1.0)
    return float(auc_values(positive, np.bincount(at) - positive))
