"""A live score that is one value in most predictions, or in part of them, and was not offline."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from sentinel.config.times import rfc3339
from sentinel.evaluation.faults import rise_error, runs_of, share_rose
from sentinel.evaluation.findings import StuckScore
from sentinel.events.batch import I64, Bool
from sentinel.stats.arrays import Floats
from sentinel.summaries.algebra import Summary
from sentinel.summaries.copied_outcomes import are_outcomes
from sentinel.summaries.layout import Layout
from sentinel.summaries.panes import PaneSeries

LEAST_PREDICTIONS: Final = 200
"""Predictions looked at together, and the fewest that a stretch must have."""
STUCK: Final = 0.95
"""Share of one score bin from which nearly every prediction has that score,"""
SPREAD: Final = 0.5
"""unless the bin already held this share offline."""
NARROW: Final = 0.05
"""Offline share up to which a bin between two others is a span so narrow that only one value fills it,"""
LEAST_BINS: Final = 20
"""if offline scores fill so many bins: the leaves of a small tree are no narrow spans."""
STANDS_OUT: Final = 4.0
"""How many times as much a bin must have grown as either neighbour: other inputs fill neighbours too."""
SURE: Final = 5.0
"""Standard errors of a rise, or of outcomes that are not those of such a score."""
LEAST_OUTCOMES: Final = 50
"""Outcomes of a bin, on either side, before they contradict anything."""
MATERIAL: Final = 0.05
"""Share of all predictions that a stretch that is over must have held to be told."""


class _Blocks(NamedTuple):
    """Panes taken together: scores by block, shape (n_blocks, n_bins), predictions, and bounds in microseconds."""

    scores: I64
    n: I64
    start_us: I64
    end_us: I64
    outcomes: I64


def find_stuck_score(layout: Layout, offline: Summary, live: PaneSeries) -> StuckScore | None:
    """Look for one score bin that holds far more of the live predictions than of the offline rows.

    Parameters
    ----------
    layout : Layout
    offline : Summary
    live : PaneSeries
        All predictions, outcome or not, under that layout.

    Returns
    -------
    StuckScore or None
        The latest stretch of panes in which it was so; None for a ranking, where offline scores are one value too or
        are the outcomes, and where nothing of the kind is sure.

    Notes
    -----
    A bin in the middle of many is a narrow span, so a large share of it is one value; the outermost bins, and the
    leaves of a small tree, hold many inputs, and honest traffic may move there. Outcomes tell these apart: of a score
    that means nothing they are those of all traffic, not those of such a score.
    """
    if layout.task == "ranking" or not offline["scores"].sum() or are_outcomes(offline):
        return None
    before = offline["scores"] / offline["scores"].sum()
    blocks = _blocks(live)
    if float(before.max()) >= SPREAD or not len(blocks.n):
        return None
    found = _stretch(before, int(offline["scores"].sum()), blocks)
    return None if found is None else _judge(layout, offline, before, blocks, found)


def _blocks(live: PaneSeries) -> _Blocks:
    filled = [(start, pane) for start, pane in live.panes if pane.n_predictions]
    if not filled:
        empty = np.zeros(0, np.int64)
        return _Blocks(np.zeros((0, live.layout.n_score_bins), np.int64), empty, empty, empty, empty)
    n = np.array([pane.n_predictions for _, pane in filled], np.int64)
    starts = np.array([start for start, _ in filled], np.int64)
    first = np.flatnonzero(np.diff((np.cumsum(n) - n) // LEAST_PREDICTIONS, prepend=-1))
    last = np.r_[first[1:], len(n)] - 1
    scores, outcomes = (
        np.add.reduceat(np.stack([pane[name] for _, pane in filled]), first, axis=0) for name in ("scores", "outcomes")
    )
    return _Blocks(scores, np.add.reduceat(n, first), starts[first], starts[last] + live.width_us, outcomes)


def _stretch(before: Floats, n_offline: int, blocks: _Blocks) -> tuple[int, int, int] | None:
    """The bin that rose in most predictions, and the first block and end of its latest run."""
    share = blocks.scores / blocks.n[:, None]
    rise = share - before
    bins = rise.argmax(axis=1)
    at = np.arange(len(bins))
    error = rise_error(before[bins], blocks.n, n_offline)
    rose = np.array([share_rose(float(share[i, b]), float(before[b])) for i, b in enumerate(bins.tolist())], np.bool_)
    seeds: Bool = rose & (rise[at, bins] >= SURE * error) & (blocks.n >= LEAST_PREDICTIONS // 2)
    if not seeds.any():
        return None
    held = np.bincount(bins[seeds], weights=blocks.scores[at, bins][seeds], minlength=len(before))
    chosen = int(held.argmax())
    seeds &= bins == chosen
    typical = blocks.scores[seeds, chosen].sum() / blocks.n[seeds].sum() - before[chosen]
    member = rise[:, chosen] >= 0.5 * typical
    start, stop = [(a, b) for a, b in runs_of(member) if seeds[a:b].any()][-1]
    return chosen, start, stop


def _judge(
    layout: Layout, offline: Summary, before: Floats, blocks: _Blocks, found: tuple[int, int, int]
) -> StuckScore | None:
    at, start, stop = found
    n = int(blocks.n[start:stop].sum())
    live = blocks.scores[start:stop].sum(axis=0) / n
    share, lasts = float(live[at]), stop == len(blocks.n)
    narrow = 0 < at < len(before) - 1 and before[at] <= NARROW and np.count_nonzero(before) >= LEAST_BINS
    contradicted = _contradicted(offline["outcomes"], blocks.outcomes[start:stop].sum(axis=0), at)
    stuck = share >= STUCK
    if not stuck and not (share_rose(share, float(before[at])) and _stands_out(before, live, at)):
        return None
    traffic = share * n / int(blocks.n.sum())
    if n < LEAST_PREDICTIONS or not (narrow or contradicted) or not (lasts or traffic >= MATERIAL):
        return None
    edges = layout.score_edges
    return StuckScore(
        lower=None if at == 0 else edges[at - 1],
        upper=None if at == len(edges) else edges[at],
        ratio=share,
        offline_ratio=float(before[at]),
        offline_top_ratio=float(before.max()),
        n=n,
        since=rfc3339(int(blocks.start_us[start])),
        until=None if lasts else rfc3339(int(blocks.end_us[stop - 1])),
        from_launch=start == 0,
        whole=stuck,
        contradicted=contradicted,
    )


def _stands_out(before: Floats, live: Floats, at: int) -> bool:
    """Whether the bin grew by itself, not with its neighbours."""
    around = [j for j in (at - 1, at + 1) if 0 <= j < len(before)]
    least = 0.5 * NARROW / len(before)  # an empty bin has grown from something
    grown = live[at] / max(float(before[at]), least)
    return all(grown >= STANDS_OUT * live[j] / max(float(before[j]), least) for j in around)


def _contradicted(offline: I64, online: I64, at: int) -> bool:
    """Whether outcomes of that score are surely not those that it had offline, but nearer to those of all rows."""
    no, yes = online[at].tolist()
    n0, n1 = _near(offline, at).tolist()
    n, m = no + yes, n0 + n1
    if n < LEAST_OUTCOMES or m < LEAST_OUTCOMES:
        return False
    after, then = (yes + 0.5) / (n + 1.0), (n1 + 0.5) / (m + 1.0)
    overall = float(offline[:, 1].sum()) / float(offline.sum())
    error = float(np.sqrt(after * (1.0 - after) / n + then * (1.0 - then) / m))
    return bool(abs(after - then) >= SURE * error and abs(after - overall) < abs(after - then))


def _near(offline: I64, at: int) -> I64:
    """Offline outcomes of that bin, with as many neighbours on either side as it takes to have enough."""
    for reach in range(len(offline)):
        counts: I64 = offline[max(at - reach, 0) : at + reach + 1].sum(axis=0)
        if counts.sum() >= LEAST_OUTCOMES:
            return counts
    return np.zeros(2, np.int64)
