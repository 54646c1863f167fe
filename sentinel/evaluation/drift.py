"""How far the served features and the scores have moved from what offline evaluation saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np

from sentinel.evaluation.findings import Drift
from sentinel.events.batch import I64
from sentinel.stats.arrays import Floats
from sentinel.stats.drift import (
    StabilityIndex,
    jensen_shannon,
    kolmogorov_smirnov,
    log_drift_evidence,
    stability_index,
    wasserstein,
)
from sentinel.stats.estimate import NotEnough
from sentinel.stats.multiplicity import e_bh
from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import BIN_ABOVE, BIN_BELOW, N_SPECIAL, FeatureBins, Layout

SCORE: Final = "score"
WORTH_A_WORD: Final = 0.1
"""Excess stability index, nats, below which a shift is harmless however sure it is."""
LARGE: Final = 0.25
"""From here on the usual rule calls it a major shift; two harmless real streams of three have a feature there."""
FALSE_SHARE: Final = 0.1
"""Share of false ones among the drifts that are raised."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """One distribution on both sides.

    ``positions`` are where the events of the ordered bins (``ordered``, as indices into the counts) are taken to lie.
    """

    name: str
    offline: I64
    online: I64
    ordered: I64 | None = None
    positions: Floats | None = None


def judge_drifts(layout: Layout, offline: Summary, online: Summary) -> dict[str, Drift]:
    """Drift of every feature, and of the score under the name ``score`` beside them.

    Parameters
    ----------
    layout : Layout
    offline, online : Summary
        Under that layout. No outcome is needed.

    Returns
    -------
    dict of name to Drift
        Features under ``feature:NAME``, the score under ``score``. ``alarm`` marks those that e-BH finds among all of
        them and whose excess index is worth a word.
    """
    pairs = [*_features(layout, offline, online), *_scores(layout, offline, online)]
    evidence = np.array([log_drift_evidence(pair.offline, pair.online) for pair in pairs])
    found = e_bh(evidence, FALSE_SHARE)
    return {pair.name: _judge(pair, float(evidence[i]), found=bool(found[i])) for i, pair in enumerate(pairs)}


def of_feature(name: str) -> str:
    """The key of a feature: one may be called ``score``."""
    return f"feature:{name}"


def _features(layout: Layout, offline: Summary, online: Summary) -> Sequence[_Pair]:
    bounds = layout.feature_offsets.tolist()
    return [
        _in_order(_Pair(of_feature(f.name), offline["features"][start:stop], online["features"][start:stop]), f)
        for f, start, stop in zip(layout.features, bounds[:-1], bounds[1:], strict=True)
    ]


def _in_order(pair: _Pair, feature: FeatureBins) -> _Pair:
    """Below the range, the bins, above it: a value out of range is taken to lie at its end."""
    if feature.kind != "numeric" or len(feature.edges) < 2:
        return pair
    positions = _positions(feature.edges)
    ordered = np.r_[BIN_BELOW, N_SPECIAL : feature.n_bins, BIN_ABOVE].astype(np.int64)
    return replace(pair, ordered=ordered, positions=positions) if np.isfinite(positions).all() else pair


def _scores(layout: Layout, offline: Summary, online: Summary) -> Sequence[_Pair]:
    """The scores in the coarser bins of the slices: fine ones are for ranking, and cost a drift test its power."""
    if "scores" not in offline.arrays:
        return []
    n_bins, of = layout.n_slice_score_bins, layout.coarse_bin
    before, after = (np.bincount(of, side["scores"], n_bins).astype(np.int64) for side in (offline, online))
    if len(layout.slice_score_edges) < 2:
        return [_Pair(SCORE, before, after)]
    return [_Pair(SCORE, before, after, np.arange(n_bins), _positions(layout.slice_score_edges))]


def _positions(edges: Sequence[float]) -> Floats:
    """Where events are taken to lie: below all edges at the first, between two half way, above all at the last."""
    inner = np.array(edges)
    positions: Floats = np.r_[inner[0], (inner[:-1] + inner[1:]) / 2.0, inner[-1]]
    return positions


def _judge(pair: _Pair, evidence: float, *, found: bool) -> Drift:
    index = stability_index(pair.offline, pair.online)
    moved = index if isinstance(index, StabilityIndex) else None
    drift = Drift(
        excess_psi=None if moved is None else moved.excess,
        jensen_shannon=_number(jensen_shannon(pair.offline, pair.online)),
        wasserstein=None,
        kolmogorov_smirnov=None,
        p_value=None if moved is None else moved.p_value,
        log_evidence=evidence,
        alarm=found and moved is not None and moved.excess >= WORTH_A_WORD,
    )
    if pair.ordered is None or pair.positions is None:
        return drift
    before, after = pair.offline[pair.ordered], pair.online[pair.ordered]
    return msgspec.structs.replace(
        drift,
        wasserstein=_number(wasserstein(before, after, pair.positions)),
        kolmogorov_smirnov=_number(kolmogorov_smirnov(before, after)),
    )


def _number(found: float | NotEnough) -> float | None:
    return None if isinstance(found, NotEnough) else found
