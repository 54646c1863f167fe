"""What a finding is worth: the metric of all validation rows against that of the rows it does not taint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy import stats

from sentinel.audit.check import Context
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import Inflation, Interval
from sentinel.events.batch import F64, I64, U64, Bool
from sentinel.stats.auc import auc_values
from sentinel.stats.estimate import NotEnough
from sentinel.stats.jackknife import jackknife_variance, leave_one_out
from sentinel.summaries.fingerprints import mix

N_BUCKETS: Final = 32
"""Rows are parted by their entity, or by their number where they have none; the jackknife leaves out a part each."""
N_BINS: Final = 1024
"""Quantile bins of the score: the area then differs from that of the ranks by less than 1e-3."""
MINIMUM: Final = 10
"""Outcomes of each class that have to be left."""
Metric = Literal["auc", "rmse", "accuracy"]
METRICS: Final[dict[str, Metric]] = {"binary": "auc", "regression": "rmse", "multiclass": "accuracy"}


@dataclass(frozen=True, slots=True)
class Scoring:
    """How rows of a task are counted: the metric, and the bin edges of a score."""

    metric: Metric
    edges: F64


def scoring(context: Context) -> Scoring | NotEnough:
    """Choose the metric; :class:`NotEnough` where the validation rows have no score, or the task no metric here."""
    scores = context.validation.scores
    return context.memo.once("scoring", lambda: scoring_of(context, np.empty(0) if scores is None else scores))


class InflationTally:
    """Adds up validation rows in two kinds, tainted and not, and compares.

    Parameters
    ----------
    scoring : Scoring
    """

    def __init__(self, scoring: Scoring) -> None:
        self._scoring = scoring
        width = 2 * (len(scoring.edges) + 1) if scoring.metric == "auc" else 2
        self._counts = np.zeros((N_BUCKETS, 2, width))  # bucket, tainted, (score bin x outcome | n, sum)

    def add(self, rows: AuditRows, tainted: Bool) -> None:
        """Count validation rows; those without an outcome or a score are passed over."""
        self.add_scores(rows, rows.scores, tainted)

    def add_scores(self, rows: AuditRows, scores: F64 | None, tainted: Bool) -> None:
        """The same with other scores than those that stand in the file."""
        if scores is None:
            return
        finite = np.isfinite(scores) if scores.ndim == 1 else np.isfinite(scores).all(axis=1)
        known = finite & np.isfinite(rows.outcomes)
        bucket = buckets_of(rows)[known]
        outcomes, part = rows.outcomes[known], tainted[known].astype(np.int64)
        n_kinds = self._counts.shape[2]
        if self._scoring.metric == "auc":
            at = np.searchsorted(self._scoring.edges, scores[known], side="right")
            code = (bucket * 2 + part) * n_kinds + 2 * at + outcomes.astype(np.int64)
            self._counts += np.bincount(code, minlength=self._counts.size).reshape(self._counts.shape)
            return
        if self._scoring.metric == "rmse":
            with np.errstate(over="ignore"):  # an infinite sum gives no metric, and a reason
                worth = (scores[known] - outcomes) ** 2
        else:
            worth = (scores[known].argmax(axis=1) == outcomes).astype(np.float64)
        code = bucket * 2 + part
        self._counts[:, :, 0] += np.bincount(code, minlength=2 * N_BUCKETS).reshape(N_BUCKETS, 2)
        with np.errstate(over="ignore"):
            self._counts[:, :, 1] += np.bincount(code, worth, minlength=2 * N_BUCKETS).reshape(N_BUCKETS, 2)

    def merge(self, other: InflationTally) -> None:
        """Add the rows that another tally of the same scoring has seen."""
        self._counts += other._counts

    @property
    def metric(self) -> Metric:
        """The metric compared."""
        return self._scoring.metric

    def stated(self) -> Interval | NotEnough:
        """The metric of all rows."""
        short = self._short(self._counts.sum(axis=(0, 1)), "outcomes")
        return self._measure(lambda counts: self._values(counts.sum(axis=-2))) if short is None else short

    def leaving_out(self) -> F64:
        """The metric of all rows but those of one bucket, for each of the ``N_BUCKETS`` buckets."""
        return self._values(np.asarray(leave_one_out(self._counts), dtype=np.float64).sum(axis=-2))

    def inflation(self) -> Inflation | NotEnough:
        """Compare all rows with those that are not tainted.

        Notes
        -----
        The interval is the jackknife's over buckets of entities, of the difference of the two metrics, which share
        rows: mean +- t(.975, G - 1) * sqrt(V).
        """
        kept = self._counts[:, 0].sum(axis=0)
        short = self._short(kept, "untainted outcomes")
        if short is not None:
            return short
        gain = self._measure(self._gain)
        if isinstance(gain, NotEnough):
            return gain
        total = self._counts.sum(axis=0)
        return Inflation(
            metric=self._scoring.metric,
            stated=float(self._values(total.sum(axis=0))),
            repaired=float(self._values(total[0])),
            gain=gain,
            n=int(kept.sum() if self._scoring.metric == "auc" else kept[0]),
        )

    def _measure(self, statistic: Callable[[F64], F64]) -> Interval | NotEnough:
        value = float(statistic(self._counts.sum(axis=0)))
        return jackknifed(value, statistic(np.asarray(leave_one_out(self._counts))))

    def _gain(self, counts: F64) -> F64:
        """All rows less the untainted, turned so that more is better offline; ``counts`` ends in (tainted, cells)."""
        sign = -1.0 if self._scoring.metric == "rmse" else 1.0
        return sign * (self._values(counts.sum(axis=-2)) - self._values(counts[..., 0, :]))

    def _values(self, cells: F64) -> F64:
        """The metric of each row of cells; NaN where there is none: no outcome, or none of a class."""
        if self._scoring.metric == "auc":
            positives, negatives = cells[..., 1::2], cells[..., 0::2]
            has_both = (positives.sum(axis=-1) > 0.0) & (negatives.sum(axis=-1) > 0.0)
            return np.where(has_both, auc_values(positives, negatives), np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = cells[..., 1] / cells[..., 0]
        return np.sqrt(mean) if self._scoring.metric == "rmse" else mean

    def _short(self, cells: F64, what: str) -> NotEnough | None:
        """Whether the cells, of whichever rows, are of too few outcomes; ``what`` they are called."""
        if not np.isfinite(self._counts).all():
            return NotEnough("an error of the score is too large to be squared", 0, MINIMUM)
        if self._scoring.metric == "auc":
            n = int(min(cells[0::2].sum(), cells[1::2].sum()))
            return None if n >= MINIMUM else NotEnough(f"too few {what} of a class", n, MINIMUM)
        n = int(cells[0])
        return None if n >= MINIMUM else NotEnough(f"too few {what}", n, MINIMUM)


def jackknifed(value: float, left_out: F64) -> Interval | NotEnough:
    """A statistic with its 95 % interval, from what it is without each of the ``N_BUCKETS`` buckets in turn.

    Parameters
    ----------
    value : float
        Of all rows.
    left_out : float64, shape (N_BUCKETS,)
        NaN where nothing is left to tell it from.
    """
    if not (np.isfinite(left_out).all() and np.isfinite(value)):
        return NotEnough("one group of entities holds all outcomes, or all of a class", 1, 2)
    spread = float(stats.t.ppf(0.975, N_BUCKETS - 1)) * float(np.sqrt(jackknife_variance(left_out)))
    return Interval(value=value, lower=value - spread, upper=value + spread)


def scoring_of(context: Context, scores: F64) -> Scoring | NotEnough:
    """How scores of some rows are counted; NaN where a row has none."""
    metric = METRICS.get(context.model.task)
    if metric is None:
        return NotEnough(f"the inflation of a {context.model.task} is not estimated", 0, 1)
    known = scores[np.isfinite(scores)]
    if not len(known):
        return NotEnough("the validation rows have no score", 0, 1)
    if metric != "auc":
        return Scoring(metric, np.empty(0))
    return Scoring(metric, np.unique(np.quantile(known, np.arange(1, N_BINS) / N_BINS)))


def buckets_of(rows: AuditRows) -> I64:
    """The part of each row: by its entity, or by its number where it names none."""
    keys: U64 = np.where(rows.groups == 0, rows.numbers.astype(np.uint64), rows.groups)
    return (mix(keys) % np.uint64(N_BUCKETS)).astype(np.int64)
