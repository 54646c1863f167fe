"""What the owner declared of the features: when their values exist."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.signatures.signal import Meaning, Signal

MEANINGS = (
    Meaning(
        "declared_too_late",
        {"leakage": "+"},
        {"target_leakage": "+", "temporal_leakage": "any", "train_serve_skew": "-"},
        "when the value of each feature exists (features, available)",
    ),
)


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read the availability of the first suspect, or of the feature declared latest."""
    suspects = [suspect.finding for suspect in evidence.suspects if suspect.collapsed]
    declared = [f for f in suspects[:1] or evidence.evaluation.features if f.available is not None]
    if not declared:
        yield Signal("declared_too_late", None)
        return
    late = [f for f in declared if f.available in ("after_prediction", "after_outcome")]
    words = f"feature {late[0].name!r} is declared to exist only {late[0].available}" if late else None
    yield Signal("declared_too_late", float(bool(late)), words.replace("_", " ") if words else None)
