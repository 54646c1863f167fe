"""A second cause: what the gap that the first one leaves looks like."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from sentinel.diagnosis.evidence import LEVEL_SHIFT, RATE_SHIFT, SMALLEST_GAP, Evidence
from sentinel.diagnosis.quiet import LEAST_COVERAGE
from sentinel.diagnosis.report import Cause, SecondCause
from sentinel.diagnosis.scorecard import Scorecard
from sentinel.diagnosis.signatures import MEANINGS, Signal
from sentinel.diagnosis.signatures.gap import TYPICAL_GAP

LEAST_PROBABILITY: Final = 0.25
"""From which a second cause is worth naming."""
REMAINDER: Final = 3.0
"""Standard errors of a gap that the first cause leaves, from which there is something left to explain."""
RULED_OUT: Final = -50.0
"""Log-odds: the first cause is not its own second."""
BESIDE: Final = 0.4
"""Probability of a label shift that shows beside another cause: of 10 such among 204 simulated streams with a gap, 4
had one planted. A feature struck later did not occur beside another cause, and is held to be as likely."""

_FROM_LAUNCH: Final = ("launch_evidence", "launch_share", "confirmed", "launch_rather_than_later", "growth")
_LATER: Final = ("change_evidence",)


def find_second(
    first: Cause, evidence: Evidence, signals: Mapping[str, Signal], card: Scorecard, priors: Mapping[str, float]
) -> SecondCause | None:
    """Explain what the first cause leaves, if it leaves anything.

    Parameters
    ----------
    first : Cause
    evidence : Evidence
    signals : mapping of name to Signal
    card : Scorecard
    priors : mapping of cause to float

    Returns
    -------
    SecondCause or None
    """
    left = _left(first, evidence)
    if left is None:
        return _shifted(first, evidence)
    share, gone = left
    rest = {name: _without(signal, first, gone, share, evidence.gap) for name, signal in signals.items()}
    scored = card.score(rest, {first: RULED_OUT}, priors).probabilities
    best = max(scored, key=lambda cause: scored[cause])
    if best in (Cause.NONE, first) or scored[best] < LEAST_PROBABILITY:
        return _shifted(first, evidence)
    return SecondCause(cause=best, probability=scored[best])


def _left(first: Cause, evidence: Evidence) -> tuple[float, tuple[str, ...]] | None:
    """Share of the gap that is left, and the signals that the first cause has used up."""
    repairs = [one for one in evidence.evaluation.counterfactuals if one.cause == first.value]
    best = max(repairs, key=lambda one: one.log_evidence or 0.0, default=None)
    if best is not None and best.explained is not None and best.remainder is not None and (best.log_evidence or 0) > 0:
        share = 1.0 - min(max(best.explained, 0.0), 1.0)
        if best.remainder >= REMAINDER and share * evidence.gap > SMALLEST_GAP:
            return share, ()
    change = evidence.evaluation.change
    early = first.family == "leakage" or first is Cause.TRAIN_SERVE_SKEW
    if early and change is not None and change.alarm and (change.drop or 0.0) > SMALLEST_GAP:
        return min((change.drop or 0.0) / max(evidence.gap, SMALLEST_GAP), 1.0), _FROM_LAUNCH
    late = first.family == "drift" or first is Cause.DATA_QUALITY_FAULT
    # A drift that began with the launch explains the launch gap itself: only a change after it makes two of them.
    if late and evidence.changed and evidence.at_launch and evidence.launch.gap is not None:
        return min(evidence.launch.gap / max(evidence.gap, SMALLEST_GAP), 1.0), _LATER
    return None


def _without(signal: Signal, first: Cause, gone: tuple[str, ...], share: float, gap: float) -> Signal:
    """The signal as the gap that is left would show it."""
    meaning = MEANINGS[signal.name]
    if signal.name in gone or meaning.causes.get(first.value) == "+":
        return replace(signal, value=None)
    if signal.name == "gap_size" and signal.value is not None:
        return replace(signal, value=max(math.log2(max(gap * share, SMALLEST_GAP) / TYPICAL_GAP), -2.5))
    return signal


def _shifted(first: Cause, evidence: Evidence) -> SecondCause | None:
    """Other outcomes at equal scores, or a feature struck later, show beside any gap."""
    struck = any(suspect.struck_later for suspect in evidence.suspects)
    if struck and first.family != "pipeline" and first is not Cause.TARGET_LEAKAGE:
        return SecondCause(cause=Cause.DATA_QUALITY_FAULT, probability=BESIDE)
    sure = evidence.coverage >= LEAST_COVERAGE and abs(evidence.rate_shift) >= RATE_SHIFT
    if sure and abs(evidence.level_shift) >= LEVEL_SHIFT and first is not Cause.LABEL_SHIFT:
        return SecondCause(cause=Cause.LABEL_SHIFT, probability=BESIDE)
    return None
