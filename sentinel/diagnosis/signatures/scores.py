"""Scores that are no predictions: one value served to many, or outcomes named as scores in the validation file."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.signatures.signal import Direction, Meaning, Signal
from sentinel.evaluation.findings import StuckScore

_FAMILIES: dict[str, Direction] = {"pipeline": "+", "leakage": "-", "drift": "-"}

MEANINGS = (
    Meaning("score_stuck_since_launch", _FAMILIES, {"train_serve_skew": "+", "data_quality_fault": "-"}),
    Meaning("score_stuck_later", _FAMILIES, {"train_serve_skew": "-", "data_quality_fault": "+"}),
    Meaning("offline_scores_are_outcomes", {"leakage": "+"}, {"target_leakage": "+"}),
)


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read the score that is stuck, from launch or later, and whether the offline scores are copies."""
    stuck, copied = evidence.evaluation.stuck_score, evidence.evaluation.offline_scores_are_outcomes
    words = None if stuck is None else describe_stuck(stuck)
    for name, from_launch in (("score_stuck_since_launch", True), ("score_stuck_later", False)):
        is_it = stuck is not None and stuck.from_launch is from_launch
        yield Signal(name, stuck.ratio - stuck.offline_ratio if stuck is not None and is_it else 0.0,
                     words if is_it else None)  # fmt: skip
    yield Signal("offline_scores_are_outcomes", float(copied), describe_copy(evidence) if copied else None)


def describe_stuck(stuck: StuckScore) -> str:
    """Where the score is stuck, in how many predictions, since when, and how it was offline."""
    since = "since launch" if stuck.from_launch else f"since {stuck.since}"
    until = "" if stuck.until is None else f" until {stuck.until}"
    tail = ", with outcomes that are not those of such a score" if stuck.contradicted else ""
    return (
        f"the live score {_span(stuck)} in {stuck.ratio:.0%} of predictions {since}{until}, {stuck.offline_ratio:.0%} "
        f"offline, where no such span holds more than {stuck.offline_top_ratio:.0%}{tail}"
    )


def describe_copy(evidence: Evidence) -> str:
    """That the offline estimate is of the outcomes themselves."""
    return (
        f"the offline scores are the outcomes: in all {evidence.headline.offline.n} validation rows the score gives "
        "the outcome away; check which column of the validation file is named as the score"
    )


def _span(stuck: StuckScore) -> str:
    lower, upper = (None if edge is None else f"{edge:.3g}" for edge in (stuck.lower, stuck.upper))
    if lower is None:
        return f"is below {upper}"
    if upper is None:
        return f"is {lower} or more"
    return f"is {lower}" if lower == upper else f"lies between {lower} and {upper}"
