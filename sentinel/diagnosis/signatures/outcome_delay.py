"""Outcomes that are late, few or chosen can fake a gap."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.signatures.signal import Meaning, Signal, clipped

SURE: Final = 0.001
"""Of outcomes that take longer than offline."""

MEANINGS = (
    Meaning("uncovered", {"none": "+"}),
    Meaning("selective_outcomes", {"none": "+"}),
    Meaning("outcome_delay", {"none": "+"}),
)


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read coverage and delay of the outcomes of mature predictions."""
    maturity = evidence.evaluation.maturity
    if maturity is None:
        for meaning in MEANINGS:
            yield Signal(meaning.name, None)
        return
    coverage, lowest = maturity.coverage_ratio, maturity.lowest_coverage_ratio
    words = None if coverage is None else f"{coverage:.0%} of the predictions that are old enough have an outcome"
    yield Signal("uncovered", None if coverage is None else 1.0 - coverage, words)
    uneven = None if coverage is None or lowest is None else max(coverage - lowest, 0.0)
    said = f"{words}, {lowest:.0%} where it is lowest by score" if uneven else None
    yield Signal("selective_outcomes", uneven, said)
    ratio = maturity.delay_ratio
    if ratio is None or maturity.delay_p_value is None:
        yield Signal("outcome_delay", None)
        return
    moved = abs(math.log(max(ratio, 0.05))) if maturity.delay_p_value < SURE else 0.0
    words = f"outcomes take {ratio:.1f} times as long as offline" if moved else None
    yield Signal("outcome_delay", clipped(moved, 0.0, 3.0), words)
