"""How the offline rows were parted: a split by time or by group rules out most of its own leak."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures.contribution import Contribution

STATED: Final = 1.5
"""Log-odds against a leak that the stated split is meant to prevent: statements are not always true."""

_PREVENTS: Final = {"time": Cause.TEMPORAL_LEAKAGE, "group": Cause.GROUP_LEAKAGE}


def weigh(evidence: Evidence) -> Iterator[Contribution]:
    """What the stated protocol speaks against; a feature that knows the future passes every split."""
    prevented = _PREVENTS.get(evidence.split_protocol or "")
    if not evidence.stands or prevented is None or any(suspect.collapsed for suspect in evidence.suspects):
        return
    yield Contribution({prevented: -STATED}, f"rows are stated to be split by {evidence.split_protocol}")
