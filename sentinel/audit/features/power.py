"""How well one feature alone tells outcomes, without the optimism of judging it by the rows it was learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from sentinel.audit.estimates.inflation import N_BUCKETS
from sentinel.audit.findings import Interval
from sentinel.events.batch import F64, I64
from sentinel.stats.association import bin_order
from sentinel.stats.auc import auc_variance_floor
from sentinel.stats.estimate import variance_floor
from sentinel.stats.jackknife import jackknife_variance
from sentinel.stats.predictive_power import (
    concordance_parts,
    explained_entropy,
    information_value,
    predictive_power,
)

N_FOLDS: Final = 4
"""Of 32 buckets of entities, eight each."""
MINIMUM: Final = 30
"""Outcomes of either of two classes, or of a number, below which nothing is said of a feature."""
_YES_NO: Final = np.array([0.0, 1.0])
_T: Final = float(stats.t.ppf(0.975, N_BUCKETS - 1))


@dataclass(frozen=True, slots=True)
class Power:
    """What a feature says of outcomes of one file.

    Parameters
    ----------
    value : float, 0..1
        Concordance: the area under the ROC curve of two classes; of several, of the class that it tells best.
    left_out : float64, shape (N_BUCKETS,)
        The same without each bucket of entities in turn.
    floor : float
        Least variance that is claimed.
    score : float, 0..1
        Predictive power score.
    """

    value: float
    left_out: F64
    floor: float
    score: float

    def interval(self) -> Interval:
        """With its 95 % interval."""
        return _interval(self.value, self.left_out, self.floor)

    def p_value(self) -> float:
        """Chance of so high a value of a feature that knows nothing, by the t law of the jackknife."""
        error = float(np.sqrt(max(float(jackknife_variance(self.left_out)), self.floor)))
        return float(stats.t.sf((self.value - 0.5) / error, N_BUCKETS - 1))

    def minus(self, other: Power) -> Interval:
        """What it has more than another of the same rows, with its 95 % interval."""
        return _interval(self.value - other.value, self.left_out - other.left_out, self.floor)

    def minus_apart(self, other: Power) -> Interval:
        """What it has more than one of other rows."""
        first, second = self.interval(), other.interval()
        gap, reach = self.value - other.value, float(np.hypot(first.upper - self.value, second.upper - other.value))
        return Interval(value=gap, lower=gap - reach, upper=gap + reach)


@dataclass(frozen=True, slots=True)
class Said:
    """What one feature says.

    Parameters
    ----------
    name : str
    validation : Power or None
        Bins in the order of the training rows, judged by validation rows; without training rows, each fold of entities
        in the order of the others.
    train : Power or None
        Training rows alone, fold by fold.
    information : float
        Information value over all rows in nats, of two classes; else the share of the outcome's entropy that it
        explains, at most 1.
    """

    name: str
    validation: Power | None
    train: Power | None
    information: float


def say(name: str, train: I64, validation: I64, *, ordered: bool) -> Said:
    """Judge a feature.

    Parameters
    ----------
    name : str
    train, validation : int64, shape (N_BUCKETS, n_bins, n_kinds)
    ordered : bool
        Whether kinds are steps of a number; else they are classes.
    """
    carried = None
    if enough(validation, ordered=ordered):
        if enough(train, ordered=ordered):
            carried = _power(train.sum(axis=0)[None], validation, np.zeros(N_BUCKETS, np.int64), ordered=ordered)
        else:
            carried = _crossed(validation, ordered=ordered)
    within = _crossed(train, ordered=ordered) if enough(train, ordered=ordered) else None
    table = (train + validation).sum(axis=0)
    information = information_value(table) if table.shape[1] == 2 and not ordered else explained_entropy(table)
    return Said(name, carried, within, information)


def crossed_within(counts: I64) -> Power | None:
    """The same of one file, comparing only rows of the same stratum; None with too few outcomes.

    Parameters
    ----------
    counts : int64, shape (N_BUCKETS, n_strata, n_bins, n_kinds)
        Kinds in their order.
    """
    pooled = counts.sum(axis=1)
    if not enough(pooled, ordered=False):
        return None
    fold = np.arange(N_BUCKETS) % N_FOLDS
    folds = np.stack([pooled[fold == k].sum(axis=0) for k in range(N_FOLDS)])
    values = np.linspace(0.0, 1.0, counts.shape[3])
    return Power(*_concordance(folds.sum(axis=0) - folds, counts, fold, values), 0.0)


def enough(counts: I64, *, ordered: bool) -> bool:
    """Whether a file has outcomes enough: of a number so many, else so many of two classes."""
    by_kind = np.sort(counts.sum(axis=(0, 1)))
    return bool(by_kind.sum() >= 2 * MINIMUM and (by_kind > 0).sum() >= 2 and (ordered or by_kind[-2] >= MINIMUM))


def _crossed(counts: I64, *, ordered: bool) -> Power:
    fold = np.arange(N_BUCKETS) % N_FOLDS
    folds = np.stack([counts[fold == k].sum(axis=0) for k in range(N_FOLDS)])
    return _power(counts.sum(axis=0) - folds, counts, fold, ordered=ordered)


def _power(references: I64, judged: I64, fold: I64, *, ordered: bool) -> Power:
    """Bins of each bucket in the order of its fold's reference; only pairs within a fold are compared."""
    n_kinds = judged.shape[2]
    by_fold = np.zeros_like(references)
    np.add.at(by_fold, fold, judged)
    values = np.linspace(0.0, 1.0, n_kinds) if ordered else None
    score = predictive_power(references, by_fold, values)
    if ordered or n_kinds == 2:
        return Power(*_concordance(references, judged, fold, np.linspace(0.0, 1.0, n_kinds)), score)
    each = [_concordance(*_one_against_rest(references, judged, kind), fold, _YES_NO) for kind in _told(judged)]
    return Power(*max(each, key=lambda one: one[0]), score)


