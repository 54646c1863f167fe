"""Whether scores still mean what they meant: slope, level, and the share of positive outcomes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.signatures.signal import Meaning, Signal, clipped

LEAST_RATIO: Final = 0.1
"""Of slopes: below, the scores mean nothing any more, however little."""
SURE: Final = 0.005
"""Level of the nested tests; significance without size is found on most harmless streams."""

MEANINGS = (
    Meaning(
        "slope_ratio",
        {"leakage": "-", "pipeline": "any", "drift": "any", "none": "+"},
        {
            "duplicate_leakage": "any",
            "group_leakage": "any",
            "temporal_leakage": "any",
            "target_leakage": "any",
            "selection_optimism": "+",
            "covariate_drift": "+",
            "label_shift": "+",
            "concept_drift": "-",
        },
    ),
    Meaning(
        "level_shift",
        {"drift": "+", "leakage": "any", "pipeline": "any"},
        {"label_shift": "+", "covariate_drift": "-", "concept_drift": "any"},
    ),
    Meaning("rate_shift", {"drift": "+", "none": "-"}, {"label_shift": "+", "concept_drift": "any"}),
    Meaning(
        "slope_change",
        {"leakage": "+", "drift": "any", "none": "-", "pipeline": "any"},
        {"concept_drift": "+", "covariate_drift": "-", "label_shift": "-"},
    ),
)


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read the recalibration of live scores."""
    ratio = evidence.slope_ratio
    value = None if ratio is None else math.log(max(ratio, LEAST_RATIO))
    words = None if ratio is None else f"the calibration slope is {ratio:.2f} of what it was offline"
    yield Signal("slope_ratio", clipped(value, -2.3, 0.7), words)
    level = evidence.level_shift
    words = f"outcomes at equal scores moved by {level:+.2f} in log-odds" if level else None
    yield Signal("level_shift", clipped(abs(level), 0.0, 2.0), words)
    rate = evidence.rate_shift
    way = "more" if rate > 0 else "less"
    words = f"positive outcomes became {abs(rate):.0%} {way} frequent than offline" if rate else None
    yield Signal("rate_shift", clipped(abs(math.log1p(max(rate, -0.95))), 0.0, 2.0), words)
    yield _slope_change(evidence)


def _slope_change(evidence: Evidence) -> Signal:
    shift = evidence.evaluation.shift
    if shift is None or shift.p_slope is None or shift.slope is None:
        return Signal("slope_change", None)
    if shift.p_slope > SURE:
        return Signal("slope_change", 0.0)
    words = f"the calibration slope differs by {shift.slope:+.2f} from that offline, beyond chance"
    return Signal("slope_change", clipped(-shift.slope, -1.0, 1.0), words)
