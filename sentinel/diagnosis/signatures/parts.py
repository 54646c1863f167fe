"""Which step of the way opened the gap: other slices, other scores, or other outcomes at the same scores."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel.diagnosis.evidence import SMALLEST_GAP, Evidence
from sentinel.diagnosis.signatures.signal import Meaning, Signal, clipped

MEANINGS = (
    Meaning(
        "slice_mix_share", {"drift": "+", "leakage": "-"}, {"covariate_drift": "+", "concept_drift": "-"},
    ),
    Meaning(
        "score_mix_share",
        {"drift": "any", "pipeline": "any", "leakage": "any", "none": "any"},
        {
            "target_leakage": "+",
            "temporal_leakage": "any",
            "group_leakage": "any",
            "duplicate_leakage": "any",
            "train_serve_skew": "any",
            "data_quality_fault": "any",
            "covariate_drift": "+",
            "concept_drift": "-",
        },
    ),
    Meaning(
        "mix_with_meaning_kept", {"drift": "+", "leakage": "-"}, {"covariate_drift": "+", "concept_drift": "-"},
    ),
)  # fmt: skip


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read the decomposition of the headline gap."""
    parts, gap = evidence.headline.parts, evidence.headline.gap
    known = gap is not None and gap > SMALLEST_GAP
    for name, part, what in (
        ("slice_mix_share", parts.slice_mix, "another mix of slices"),
        ("score_mix_share", parts.score_mix, "other scores"),
    ):
        share = part / gap if known and part is not None and gap else None
        yield Signal(name, clipped(share, -0.5, 1.5), None if share is None else f"{share:.0%} of the gap is {what}")
    if evidence.mix_share is None or evidence.slope_ratio is None:
        yield Signal("mix_with_meaning_kept", None)
        return
    words = (
        f"{evidence.mix_share:.0%} of the gap is other scores, and the calibration slope is {evidence.slope_ratio:.2f} "
        "of what it was: other inputs, not a worse model"
    )
    yield Signal("mix_with_meaning_kept", float(evidence.is_mix), words if evidence.is_mix else None)
