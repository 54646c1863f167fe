"""A leak's gap is there from the first outcomes and stays; a drift's comes later."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import SMALLEST_GAP, Evidence
from sentinel.diagnosis.signatures.signal import Direction, Meaning, Signal, clipped, compressed
from sentinel.evaluation.findings import Change

LEAST_PROBABILITY: Final = 0.002
"""Of an onset: the posterior is no surer than its model of the world."""

_EARLY: dict[str, Direction] = {"train_serve_skew": "+", "data_quality_fault": "-", "concept_drift": "-"}
_LATE: dict[str, Direction] = {"train_serve_skew": "-", "data_quality_fault": "+", "concept_drift": "+"}

MEANINGS = (
    Meaning("launch_evidence", {"leakage": "+", "pipeline": "any", "drift": "-"}, _EARLY),
    Meaning("launch_share", {"leakage": "+", "pipeline": "any", "drift": "-"}, _EARLY),
    Meaning("confirmed", {"leakage": "+"}),
    Meaning("growth", {"leakage": "-", "drift": "+", "pipeline": "any"}, _LATE),
    Meaning("launch_rather_than_later", {"leakage": "+", "pipeline": "any", "drift": "-"}, _EARLY),
    Meaning("change_evidence", {"drift": "+"}, _LATE),
)


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read the launch window, what came after it, and the posterior of the onset."""
    launch, gap = evidence.launch, max(evidence.gap, SMALLEST_GAP)
    words = _words(evidence)
    yield Signal("launch_evidence", compressed(launch.log_evidence), words)
    share = None if launch.gap is None else launch.gap / gap
    yield Signal("launch_share", clipped(share, -0.5, 1.5), words)
    yield Signal("confirmed", float(evidence.at_launch), words)
    grown = None if launch.gap is None or evidence.later_gap is None else (evidence.later_gap - launch.gap) / gap
    yield Signal("growth", clipped(grown, -1.5, 1.5), words)
    yield from _posterior(evidence)


def _words(evidence: Evidence) -> str | None:
    launch = evidence.launch
    if launch.gap is None:
        return None
    size = f"{launch.gap:+.3f} AUC in its first {launch.n_outcomes} outcomes"
    later = "" if evidence.later_gap is None else f", {evidence.later_gap:+.3f} after"
    if evidence.at_launch:
        by = "" if launch.alarm and evidence.evaluation.confirmed else "; a metric of the task's own proves it"
        return f"the gap was there from launch: {size}{later}{by}"
    if evidence.retracted:
        return f"the launch showed a gap that did not last: {size}{later}"
    if launch.log_evidence is not None and launch.log_evidence > 0:
        return f"the launch window points to a gap but does not prove it: {size}{later}"
    if not launch.complete:
        return f"the launch window is not complete: {size}"
    return f"the gap was not there at launch: {size}{later}; it came later"


def _posterior(evidence: Evidence) -> Iterator[Signal]:
    change = evidence.evaluation.change
    if change is None:
        yield Signal("launch_rather_than_later", None)
        yield Signal("change_evidence", None)
        return
    odds = math.log(max(change.launch, LEAST_PROBABILITY) / max(change.later, LEAST_PROBABILITY))
    since = f", likeliest on {change.onset[:10]}" if change.onset and change.later > change.launch else ""
    words = f"a gap from launch has probability {change.launch:.2f}, one that began later {change.later:.2f}{since}"
    yield Signal("launch_rather_than_later", odds, words)
    yield Signal("change_evidence", compressed(change.log_evidence), _change_words(change))


def _change_words(change: Change) -> str | None:
    """What moved after launch, no surer than it is: the signal also speaks where no change shows."""
    if change.log_evidence is None:
        return None
    if change.log_evidence <= 0.0:
        return f"no change after launch shows: log evidence {change.log_evidence:.1f}"
    drop = "" if change.drop is None else f": AUC {-change.drop:+.3f} since"
    if change.alarm:
        return f"performance changed after launch{drop}"
    return f"performance may have changed after launch, log evidence {change.log_evidence:.1f}, not proven{drop}"
