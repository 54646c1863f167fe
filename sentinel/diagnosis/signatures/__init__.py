"""Signatures: which numbers of the evidence bear on the cause, one kind a file."""

from __future__ import annotations

from collections.abc import Mapping

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.signatures import (
    association,
    backfill,
    calibration,
    declared,
    drifted,
    encoded,
    feature_times,
    gap,
    onset,
    outcome_delay,
    overlap,
    parts,
    repairs,
    scores,
    served_values,
    split_protocol,
    too_good,
)
from sentinel.diagnosis.signatures.signal import Meaning, Signal

_KINDS = (
    onset, association, served_values, repairs, overlap, feature_times, backfill, declared, parts, calibration, drifted,
    split_protocol, too_good, outcome_delay, gap, scores, encoded,
)  # fmt: skip

MEANINGS: Mapping[str, Meaning] = {meaning.name: meaning for kind in _KINDS for meaning in kind.MEANINGS}
"""Every signal by its name, in the order in which their words are read."""


def read_signals(evidence: Evidence) -> dict[str, Signal]:
    """Every signal of this evidence, by its name; one whose evidence is missing has no value."""
    found = {signal.name: signal for kind in _KINDS for signal in kind.read(evidence)}
    return {name: found[name] for name in MEANINGS}


__all__ = ["MEANINGS", "Meaning", "Signal", "read_signals"]
