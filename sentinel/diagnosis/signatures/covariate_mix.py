"""Other inputs met by an honest model: the scores move, and mean what they meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import MIX_SHARE, Evidence
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures.contribution import LEAKAGE, Contribution

MIX: Final = 3.0
"""Log-odds for covariate drift: the rule removed the last 3 of 55 drifts that looked like leaks,"""
AGAINST_LEAKAGE: Final = 4.0
"""and cost 1 of 32 leaks: it undoes what the launch says."""
MEANING_LOST: Final = 1.0
"""Log-odds against covariate drift where the scores lost their meaning instead."""


def weigh(evidence: Evidence) -> Iterator[Contribution]:
    """How much of the gap other scores explain."""
    if not evidence.stands or evidence.mix_share is None or evidence.slope_ratio is None:
        return
    numbers = (
        f"{evidence.mix_share:.0%} of the gap is explained by other scores, and the calibration slope is "
        f"{evidence.slope_ratio:.2f} of what it was"
    )
    if evidence.is_mix:
        log_odds = {Cause.COVARIATE_DRIFT: MIX, **dict.fromkeys(LEAKAGE, -AGAINST_LEAKAGE)}
        yield Contribution(log_odds, f"{numbers}: other inputs, not a worse model")
    elif evidence.mix_share < MIX_SHARE:
        log_odds = {Cause.COVARIATE_DRIFT: -MEANING_LOST, Cause.CONCEPT_DRIFT: MEANING_LOST}
        yield Contribution(log_odds, f"{numbers}: the same scores meet other outcomes")
