"""False alarms, power and delay of the gap alarm on simulated streams."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from sentinel.stats.arrays import Booleans, Floats
from sentinel.stats.auc import auc_many
from sentinel.stats.bayes import log_bayes_factor
from sentinel.stats.intervals import wilson_interval

ALPHA: Final = 0.05
OFFLINE_EVENTS: Final = 2_000
EVENTS_PER_LOOK: Final = 50
N_BINS: Final = 64
POSITIVE_RATE: Final = 0.2
MINIMUM_PER_CLASS: Final = 30
MINIMUM_OUTCOMES: Final = 200
TOLERANCE: Final = 0.02
GAP: Final = 0.05
AREA: Final = 0.80
ERROR_RATE: Final = 0.10
CHUNK: Final = 25
"""Streams simulated at once: 25 x 1,000 looks x 64 bins x 2 classes of 8 bytes are 26 MB."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to alarm on gap, offline variance and live variance."""

    name: str
    is_product: bool
    tau: float = 0.05
    tolerance: float = 0.0
    repeated_z: bool = False
    offline_exact: bool = False

    def alarms(self, looks: Looks) -> Booleans:
        """Whether each look alarms, shape (streams, looks)."""
        variance = looks.live_variance + (0.0 if self.offline_exact else looks.offline_variance[:, None])
        if self.repeated_z:
            raised = looks.gap > stats.norm.ppf(1.0 - ALPHA) * np.sqrt(variance)
        else:
            evidence = log_bayes_factor(looks.gap, variance, self.tau, self.tolerance)
            raised = evidence >= math.log(1.0 / ALPHA)
        return np.asarray(raised & looks.usable)


@dataclass(frozen=True, slots=True)
class Looks:
    """What the evaluator sees of some streams: one row a stream, one column a look."""

    gap: Floats
    live_variance: Floats
    offline_variance: Floats
    usable: Booleans


PRODUCT_DEFAULT: Final = Rule(
    "Bayes factor, product default (tolerance .02, tau .05)", is_product=True, tolerance=TOLERANCE
)
RULES: Final = (
    Rule("Bayes factor, strict null (tolerance 0, tau .05)", is_product=True),
    PRODUCT_DEFAULT,
    Rule("Bayes factor, strict null, tau .02", is_product=True, tau=0.02),
    Rule("Bayes factor, offline taken as exact", is_product=False, offline_exact=True),
    Rule("repeated z > 1.645, both sides' error", is_product=False, repeated_z=True),
    Rule("repeated z > 1.645, offline taken as exact", is_product=False, repeated_z=True, offline_exact=True),
)


