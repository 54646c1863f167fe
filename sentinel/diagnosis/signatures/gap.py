"""How sure the gap is, how large, and how large for so many validation rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import SMALLEST_GAP, Evidence
from sentinel.diagnosis.signatures.signal import Meaning, Signal, clipped, compressed
from sentinel.evaluation.performance import standard_error

TYPICAL_GAP: Final = 0.05
"""AUC; sizes are told in doublings of the smallest leak that was counted as one."""

MEANINGS = (
    Meaning("gap_evidence", families={"none": "-"}),
    Meaning(
        "gap_size",
        families={"leakage": "+", "pipeline": "any", "drift": "any", "none": "-"},
        causes={
            "target_leakage": "+",
            "selection_optimism": "-",
            "preprocessing_leakage": "-",
            "covariate_drift": "-",
            "concept_drift": "+",
        },
    ),
    Meaning("gap_in_offline_errors", causes={"selection_optimism": "-"}),
)


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read the headline gap."""
    finding = evidence.headline
    yield Signal("gap_evidence", compressed(finding.log_evidence))
    gap = evidence.gap
    size = math.log2(max(gap, SMALLEST_GAP) / TYPICAL_GAP) if finding.gap is not None else None
    yield Signal("gap_size", clipped(size, -2.5, 3.0), f"the gap is {gap:.3f} AUC")
    error = standard_error(finding.offline)
    ratio = gap / error if error else None
    words = (
        None
        if ratio is None or finding.gap is None
        else f"the gap is {ratio:.1f} standard errors of the offline estimate"
    )
    yield Signal("gap_in_offline_errors", compressed(ratio), words)
