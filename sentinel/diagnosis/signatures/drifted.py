"""Other inputs: how many features moved, and how far the scores did."""

from __future__ import annotations

import math
from collections.abc import Iterator

from sentinel.diagnosis.evidence import BROAD_DRIFT, Evidence
from sentinel.diagnosis.signatures.signal import Meaning, Signal, clipped

MEANINGS = (
    Meaning(
        "drift_breadth",
        {"drift": "+"},
        {"covariate_drift": "+", "concept_drift": "-", "label_shift": "any"},
    ),
    Meaning(
        "score_drift",
        {"drift": "+", "none": "-"},
        {"covariate_drift": "+", "concept_drift": "-"},
    ),
)


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read the drift of features and of the score."""
    moved = [f.excess_psi for f in evidence.evaluation.features if f.excess_psi is not None]
    n_moved = sum(index >= BROAD_DRIFT for index in moved)
    words = f"{n_moved} of {len(moved)} features are distributed otherwise than offline" if n_moved else None
    yield Signal("drift_breadth", math.sqrt(n_moved / len(moved)) if moved else None, words)
    drift = evidence.evaluation.score_drift
    excess = None if drift is None else drift.excess_psi
    if excess is None:
        yield Signal("score_drift", None)
        return
    words = f"scores moved by {excess:.2f} in population stability beyond chance" if excess >= BROAD_DRIFT else None
    yield Signal("score_drift", clipped(math.log1p(max(excess, 0.0)), 0.0, 2.5), words)
