"""What was promised and what came: the rate of outcomes at like scores, and how long outcomes take, on both sides."""

from __future__ import annotations

from typing import Final

import numpy as np

from sentinel.evaluation.cells import mean_scores
from sentinel.evaluation.findings import Delays, Rate, ReliabilityBin
from sentinel.events.batch import F64, I64
from sentinel.stats.intervals import wilson_interval
from sentinel.summaries.algebra import Summary
from sentinel.summaries.kinds.delays import DELAY_EDGES_SECONDS

MOST_BINS: Final = 10
LEAST_OUTCOMES: Final = 20
"""Outcomes below which a bin says nothing about a rate."""


def compare_reliability(offline: Summary, online: Summary) -> tuple[ReliabilityBin, ...]:
    """The reliability curve of both sides, over the same bins of the score.

    Parameters
    ----------
    offline, online : Summary
        Under one layout.

    Returns
    -------
    tuple of ReliabilityBin
        At most ``MOST_BINS``, of about equal counts offline, in the order of the score; empty without offline outcomes.
    """
    before, after = offline["outcomes"], online["outcomes"]
    n_before = before.sum(axis=1)
    if not n_before.sum():
        return ()
    middle = (np.cumsum(n_before) - n_before / 2) / n_before.sum()
    group = np.minimum((middle * MOST_BINS).astype(np.int64), MOST_BINS - 1)
    sides = [(before, mean_scores(offline)), (after, mean_scores(online))]
    rates = [
        [_rate(counts[group == one], scores[group == one]) for one in range(MOST_BINS)] for counts, scores in sides
    ]
    pairs = zip(*rates, strict=True)
    return tuple(ReliabilityBin(offline=old, online=new) for old, new in pairs if old is not None or new is not None)


def _rate(counts: I64, scores: F64) -> Rate | None:
    """The rate of a group of score bins; None where too few outcomes are known."""
    n_positive, n = int(counts[:, 1].sum()), int(counts.sum())
    if n < LEAST_OUTCOMES:
        return None
    interval = wilson_interval(n_positive, n)
    score = float(counts.sum(axis=1) @ scores / n)
    return Rate(score=score, rate=n_positive / n, lower=interval.lower, upper=interval.upper, n=n)


def compare_delays(offline: Summary, online: Summary) -> Delays | None:
    """How long outcomes took, on both sides; None where no live outcome came.

    Parameters
    ----------
    offline, online : Summary
        Under one layout. An offline side without times of outcomes gives no shares.
    """
    before, after = (side["delays"].sum(axis=1) for side in (offline, online))
    if not after.sum():
        return None
    return Delays(
        edges_seconds=DELAY_EDGES_SECONDS,
        offline=(before / before.sum()).tolist() if before.sum() else None,
        online=(after / after.sum()).tolist(),
        n=int(after.sum()),
    )
