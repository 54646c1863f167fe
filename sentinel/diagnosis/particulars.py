"""The single pieces of evidence in words: parts of the gap, its start, repairs, overlaps, outcome delay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from sentinel.config.durations import Duration
from sentinel.diagnosis.figures import estimate, figure
from sentinel.diagnosis.signatures.outcome_delay import SURE
from sentinel.evaluation.findings import Change, Counterfactual, Finding, Maturity, Overlap, Residuals, Value

PART_WORDS: Final = (
    ("slice_mix", "another mix of slices"),
    ("score_mix", "other scores within slices"),
    ("outcome", "other outcomes at the same scores"),
    ("label_selection", "outcomes known more often at some scores"),
)
"""The parts of a gap in the order in which they are taken, in words."""
SPLIT: Final = ("mae", "rmse", "r2")
"""A regression's own metrics whose parts are told."""
LIKELY: Final = 0.5
"""Probability from which a start is told."""


def parts(findings: Iterable[Finding]) -> Iterator[str]:
    """What each step adds to the headline gap, and to those of a regression's metrics; above 0 makes live worse."""
    told = [f for f in findings if f.slice == "all" and f.gap is not None]
    for headline in (*told[:1], *(f for f in told[1:] if f.metric in SPLIT)):
        yield from _parts_of(headline)


def _parts_of(headline: Finding) -> Iterator[str]:
    if headline.parts.reason is not None:
        yield f"the {headline.metric} gap cannot be split: {headline.parts.reason}"
    for name, words in PART_WORDS:
        value = getattr(headline.parts, name)
        if value is None:
            continue
        bounds = headline.parts.intervals.get(name)
        metric = headline.metric
        between = f" ({' to '.join(figure(metric, bound, sign='+') for bound in bounds)})" if bounds else ""
        yield f"{words}: {figure(metric, value, sign='+')} {metric}{between}"


def residuals(found: Residuals | None) -> Iterator[str]:
    """How predictions miss, offline and live."""
    if found is None:
        return
    for name, told in (("offline", found.offline_quantiles), ("live", found.quantiles)):
        yield f"{name}: " + ", ".join(f"{level} {value:+.4g}" for level, value in told.items())
    if found.beyond_ratio is not None:
        yield f"{found.beyond_ratio:.2%} of {found.n} lie outside the span of 99.9 % of the offline ones"
    if found.excess_psi is not None:
        yield f"stability index of the residuals {found.excess_psi:.3f}"


def onset(change: Change | None) -> Iterator[str]:
    """From launch, or since when; and what the detectors saw."""
    if change is None:
        return
    if change.launch >= LIKELY:
        yield f"from launch on ({change.launch:.0%}; later: {change.later:.0%})"
    elif change.later >= LIKELY:
        between = "" if change.onset_lower is None else f", between {change.onset_lower} and {change.onset_upper}"
        drop = "" if change.drop is None else f"; AUC {-change.drop:+.3f} since"
        yield f"after launch ({change.later:.0%}), likeliest at {change.onset}{between}{drop}"
    if change.corroborated_at is not None:
        yield f"ADWIN last saw a mean change at {change.corroborated_at}"
    if change.anomalous:
        yield f"unlike all before: the panes that begin at {', '.join(change.anomalous)}"


def repairs(found: Iterable[Counterfactual]) -> Iterator[str]:
    """Each corrected estimate and its share of the gap."""
    for one in found:
        if one.corrected.value is None:
            yield f"{one.name}: not known ({one.corrected.reason})"
            continue
        text = f"{one.name}: offline would have been {_auc(one.corrected)}"
        if one.explained is not None:
            text += f", which explains {one.explained:.0%} of the gap"
            if one.lower is not None and one.upper is not None:
                text += f" ({one.lower:.0%} to {one.upper:.0%})"
        yield text


def overlaps(found: Iterable[Overlap]) -> Iterator[str]:
    """Shares on both sides, and whether live does better on what training has seen."""
    for one in found:
        if one.offline_ratio is None or one.online_ratio is None:
            continue
        text = f"{one.of}: {one.offline_ratio:.0%} of validation, {one.online_ratio:.0%} of live traffic"
        if one.contrast is not None:
            text += f"; live AUC {_auc(one.seen)} where seen, {_auc(one.unseen)} where not"
        yield text


def maturity(found: Maturity | None) -> Iterator[str]:
    """The age at which both sides are held against each other, and how many outcomes came by then."""
    if found is None or not found.seconds:
        return
    age = f"an outcome is settled after {Duration(found.seconds).rounded()}"
    if found.judged_seconds is not None and found.judged_seconds < found.seconds:
        age += f"; until enough are, both sides are compared at {Duration(found.judged_seconds).rounded()}"
    yield age
    if found.coverage_ratio is not None:
        lowest = found.lowest_coverage_ratio
        least = "" if lowest is None else f", {lowest:.0%} where scores have fewest"
        yield f"{found.coverage_ratio:.0%} of {found.n_mature} predictions of that age have one{least}"
    if found.delay_ratio is not None and found.delay_p_value is not None and found.delay_p_value < SURE:
        yield f"outcomes take {found.delay_ratio:.1f} times as long as offline"


def _auc(value: Value) -> str:
    return estimate("auc", value, unknown="not known")