def score_law(area: float) -> Floats:
    """Cell probabilities, shape (2, N_BINS), negatives first, of binormal scores with a true area."""
    shift = math.sqrt(2.0) * stats.norm.ppf(area)
    half = np.linspace(0.0, 1.0, N_BINS // 2 + 1)[1:]
    fixed = math.sqrt(2.0) * stats.norm.ppf(AREA)
    edges = np.unique(np.r_[stats.norm.ppf(half[:-1]), fixed + stats.norm.ppf(half[:-1])])
    negatives = np.diff(np.r_[0.0, stats.norm.cdf(edges), 1.0])
    positives = np.diff(np.r_[0.0, stats.norm.cdf(edges - shift), 1.0])
    return np.stack([(1.0 - POSITIVE_RATE) * negatives, POSITIVE_RATE * positives])


def true_area(law: Floats) -> float:
    """Area of the binned law."""
    negatives, positives = law[0] / law[0].sum(), law[1] / law[1].sum()
    return float(positives @ (np.cumsum(negatives) - negatives / 2))


def auc_looks(
    random: np.random.Generator,
    n_streams: int,
    n_looks: int,
    offline: Floats,
    live: Floats,
    *,
    events_per_look: int = EVENTS_PER_LOOK,
) -> Iterator[Looks]:
    """Streams of scored events; the metric is the area from histograms cumulated over looks."""
    n_cells = offline.size
    start_law, stream_law = offline.ravel(), live.ravel()
    cumulative = np.cumsum(stream_law)[:-1]
    for first in range(0, n_streams, CHUNK):
        streams = min(CHUNK, n_streams - first)
        baseline = random.multinomial(OFFLINE_EVENTS, start_law, streams).reshape(streams, 2, -1)
        cells = np.searchsorted(cumulative, random.random(streams * n_looks * events_per_look))
        rows = np.repeat(np.arange(streams * n_looks), events_per_look)
        seen = np.bincount(rows * n_cells + cells, minlength=streams * n_looks * n_cells)
        counts = seen.reshape(streams, n_looks, 2, -1).cumsum(axis=1)
        then = auc_many(baseline[:, 1], baseline[:, 0])
        now = auc_many(counts[:, :, 1], counts[:, :, 0], minimum_per_class=MINIMUM_PER_CLASS)
        enough = now.n_positive + now.n_negative >= MINIMUM_OUTCOMES
        yield Looks(
            then.values[:, None] - now.values,
            now.variances,
            then.variances,
            now.valid & enough & then.valid[:, None],
        )


def error_looks(
    random: np.random.Generator, n_streams: int, n_looks: int, offline: float, live: float
) -> Iterator[Looks]:
    """Streams of right and wrong decisions; the metric is the error rate."""
    seen = EVENTS_PER_LOOK * np.arange(1, n_looks + 1, dtype=np.float64)
    wrong_offline = random.binomial(OFFLINE_EVENTS, offline, n_streams).astype(np.float64)
    wrong = random.binomial(EVENTS_PER_LOOK, live, (n_streams, n_looks)).cumsum(axis=1)
    smoothed_offline = (wrong_offline + 0.5) / (OFFLINE_EVENTS + 1.0)
    smoothed = (wrong + 0.5) / (seen + 1.0)
    yield Looks(
        gap=wrong / seen - wrong_offline[:, None] / OFFLINE_EVENTS,
        live_variance=smoothed * (1.0 - smoothed) / seen,
        offline_variance=smoothed_offline * (1.0 - smoothed_offline) / OFFLINE_EVENTS,
        usable=np.broadcast_to(seen >= MINIMUM_OUTCOMES, wrong.shape),
    )


def first_alarms(chunks: Iterator[Looks], rules: tuple[Rule, ...]) -> list[Integers]:
    """For each rule the index of the first look that alarms in each stream, -1 for none."""
    found: list[list[Integers]] = [[] for _ in rules]
    for looks in chunks:
        for rule, kept in zip(rules, found, strict=True):
            raised = rule.alarms(looks)
            kept.append(np.where(raised.any(axis=1), raised.argmax(axis=1), -1).astype(np.int64))
    return [np.concatenate(kept) for kept in found]


def report(title: str, chunks: Iterator[Looks], *, is_null: bool, rules: tuple[Rule, ...] = RULES) -> bool:
    """Print a table; return whether a product rule alarms too often on a null."""
    print(f"\n{title}")
    delay_heading = "" if is_null else "  median first alarm (outcomes)"
    print(f"  {'rule':<56}{'alarms':>8}  {'95% interval':<16}{delay_heading}")
    exceeded = False
    for rule, first in zip(rules, first_alarms(chunks, rules), strict=True):
        raised = first >= 0
        share = float(raised.mean())
        lower, upper = wilson_interval(int(raised.sum()), raised.size)
        delay = ""
        if not is_null and raised.any():
            delay = f"{int(np.median((first[raised] + 1) * EVENTS_PER_LOOK)):>12,}"
        print(f"  {rule.name:<56}{share:>8.4f}  [{lower:.4f}, {upper:.4f}]{delay}")
        exceeded |= is_null and rule.is_product and share > ALPHA
    return exceeded


def main(arguments: list[str] | None = None) -> int:
    """Run all tables.

    Returns
    -------
    int
        1 if any product rule's estimated false-alarm rate is above alpha, else 0.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="300 streams of 200 looks, for every commit")
    parser.add_argument("--seed", type=int, default=20_261, help="of the random numbers")
    options = parser.parse_args(arguments)
    n_streams, n_looks = (300, 200) if options.quick else (2_000, 1_000)
    random = np.random.default_rng(options.seed)
    started = time.perf_counter()
    same, tolerated, worse = (score_law(AREA - gap) for gap in (0.0, TOLERANCE, GAP))
    print(f"{n_streams:,} streams, {n_looks:,} looks of {EVENTS_PER_LOOK} outcomes each; alpha = {ALPHA}")
    print(f"offline n = {OFFLINE_EVENTS:,}; looks count from {MINIMUM_OUTCOMES} outcomes, for AUC also ", end="")
    print(f"{MINIMUM_PER_CLASS} of each class")
    exceeded = [
        report(
            f"AUC {true_area(same):.3f}, {POSITIVE_RATE:.0%} positive, no gap",
            auc_looks(random, n_streams, n_looks, same, same),
            is_null=True,
        ),
        report(
            f"error rate {ERROR_RATE}, no gap",
            error_looks(random, n_streams, n_looks, ERROR_RATE, ERROR_RATE),
            is_null=True,
        ),
        report(
            f"AUC {true_area(same):.3f} offline, {true_area(tolerated):.3f} live: just the tolerance",
            auc_looks(random, n_streams, n_looks, same, tolerated),
            is_null=True,
            rules=(PRODUCT_DEFAULT,),
        ),
        report(
            f"error rate {ERROR_RATE} offline, {ERROR_RATE + TOLERANCE:.2f} live: just the tolerance",
            error_looks(random, n_streams, n_looks, ERROR_RATE, ERROR_RATE + TOLERANCE),
            is_null=True,
            rules=(PRODUCT_DEFAULT,),
        ),
        report(
            f"AUC {true_area(same):.3f} offline, {true_area(worse):.3f} live",
            auc_looks(random, n_streams // 4, n_looks, same, worse),
            is_null=False,
        ),
        report(
            f"error rate {ERROR_RATE} offline, {ERROR_RATE + GAP:.2f} live",
            error_looks(random, n_streams // 4, n_looks, ERROR_RATE, ERROR_RATE + GAP),
            is_null=False,
        ),
    ]
    verdict = "above" if any(exceeded) else "within"
    print(f"\n{time.perf_counter() - started:.0f} s; false alarms {verdict} alpha")
    return int(any(exceeded))


if __name__ == "__main__":
    sys.exit(main())
