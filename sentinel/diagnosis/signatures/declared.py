"""What the owner declared of the features: when their values exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.signatures.signal import Meaning, Signal
from sentinel.evaluation.findings import FeatureFinding

_WANTED: Final = "when the value of each feature exists (features, available)"

MEANINGS = (
    Meaning(
        "declared_after_prediction",
        {"leakage": "+"},
        {"target_leakage": "any", "temporal_leakage": "+", "train_serve_skew": "-"},
        _WANTED,
    ),
    Meaning(
        "declared_after_outcome",
        {"leakage": "+"},
        {"target_leakage": "+", "temporal_leakage": "any", "train_serve_skew": "-"},
        _WANTED,
    ),
)


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read the availability of the first suspect, or of the feature declared latest."""
    suspects = [suspect.finding for suspect in evidence.suspects if suspect.collapsed]
    declared = [f for f in suspects[:1] or evidence.evaluation.features if f.available is not None]
    for what in ("prediction", "outcome"):
        late = [f for f in declared if f.available == f"after_{what}"]
        words = describe_late(late[0], what) if late else None
        yield Signal(f"declared_after_{what}", float(bool(late)) if declared else None, words)


def describe_late(feature: FeatureFinding, what: str) -> str:
    """What was declared, in words."""
    return f"feature {feature.name!r} is declared to exist only after the {what}"
