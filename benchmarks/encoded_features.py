"""Which features that hold their outcomes a baseline names: target encodings over all rows, and honest features.

    python -m benchmarks.encoded_features [--quick]

An encoding is the mean outcome of a group of rows, smoothed by 0, 1 or 10 rows of the prior; a quarter of the rows are
validation. Honest are scores that are rounded, counts, amounts, constants of an entity, and encodings fitted to the
training rows, to other folds, or to earlier rows. Judged as `sentinel baseline build` does: with the training rows, and
without them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from sentinel.stats.encoding import Closeness, closeness, pure_ends

Floats = npt.NDArray[np.float64]
Size = int | Literal["few", "varied"]

STREAMS: Final = 6
QUICK_STREAMS: Final = 1
HONEST_WORLDS: Final = 400
QUICK_HONEST_WORLDS: Final = 30
SMOOTHED_BY: Final = (0, 1, 10)
BASE_RATES: Final = (0.3, 0.05)
FOLDS: Final = 5
LINES: Final[Sequence[tuple[str, int, tuple[Size, ...]]]] = (
    ("20,000 rows, groups of 5, 20, 200 rows, or of all sizes", 20_000, (5, 20, 200, "varied")),
    ("20,000 rows, groups of 2, or of 1 to 5", 20_000, (2, "few")),
    ("4,000 rows, groups of 5, 20, 200 rows, or of all sizes", 4_000, (5, 20, 200, "varied")),
)


@dataclass(slots=True)
class Seen:
    """What became of one kind of feature."""

    n: int = 0
    named: int = 0
    without_training: int = 0
    p_values: list[float] = field(default_factory=list)

    def look(self, values: Floats, outcomes: Floats, validation: npt.NDArray[np.bool_]) -> None:
        """Judge one feature with the training rows and without."""
        prior = (float(outcomes.mean()),)
        with_training = closeness(*_groups(values, outcomes, validation), prior)
        own = _groups(values[validation], outcomes[validation], None)
        alone, ends = closeness(*own, prior), pure_ends(*own[:3])
        found = [each.is_encoded for each in (with_training, alone) if isinstance(each, Closeness)]
        self.p_values += [each.p_value for each in (with_training, alone) if isinstance(each, Closeness)]
        by_itself = ends is not None or (isinstance(alone, Closeness) and alone.is_encoded)
        self.n, self.named = self.n + 1, self.named + (any(found) or ends is not None)
        self.without_training += by_itself


def _groups(
    values: Floats, outcomes: Floats, validation: npt.NDArray[np.bool_] | None
) -> tuple[Floats, Floats, Floats, Floats]:
    """Distinct values, rows and positives of each, and how many of the rows are judged."""
    known = np.isfinite(values)
    distinct, place = np.unique(values[known], return_inverse=True)
    n = np.bincount(place).astype(np.float64)
    positives = np.bincount(place, weights=outcomes[known]).astype(np.float64)
    if validation is None:
        return distinct, n, positives, n
    return distinct, n, positives, np.bincount(place, weights=validation[known]).astype(np.float64)


def _encoded(key: npt.NDArray[np.int64], outcomes: Floats, rows: npt.NDArray[np.bool_], strength: float) -> Floats:
    """The smoothed mean outcome of each group among some of the rows; NaN where none is."""
    n = np.bincount(key[rows], minlength=key.max() + 1)
    positives = np.bincount(key[rows], weights=outcomes[rows], minlength=key.max() + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = (positives + strength * outcomes[rows].mean()) / (n + strength)
    return means[key]


def _keys(random: np.random.Generator, n: int, size: Size) -> npt.NDArray[np.int64]:
    if size == "few":
        return random.integers(0, int(n / 1.6), n)
    if size == "varied":
        weights = random.lognormal(0.0, 1.0, max(n // 30, 5))
        return random.choice(len(weights), n, p=weights / weights.sum()).astype(np.int64)
    return random.integers(0, max(n // size, 3), n)


def power(random: np.random.Generator, n: int, sizes: Sequence[Size], base: float, n_streams: int) -> Seen:
    """Encodings over all rows, in groups whose rates differ by half in log-odds."""
    seen = Seen()
    for size in sizes:
        for strength in SMOOTHED_BY:
            for _ in range(n_streams):
                key = _keys(random, n, size)
                log_odds = np.log(base / (1 - base)) + random.normal(0.0, 0.5, key.max() + 1)[key]
                outcomes = (random.random(n) < 1 / (1 + np.exp(-log_odds))).astype(np.float64)
                encoded = _encoded(key, outcomes, np.ones(n, bool), strength)
                seen.look(encoded, outcomes, random.random(n) < 0.25)
    return seen


def honest(random: np.random.Generator, n_worlds: int) -> Seen:
    """Features that know no outcome of a row that they are judged by."""
    seen = Seen()
    for _ in range(n_worlds):
        n, base = int(random.choice([1_000, 4_000, 15_000])), float(random.choice([0.01, 0.05, 0.2, 0.5]))
        log_odds = np.log(base / (1 - base)) + random.normal(0.0, random.choice([0.5, 1.5, 4.0]), n)
        outcomes = (random.random(n) < 1 / (1 + np.exp(-log_odds))).astype(np.float64)
        validation = random.random(n) < random.choice([0.2, 0.5])
        if outcomes[validation].sum() < 2 or outcomes[~validation].sum() < 2:
            continue
        for values in _honest_features(random, log_odds, outcomes, validation):
            seen.look(values, outcomes, validation)
    return seen


def _honest_features(
    random: np.random.Generator, log_odds: Floats, outcomes: Floats, validation: npt.NDArray[np.bool_]
) -> Iterator[Floats]:
    n = len(log_odds)
    for digits in (2, 3, 4, 5):
        shares = (1 / (1 + np.exp(-log_odds))).astype(np.float64)
        yield shares.round(digits)
        yield log_odds.round(digits - 1)
    yield random.poisson(np.exp(1 + 0.3 * log_odds)).astype(np.float64)
    yield random.poisson(30, n).astype(np.float64)
    amounts = np.exp(2 + 0.5 * log_odds + random.normal(0.0, 0.5, n)).astype(np.float64)
    yield amounts.round(1)
    key = random.integers(0, n // int(random.choice([3, 10, 50])), n)
    yield random.normal(size=int(key.max()) + 1)[key]
    fold = random.integers(0, FOLDS, n)
    for strength in SMOOTHED_BY:
        others = np.stack([_encoded(key, outcomes, fold != each, strength) for each in range(FOLDS)])
        yield others[fold, np.arange(n)]
        yield _of_earlier_rows(key, outcomes, strength)
        yield _encoded(key, outcomes, ~validation, strength)


def _of_earlier_rows(key: npt.NDArray[np.int64], outcomes: Floats, strength: float) -> Floats:
    order = np.argsort(key, kind="stable")
    before = np.cumsum(outcomes[order]) - outcomes[order]
    starts = np.flatnonzero(np.r_[True, np.diff(key[order]) != 0])
    group = np.searchsorted(starts, np.arange(len(key)), side="right") - 1
    n_before = np.arange(len(key)) - starts[group]
    values = np.empty(len(key))
    with np.errstate(invalid="ignore", divide="ignore"):
        values[order] = (before - before[starts][group] + strength * outcomes.mean()) / (n_before + strength)
    return values


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables; 1 if an honest feature was named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one stream of each, and fewer honest worlds")
    parser.add_argument("--seed", type=int, default=77)
    options = parser.parse_args(arguments)
    random = np.random.default_rng(options.seed)
    n_streams = QUICK_STREAMS if options.quick else STREAMS
    print("| encodings over all rows, found (without the training rows) | base rate .3 | base rate .05 |")
    print("|---|---|---|")
    for words, n, sizes in LINES:
        found = [power(random, n, sizes, base, n_streams) for base in BASE_RATES]
        cells = (f"{each.named} of {each.n} ({each.without_training})" for each in found)
        print(f"| {words} | {' | '.join(cells)} |", flush=True)
    clean = honest(random, QUICK_HONEST_WORLDS if options.quick else HONEST_WORLDS)
    print(f"\nHonest features: {clean.named} of {clean.n:,} named, in {len(clean.p_values):,} tests;", end=" ")
    print(f"the smallest p-value is {min(clean.p_values):.1e}")
    return int(clean.named > 0)


if __name__ == "__main__":
    sys.exit(main())
