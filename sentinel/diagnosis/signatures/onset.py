"""A leak's gap is there from the first outcomes; a drift's is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures.contribution import DRIFT, LEAKAGE, Contribution

AT_LAUNCH: Final = 4.0
"""Log-odds of a launch gap: 30 of 32 real leaks had one, 3 of 55 drifts."""
LATER: Final = 4.0
"""And of its absence, once the window is complete."""
OPEN: Final = 1.0
"""Where the window itself points to a gap without passing the alarm."""
EVIDENT: Final = 0.0
"""Log evidence in the window from which it points to a gap."""


def weigh(evidence: Evidence) -> Iterator[Contribution]:
    """Launch or later, once the gap stands."""
    if not evidence.stands:
        return
    launch = evidence.launch
    size = "" if launch.gap is None else f"{launch.gap:+.3f} AUC in its first {launch.n_outcomes} outcomes"
    if evidence.at_launch:
        log_odds = dict.fromkeys((*LEAKAGE, Cause.TRAIN_SERVE_SKEW), AT_LAUNCH)
        yield Contribution(log_odds, f"the gap was there from launch: {size}, and what came after bears it out")
    elif evidence.retracted and launch.gap is not None:
        later = "" if evidence.later_gap is None else f", {evidence.later_gap:+.3f} after"
        yield Contribution(dict.fromkeys(DRIFT, 1.0), f"the launch showed a gap that did not last: {size}{later}")
    elif launch.log_evidence is not None and launch.log_evidence > EVIDENT:
        log_odds = dict.fromkeys((*LEAKAGE, Cause.TRAIN_SERVE_SKEW), OPEN)
        yield Contribution(log_odds, f"the launch window points to a gap but does not prove it: {size}")
    elif launch.complete:
        log_odds = dict.fromkeys((*DRIFT, Cause.DATA_QUALITY_FAULT), LATER)
        yield Contribution(log_odds, f"the gap was not there at launch: {size}; it came later")
