"""Each feature: what it knew of the outcome offline and still knows live, and whether what is served has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.evaluation.findings import FeatureFinding
from sentinel.evaluation.performance import to_value
from sentinel.events.batch import I64
from sentinel.stats.association import bin_order, collapse_score, cross_fitted_auc, ordered_auc
from sentinel.stats.drift import StabilityIndex, stability_index
from sentinel.stats.estimate import NotEnough
from sentinel.summaries.algebra import Summary
from sentinel.summaries.kinds.features import N_FOLDS
from sentinel.summaries.layout import (
    BIN_ABOVE,
    BIN_BELOW,
    BIN_INVALID,
    BIN_MISSING,
    BIN_UNSEEN,
    N_SPECIAL,
    FeatureBins,
    Layout,
)
from sentinel.summaries.metrics import METRICS

_NUMERIC_SPECIAL: Final = ("missing", "not a number", "below the range seen offline", "above the range seen offline")
_CATEGORY_SPECIAL: Final = ("missing", "no category", "never seen offline", "rare offline")
"""The special bins in words, in their order."""


@dataclass(frozen=True, slots=True)
class _Counts:
    """One feature on one side: all predictions by bin, and outcomes by fold, bin and outcome."""

    served: I64
    outcomes: I64

    @property
    def n(self) -> int:
        return int(self.served.sum())

    def share(self, *bins: int) -> float:
        """Share of predictions in some bins; 0 without predictions."""
        return float(self.served[list(bins)].sum()) / self.n if self.n else 0.0


def compare_features(layout: Layout, offline: Summary, online: Summary) -> tuple[FeatureFinding, ...]:
    """Every feature, the one that lost most of its association first.

    Parameters
    ----------
    layout : Layout
    offline, online : Summary
        Under that layout.

    Returns
    -------
    tuple of FeatureFinding
        By collapse in standard errors, descending; those without enough data last, in the layout's order.
    """
    bounds = layout.feature_offsets.tolist()
    vocabularies = {name: vocabulary for name, _, vocabulary in layout.columns}
    found = []
    for feature, start, stop in zip(layout.features, bounds[:-1], bounds[1:], strict=True):
        sides = (
            _Counts(side["features"][start:stop], side["feature_outcomes"][:, start:stop]) for side in (offline, online)
        )
        found.append(_compare(feature, vocabularies.get(feature.name, ()), *sides))
    return tuple(sorted(found, key=lambda f: -np.inf if f.collapse is None else f.collapse, reverse=True))


def _compare(feature: FeatureBins, vocabulary: tuple[str, ...], offline: _Counts, online: _Counts) -> FeatureFinding:
    totals = offline.outcomes.sum(axis=0)
    order = bin_order(totals[:, 1], totals[:, 0])
    live = online.outcomes.sum(axis=0)
    before = cross_fitted_auc(offline.outcomes[:, :, 1], offline.outcomes[:, :, 0], n_folds=N_FOLDS)
    after = ordered_auc(order, live[:, 1], live[:, 0])
    collapse = collapse_score(before, after)
    moved = stability_index(offline.served, online.served)
    top = int(online.served.argmax())
    return FeatureFinding(
        name=feature.name,
        kind=feature.kind,
        offline_auc=to_value(METRICS["auc"], before),
        online_auc=to_value(METRICS["auc"], after),
        collapse=None if isinstance(collapse, NotEnough) else float(collapse),
        offline_missing_ratio=offline.share(BIN_MISSING),
        online_missing_ratio=online.share(BIN_MISSING),
        offline_top_share=offline.share(int(offline.served.argmax())),
        online_top_share=online.share(top),
        online_top_bin=_bin_name(feature, vocabulary, top) if online.n else "nothing served yet",
        online_unseen_ratio=online.share(*_unseen_bins(feature)),
        stability_index=moved.excess if isinstance(moved, StabilityIndex) else None,
    )


def _unseen_bins(feature: FeatureBins) -> tuple[int, ...]:
    return (BIN_INVALID, BIN_BELOW, BIN_ABOVE) if feature.kind == "numeric" else (BIN_INVALID, BIN_UNSEEN)


def _bin_name(feature: FeatureBins, vocabulary: tuple[str, ...], index: int) -> str:
    if index < N_SPECIAL:
        return (_NUMERIC_SPECIAL if feature.kind == "numeric" else _CATEGORY_SPECIAL)[index]
    at = index - N_SPECIAL
    if feature.kind == "categorical":
        return vocabulary[at]
    closing = "]" if at == len(feature.edges) - 2 else ")"
    return f"[{feature.edges[at]:g}, {feature.edges[at + 1]:g}{closing}"
