"""Features that go together otherwise in validation than in training, though each alone is as it was."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.inflation import N_BUCKETS, buckets_of
from sentinel.audit.features.bins import MISSING, WIDTH, bin_numbers, bin_words, commonest, cuts_of
from sentinel.audit.features.shares import Shift, compare_histograms
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import CheckResult, Finding, Plot, Series, found, not_checked
from sentinel.audit.report.wording import listed
from sentinel.audit.times.order import is_later
from sentinel.events.batch import F64, I64

NAME: Final = "pair_differences"
TITLE: Final = "pairs of features that go together otherwise in validation"
COARSE: Final = 5
"""Bins of a feature in a pair; one more holds what is missing."""
FEWEST: Final = 200
"""Independent rows of each file: of the 36 cells of a pair each then has more than five."""
MOVED: Final = 0.1
"""Stability index beyond its mean under one law, nats, as for a single feature: a correlation of 0 that became .3."""
MOST_FEATURES: Final = 40
"""The first so many in the order of the columns: 780 pairs."""
MOST_ROWS: Final = 10_000
"""Of each file: the index of a pair under one law is then .007, with a standard deviation of .002."""
FALSE_ALARMS: Final = 0.001
"""Chance of any finding by chance, over all pairs."""


def start(context: Context) -> Check | CheckResult:
    """Needs training rows and two features that both files have; the samples are enough."""
    if context.train is None:
        return not_checked(NAME, "there are no training rows", "--train")
    shared = tuple(name for name in _names(context) if name not in context.columns.one_sided)
    names = shared[:MOST_FEATURES]
    if len(names) < 2:
        return not_checked(NAME, "the files share fewer than two numbers or categories", "files of the same columns")
    sides = _binned(context, context.train, names)
    alpha = FALSE_ALARMS / (len(names) * (len(names) - 1) / 2)
    pairs = [pair for pair in _moved(sides, len(names)) if pair.shift.p_value < alpha]
    pairs.sort(key=lambda pair: -pair.shift.excess)
    passed = len(shared) - len(names)
    left = f", {passed:,} more passed over," if passed else ""
    detail = (
        f"{len(names)} features compared two by two{left} in up to {MOST_ROWS:,} rows of each file; an index of "
        f"{MOVED:g} beyond chance, of features that alone did not move, would have been named"
    )
    return found(NAME, (_finding(context, names, pairs),) if pairs else (), detail)


@dataclass(frozen=True, slots=True)
class _Side:
    """Coarse bins of some rows, shape (n_features, n), and their buckets."""

    bins: I64
    buckets: I64

    def counts(self, at: tuple[int, ...]) -> I64:
        """Rows by cell of these features, and by bucket."""
        cells = np.zeros(self.bins.shape[1], np.int64)
        for one in at:
            cells = cells * (COARSE + 1) + self.bins[one]
        n_cells = (COARSE + 1) ** len(at)
        counts: I64 = np.bincount(cells * N_BUCKETS + self.buckets, minlength=n_cells * N_BUCKETS)
        return counts.reshape(n_cells, N_BUCKETS)


@dataclass(frozen=True, slots=True)
class _Pair:
    at: tuple[int, int]
    shift: Shift


def _names(context: Context) -> tuple[str, ...]:
    return (*context.columns.numeric, *context.columns.categorical)


def _binned(context: Context, train: AuditRows, names: tuple[str, ...]) -> tuple[_Side, _Side]:
    every = _names(context)
    places = [_thinned(len(rows)) for rows in (train, context.validation)]
    fine: list[tuple[I64, I64]] = []
    for name in names:
        at = every.index(name)
        if at < len(train.numeric):
            numbers = [rows.numeric[at][where] for rows, where in zip((train, context.validation), places, strict=True)]
            cuts = cuts_of(np.concatenate(numbers))
            fine.append((bin_numbers(numbers[0], cuts), bin_numbers(numbers[1], cuts)))
            continue
        at -= len(train.numeric)
        words = [rows.categories[at][where] for rows, where in zip((train, context.validation), places, strict=True)]
        kept = commonest(np.concatenate(words))
        fine.append((bin_words(words[0], kept), bin_words(words[1], kept)))
    coarse = [_merged(np.concatenate(both)) for both in fine]
    return (
        _Side(np.stack([to[one] for to, (one, _) in zip(coarse, fine, strict=True)]), buckets_of(train)[places[0]]),
        _Side(
            np.stack([to[one] for to, (_, one) in zip(coarse, fine, strict=True)]),
            buckets_of(context.validation)[places[1]],
        ),
    )


def _thinned(n: int) -> I64:
    return np.arange(0, n, max(-(-n // MOST_ROWS), 1))


def _merged(fine: I64) -> I64:
    """The coarse bin of each fine one: neighbours together until each has about as many rows; missing stays apart."""
    counts = np.bincount(fine, minlength=WIDTH).astype(np.float64)
    counts[MISSING] = 0.0
    middle: F64 = (np.cumsum(counts) - counts / 2) / max(counts.sum(), 1.0)
    coarse: I64 = np.minimum((middle * COARSE).astype(np.int64), COARSE - 1)
    coarse[MISSING] = COARSE
    return coarse


def _moved(sides: tuple[_Side, _Side], n_features: int) -> Iterator[_Pair]:
    """Pairs whose cells moved farther than either feature alone explains."""
    alone = np.array([_excess(sides, (at,)) for at in range(n_features)])
    for first, second in itertools.combinations(range(n_features), 2):
        cells = [side.counts((first, second)) for side in sides]
        shift = compare_histograms(cells[0], cells[1], minimum=FEWEST)
        if isinstance(shift, Shift) and shift.excess - alone[first] - alone[second] >= MOVED:
            yield _Pair((first, second), shift)


def _excess(sides: tuple[_Side, _Side], at: tuple[int, ...]) -> float:
    shift = compare_histograms(sides[0].counts(at), sides[1].counts(at))
    return max(shift.excess, 0.0) if isinstance(shift, Shift) else 0.0


def _finding(context: Context, names: tuple[str, ...], pairs: list[_Pair]) -> Finding:
    later = is_later(context)
    said = [f"{names[pair.at[0]]} with {names[pair.at[1]]}" for pair in pairs]
    first = pairs[:10]
    indices = "; ".join(f"{name} {pair.shift.excess:.2f}" for name, pair in zip(said, first, strict=False))
    why = (
        "Validation is of another time than training, so some of this is the world, not the split."
        if later
        else "Of a random split no pair would: look for a join, a shuffle or an imputation of one file alone."
    )
    return Finding(
        check=NAME,
        cause="data_quality_fault",
        severity="info" if later else "warning",
        title=f"{listed(said)} {'goes' if len(said) == 1 else 'go'} together otherwise in validation",
        detail=f"{len(pairs)} pairs moved that their features alone do not explain; stability index of the pair beyond "
        f"chance: {indices}. The pair that moved most tells which file a row is of with AUC {pairs[0].shift.area:.2f}. "
        f"{why}",
        mend="Compare how both files were joined and filled: a column that was shuffled, joined by another key or "
        "imputed keeps its own distribution and loses its company.",
        columns=tuple(dict.fromkeys(names[at] for pair in pairs for at in pair.at)),
        no_inflation="a difference between the files makes the estimate wrong in a direction that is not known",
        plots=(
            Plot(
                kind="bars",
                title="Pairs that moved",
                x_label="pair of features",
                y_label="stability index beyond chance, nats",
                x=tuple(said[:10]),
                series=(
                    Series(name="validation against training", y=tuple(float(pair.shift.excess) for pair in first)),
                ),
            ),
        ),
    )
