"""Values recomputed afterwards: whether they differ from what was served, by the outcome, and what more they know."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.signatures.signal import WRITTEN_WHEN, Meaning, Signal, compressed
from sentinel.evaluation.findings import FeatureFinding

FEWEST: Final = 50
"""Recomputed values before their mismatch says anything."""
WORTH_A_WORD: Final = 4.0
"""Standard errors of a gain: the best of many features has some by chance."""

MEANINGS = (
    Meaning(
        "backfill_mismatch",
        {"leakage": "any", "pipeline": "+", "drift": "-"},
        {"target_leakage": "+", "temporal_leakage": "any", "train_serve_skew": "+", "data_quality_fault": "any"},
        WRITTEN_WHEN,
    ),
    Meaning(
        "backfill_knows_outcome",
        {"leakage": "+", "pipeline": "-"},
        {"target_leakage": "+", "temporal_leakage": "any", "train_serve_skew": "-"},
        WRITTEN_WHEN,
    ),
    Meaning(
        "backfill_gain",
        {"leakage": "+", "pipeline": "+", "drift": "-"},
        {
            "target_leakage": "+",
            "temporal_leakage": "any",
            "group_leakage": "-",
            "duplicate_leakage": "-",
            "preprocessing_leakage": "-",
            "selection_optimism": "-",
            "train_serve_skew": "any",
            "data_quality_fault": "any",
        },
        WRITTEN_WHEN,
    ),
    Meaning(
        "backfill_growth",
        {"leakage": "+", "pipeline": "-"},
        {"target_leakage": "any", "temporal_leakage": "any", "train_serve_skew": "-"},
        WRITTEN_WHEN,
    ),
)


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read the feature whose recomputed values differ most, and that whose recomputed values know more."""
    yield from _mismatch(evidence)
    yield _gain(evidence.evaluation.features)
    yield _growth(evidence.evaluation.features)


def _gain(features: Iterable[FeatureFinding]) -> Signal:
    found = [(f.backfill.gain_z, f) for f in features if f.backfill is not None and f.backfill.gain_z is not None]
    z, feature = max(found, key=lambda one: one[0], default=(None, None))
    if z is None or feature is None or feature.backfill is None:
        return Signal("backfill_gain", None)
    one, words = feature.backfill, None
    if z > WORTH_A_WORD and one.recomputed_auc is not None and one.served_auc is not None:
        words = (
            f"recomputed values of {feature.name!r} rank outcomes with AUC {one.recomputed_auc:.2f}, "
            f"the served ones with {one.served_auc:.2f}"
        )
    return Signal("backfill_gain", compressed(z), words)


def _growth(features: Iterable[FeatureFinding]) -> Signal:
    found = [
        (f.backfill.growth_p, f.name) for f in features if f.backfill is not None and f.backfill.growth_p is not None
    ]
    p_value, name = min(found, default=(None, ""))
    if p_value is None:
        return Signal("backfill_growth", None)
    words = f"what feature {name!r} gained between serving and recomputing depends on the outcome"
    return Signal("backfill_growth", compressed(-math.log10(max(p_value, 1e-300))), words if p_value < 0.001 else None)


def _mismatch(evidence: Evidence) -> Iterator[Signal]:
    found = [(f.backfill, f.name) for f in evidence.evaluation.features if f.backfill and f.backfill.n >= FEWEST]
    worst, name = max(found, key=lambda one: one[0].mismatch_ratio, default=(None, ""))
    if worst is None:
        yield Signal("backfill_mismatch", None)
        yield Signal("backfill_knows_outcome", None)
        return
    share = worst.mismatch_ratio
    words = f"recomputed for the moment of prediction, feature {name!r} differs from what was served in {share:.0%}"
    yield Signal("backfill_mismatch", math.sqrt(share), words if share > 0.01 else None)
    if worst.p_value is None:
        yield Signal("backfill_knows_outcome", None)
        return
    knows = worst.p_value < 0.01
    tail = "the difference depends on the outcome" if knows else "whatever the outcome"
    strength = -math.log10(max(worst.p_value, 1e-300)) if share > 0 else 0.0
    yield Signal("backfill_knows_outcome", compressed(strength), f"{words}; {tail}" if share > 0.01 else None)
