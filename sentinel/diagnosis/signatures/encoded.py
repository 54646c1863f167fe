"""Features that were made from the outcomes of the validation rows: over all rows, or period by period."""

from __future__ import annotations

import math
from collections.abc import Iterator

from sentinel.baseline.evidence import BY_PERIOD, EncodedOutcome
from sentinel.diagnosis.evidence import Evidence, Suspect
from sentinel.diagnosis.signatures.signal import Meaning, Signal

MEANINGS = (
    Meaning(
        "encodes_outcome",
        {"leakage": "+"},
        {"target_leakage": "+", "temporal_leakage": "+", "preprocessing_leakage": "+"},
    ),
    Meaning(
        "encoded_by_period",
        causes={"temporal_leakage": "+", "target_leakage": "-", "preprocessing_leakage": "-"},
    ),
)


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read the first suspect that was made from outcomes; of features that kept what they knew, nothing is blamed."""
    if evidence.static.encoded is None:
        yield Signal("encodes_outcome", None)
        yield Signal("encoded_by_period", None)
        return
    first = next((one for _, one in encoded_suspects(evidence)), None)
    yield Signal("encodes_outcome", float(first is not None), None if first is None else describe(first))
    if first is None:
        yield Signal("encoded_by_period", 0.0)
        return
    spread = first.time_spread
    words = f"rows that share a value of {first.name!r} lie close together in time" if is_by_period(first) else None
    # Values that several periods share by chance hide most of it: the root makes little of it count.
    share = None if spread is None else math.sqrt(min(max(1.0 - spread, 0.0), 1.0))
    yield Signal("encoded_by_period", share, words)


def encoded_suspects(evidence: Evidence) -> Iterator[tuple[Suspect, EncodedOutcome]]:
    """Suspects that were made from the outcomes they were judged by, the worst first."""
    encoded = {one.name: one for one in evidence.static.encoded or ()}
    for suspect in evidence.suspects:
        if suspect.finding.name in encoded:
            yield suspect, encoded[suspect.finding.name]


def is_by_period(one: EncodedOutcome) -> bool:
    """Whether it was made period by period."""
    return one.time_spread is not None and one.time_spread <= BY_PERIOD


def describe(one: EncodedOutcome) -> str:
    """What was found, in words."""
    made = "was made period by period from" if is_by_period(one) else "was made from"
    shown = "only 0 and 1 where it is 0 and 1" if one.pure_ends else f"{one.dispersion:.2f} of the variance of chance"
    return f"feature {one.name!r} {made} the offline outcomes that it is judged by ({shown})"
