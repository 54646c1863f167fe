"""Each feature: what it knew of the outcome offline and still knows live, and whether what is served has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec
import numpy as np

from sentinel.evaluation.bin_names import bin_name
from sentinel.evaluation.drift import of_feature
from sentinel.evaluation.findings import Drift, Fault, FeatureFinding
from sentinel.evaluation.performance import to_value
from sentinel.events.batch import I64
from sentinel.stats.association import bin_order, collapse_score, cross_fitted_auc, ordered_auc
from sentinel.stats.estimate import Measured, NotEnough
from sentinel.summaries.algebra import Summary
from sentinel.summaries.kinds.features import N_FOLDS
from sentinel.summaries.layout import (
    BIN_ABOVE,
    BIN_BELOW,
    BIN_INVALID,
    BIN_MISSING,
    BIN_UNSEEN,
    FeatureBins,
    Layout,
)
from sentinel.summaries.metrics import METRICS

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


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


def compare_features(
    layout: Layout,
    offline: Summary,
    online: Summary,
    drifts: Mapping[str, Drift] = NOTHING,
    faults: Mapping[str, tuple[Fault, ...]] = NOTHING,
) -> tuple[FeatureFinding, ...]:
    """Every feature, the one that lost most of its association first.

    Parameters
    ----------
    layout : Layout
    offline, online : Summary
        Under that layout.
    drifts : mapping of key to Drift
        From ``judge_drifts``.
    faults : mapping of feature name to its faults

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
        one = _compare(feature, vocabularies.get(feature.name, ()), *sides)
        told = {"drift": drifts.get(of_feature(feature.name)), "faults": faults.get(feature.name, ())}
        found.append(msgspec.structs.replace(one, **told))
    return tuple(sorted(found, key=lambda f: -np.inf if f.collapse is None else f.collapse, reverse=True))


def _compare(feature: FeatureBins, vocabulary: tuple[str, ...], offline: _Counts, online: _Counts) -> FeatureFinding:
    before, after = _associations(offline.outcomes, online.outcomes)
    collapse = collapse_score(before, after)
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
        online_top_bin=bin_name(feature, vocabulary, top) if online.n else "nothing served yet",
        online_unseen_ratio=online.share(*_unseen_bins(feature)),
    )


def _associations(offline: I64, online: I64) -> tuple[Measured, Measured]:
    """How well a feature tells a yes from a no on both sides; with several classes, the one that it lost most of."""
    if offline.shape[-1] == 2:
        return _association(offline, online)
    pairs = [_association(_against_rest(offline, c), _against_rest(online, c)) for c in range(offline.shape[-1] - 1)]
    lost = [collapse_score(*pair) for pair in pairs]
    return pairs[int(np.argmax([-np.inf if isinstance(one, NotEnough) else one for one in lost]))]


def _against_rest(counts: I64, c: int) -> I64:
    return np.stack([counts.sum(axis=-1) - counts[..., c], counts[..., c]], axis=-1)


def _association(offline: I64, online: I64) -> tuple[Measured, Measured]:
    totals, live = offline.sum(axis=0), online.sum(axis=0)
    order = bin_order(totals[:, 1], totals[:, 0])
    before = cross_fitted_auc(offline[:, :, 1], offline[:, :, 0], n_folds=N_FOLDS)
    return before, ordered_auc(order, live[:, 1], live[:, 0])


def _unseen_bins(feature: FeatureBins) -> tuple[int, ...]:
    return (BIN_INVALID, BIN_BELOW, BIN_ABOVE) if feature.kind == "numeric" else (BIN_INVALID, BIN_UNSEEN)
