"""More or fewer positive outcomes at every score: it names a shift of the outcomes, never a leak."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import LEVEL_SHIFT, RATE_SHIFT, Evidence
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures.contribution import Contribution

WITHOUT_GAP: Final = 8.0
"""Log-odds where the ranking is as good as it was: then nothing else explains it."""
LEAST_COVERAGE: Final = 0.8
"""Share of predictions whose outcome must be known: early outcomes alone can double the rate of one class."""
BESIDE_GAP: Final = 0.5
"""Beside a gap, which a shift of the outcomes alone would not make."""


def weigh(evidence: Evidence) -> Iterator[Contribution]:
    """Whether outcomes became more or less frequent at equal scores."""
    if evidence.coverage < LEAST_COVERAGE:
        return
    if abs(evidence.rate_shift) < RATE_SHIFT or abs(evidence.level_shift) < LEVEL_SHIFT:
        return
    way = "more" if evidence.rate_shift > 0 else "less"
    words = (
        f"positive outcomes became {abs(evidence.rate_shift):.0%} {way} frequent than offline, "
        f"{evidence.level_shift:+.2f} in log-odds at equal scores"
    )
    yield Contribution({Cause.LABEL_SHIFT: BESIDE_GAP if evidence.stands else WITHOUT_GAP}, words)