def _told(judged: I64) -> list[int]:
    """Classes with outcomes enough to be told from the others."""
    n = judged.sum(axis=(0, 1))
    return [kind for kind in range(len(n)) if min(int(n[kind]), int(n.sum() - n[kind])) >= MINIMUM]


def _one_against_rest(references: I64, judged: I64, kind: int) -> tuple[I64, I64]:
    first, second = (np.stack([p.sum(axis=2) - p[:, :, kind], p[:, :, kind]], axis=2) for p in (references, judged))
    return first, second


def _concordance(references: I64, judged: I64, fold: I64, values: F64) -> tuple[float, F64, float]:
    """Value, leave-one-out values, floor; ``judged`` may have strata between buckets and bins."""
    ranked = np.zeros(judged.shape)
    for k, reference in enumerate(references):
        order = bin_order(reference @ values, reference @ (1.0 - values))
        at = np.flatnonzero(fold == k)
        moved = np.zeros((judged.shape[-2], len(at), *judged.shape[1:-2], judged.shape[-1]))  # bins first
        np.add.at(moved, order, np.moveaxis(judged[at], -2, 0))
        ranked[at] = np.moveaxis(moved, 0, -2)
    folds = np.zeros((len(references), *judged.shape[1:]))
    np.add.at(folds, fold, ranked)
    won, pairs = _summed(folds)
    left_won, left_pairs = _summed(folds[fold] - ranked)
    all_won, all_pairs = float(won.sum()), float(pairs.sum())
    rest = np.maximum(all_pairs - pairs[fold] + left_pairs, 1.0)
    left_out = (all_won - won[fold] + left_won) / rest
    n = judged.sum(axis=tuple(range(judged.ndim - 1)))
    floor = float(auc_variance_floor(n[0], n[-1])) if len(n) == 2 else variance_floor(float(n.sum()))
    return (all_won / all_pairs if all_pairs else 0.5), left_out, floor


def _summed(tables: F64) -> tuple[F64, F64]:
    """Pairs in the right order, and all pairs, over the strata of each."""
    won, pairs = concordance_parts(tables)
    return (won, pairs) if won.ndim == 1 else (won.sum(axis=1), pairs.sum(axis=1))


def _interval(value: float, left_out: F64, floor: float) -> Interval:
    reach = _T * float(np.sqrt(max(float(jackknife_variance(left_out)), floor)))
    return Interval(value=value, lower=value - reach, upper=value + reach)
