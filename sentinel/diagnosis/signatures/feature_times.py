"""When values were written: after the prediction they claim to serve, or long before it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.signatures.signal import WRITTEN_WHEN, Meaning, Signal, clipped
from sentinel.evaluation.findings import FeatureFinding

FEWEST: Final = 50
"""Predictions with a time before their ages say anything."""

MEANINGS = (
    Meaning(
        "offline_after_prediction",
        {"leakage": "+"},
        {"target_leakage": "+", "temporal_leakage": "any", "train_serve_skew": "-"},
        WRITTEN_WHEN,
    ),
    Meaning("staleness", {"pipeline": "+"}, {"train_serve_skew": "any", "data_quality_fault": "any"}, WRITTEN_WHEN),
    Meaning("too_old", {"pipeline": "+"}, {"train_serve_skew": "any", "data_quality_fault": "any"}),
)


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read the ages of all features that carry times."""
    timed = [feature for feature in evidence.evaluation.features if feature.ages is not None]
    yield _after_prediction(timed)
    yield _staleness(timed)
    old = [(f.ages.too_old_ratio, f.name) for f in timed if f.ages and f.ages.too_old_ratio is not None]
    share, name = max(old, default=(None, ""))
    words = f"feature {name!r} is older than declared in {share:.0%} of live predictions" if share else None
    yield Signal("too_old", share, words)


def _after_prediction(timed: list[FeatureFinding]) -> Signal:
    shares = [(f.ages.offline_after_prediction_ratio, f.name) for f in timed if f.ages and f.ages.offline_n >= FEWEST]
    if not shares:
        return Signal("offline_after_prediction", None)
    share, name = max(shares)
    words = f"feature {name!r} was written after the prediction in {share:.0%} of the offline rows"
    return Signal("offline_after_prediction", math.sqrt(share), words if share else None)


def _staleness(timed: list[FeatureFinding]) -> Signal:
    ratios = []
    for feature in timed:
        ages = feature.ages
        if ages is None or ages.median_seconds is None or ages.offline_median_seconds is None or ages.n < FEWEST:
            continue
        before, after = max(ages.offline_median_seconds, 1.0), max(ages.median_seconds, 1.0)
        ratios.append((math.log(after / before), feature.name))
    if not ratios:
        return Signal("staleness", None)
    ratio, name = max(ratios)
    words = f"feature {name!r} is {math.exp(ratio):.1f} times as old live as it was offline" if ratio > 0.7 else None
    return Signal("staleness", clipped(ratio, 0.0, 4.0), words)
