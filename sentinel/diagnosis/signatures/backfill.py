"""Values recomputed afterwards: where they differ from what was served, and differ by the outcome, they know it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.signatures.feature_times import _WANTED
from sentinel.diagnosis.signatures.signal import Meaning, Signal, compressed

FEWEST: Final = 50
"""Recomputed values before their mismatch says anything."""

MEANINGS = (
    Meaning(
        "backfill_mismatch",
        {"leakage": "any", "pipeline": "+", "drift": "-"},
        {"target_leakage": "+", "temporal_leakage": "any", "train_serve_skew": "+", "data_quality_fault": "any"},
        _WANTED,
    ),
    Meaning(
        "backfill_knows_outcome",
        {"leakage": "+", "pipeline": "-"},
        {"target_leakage": "+", "temporal_leakage": "any", "train_serve_skew": "-"},
        _WANTED,
    ),
)


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read the feature whose recomputed values differ most."""
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
