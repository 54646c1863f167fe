"""Rows and entities that training has seen: only a surplus offline, or a difference they make live, says anything."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.signatures.signal import TRAINING_ROWS, Meaning, Signal, clipped, compressed
from sentinel.evaluation.findings import Overlap

MEANINGS = (
    Meaning("row_overlap_excess", causes={"duplicate_leakage": "+"}, wanted=TRAINING_ROWS),
    Meaning("row_contrast", {"leakage": "+"}, {"duplicate_leakage": "+", "group_leakage": "any"}, TRAINING_ROWS),
    Meaning("entity_overlap_excess", causes={"group_leakage": "+"}, wanted=TRAINING_ROWS),
    Meaning("entity_contrast", {"leakage": "+"}, {"group_leakage": "+", "duplicate_leakage": "any"}, TRAINING_ROWS),
)


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read both overlaps."""
    found = {overlap.of: overlap for overlap in evidence.evaluation.overlaps}
    yield from _read("row", found.get("rows"))
    yield from _read("entity", found.get("entities"))


def _read(name: str, overlap: Overlap | None) -> Iterator[Signal]:
    if overlap is None:
        yield Signal(f"{name}_overlap_excess", None)
        yield Signal(f"{name}_contrast", None)
        return
    what = {"row": "inputs", "entity": "entity"}[name]
    before, after = overlap.offline_ratio, overlap.online_ratio
    excess = None if before is None or after is None else before - after
    words = None
    if excess is not None and excess > 0:
        words = f"training has the {what} of {before:.0%} of the validation rows, and of {after:.0%} of live ones"
    yield Signal(f"{name}_overlap_excess", clipped(excess, -0.2, 1.0), words)
    seen, unseen, said = overlap.seen.value, overlap.unseen.value, None
    if seen is not None and unseen is not None:
        said = f"live AUC is {seen:.3f} where training has seen the {what}, {unseen:.3f} where it has not"
    yield Signal(f"{name}_contrast", compressed(overlap.contrast), said)
