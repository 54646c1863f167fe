"""A feature that is served as missing, constant, or in values never seen offline."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import BROAD_DRIFT, Evidence, Suspect
from sentinel.diagnosis.signatures.signal import Direction, Meaning, Signal, clipped
from sentinel.evaluation.findings import Fault, FeatureFinding

_REPLACED: dict[str, Direction] = {"target_leakage": "+", "train_serve_skew": "+", "data_quality_fault": "-"}
_STRUCK: dict[str, Direction] = {"target_leakage": "-", "train_serve_skew": "any", "data_quality_fault": "+"}

MEANINGS = (
    Meaning("served_differently_since_launch", {"leakage": "any", "pipeline": "+", "drift": "-"}, _REPLACED),
    Meaning("served_differently_partly", {"leakage": "-", "pipeline": "+", "drift": "-", "none": "-"}, _STRUCK),
    Meaning(
        "served_missing_or_constant",
        {"leakage": "any", "pipeline": "+", "drift": "-"},
        {"target_leakage": "any", "train_serve_skew": "any", "data_quality_fault": "any"},
    ),
    Meaning(
        "served_unseen",
        {"leakage": "-", "pipeline": "+", "drift": "any"},
        {"train_serve_skew": "+", "data_quality_fault": "any", "covariate_drift": "any"},
    ),
    Meaning(
        "suspect_drift",
        {"leakage": "any", "pipeline": "+", "drift": "any"},
        {"target_leakage": "any", "temporal_leakage": "any", "train_serve_skew": "any", "concept_drift": "-"},
    ),
    Meaning("outside_declared_range", {"pipeline": "+"}, {"train_serve_skew": "any", "data_quality_fault": "any"}),
)

_SERVED_AS: Final = {"missing": "missing", "invalid": "of another type", "constant": "one value"}


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read what is served of the worst feature that is served otherwise, and of the one that lost most."""
    changed = [suspect for suspect in evidence.suspects if suspect.served_differently]
    struck = changed[0] if changed else None
    words = None if struck is None else describe(struck)
    since = struck is not None and struck.since_launch
    yield Signal("served_differently_since_launch", float(since), words)
    yield Signal("served_differently_partly", float(struck is not None and not since), words)
    gone = struck is not None and (struck.missing_rose or struck.constant or struck.fault is not None)
    yield Signal("served_missing_or_constant", float(gone), words)
    unseen = struck is not None and struck.out_of_range
    yield Signal("served_unseen", struck.finding.online_unseen_ratio if struck and unseen else 0.0, words)
    yield _suspect_drift(evidence)
    outside = [f for f in evidence.evaluation.features if f.outside_range_ratio is not None]
    worst = max(outside, key=lambda f: outside_rise(f) or 0.0, default=None)
    rise = None if worst is None else outside_rise(worst)
    said = describe_outside(worst) if worst is not None and rise else None
    yield Signal("outside_declared_range", rise, said)


def outside_rise(feature: FeatureFinding) -> float | None:
    """Share of live values outside the declared range in excess of the offline share; None where none is declared."""
    if feature.outside_range_ratio is None:
        return None
    return max(feature.outside_range_ratio - (feature.offline_outside_range_ratio or 0.0), 0.0)


def describe_outside(feature: FeatureFinding) -> str:
    """What lies outside its range, in words."""
    live, before = feature.outside_range_ratio or 0.0, feature.offline_outside_range_ratio
    offline = "" if before is None else f", {before:.0%} offline"
    return f"feature {feature.name!r} lies outside its declared range in {live:.0%} live{offline}"


def _suspect_drift(evidence: Evidence) -> Signal:
    suspects = [suspect for suspect in evidence.suspects if suspect.collapsed] or list(evidence.suspects)
    if not suspects:
        return Signal("suspect_drift", 0.0)
    moved = suspects[0].finding.excess_psi
    if moved is None:
        return Signal("suspect_drift", None)
    name = suspects[0].finding.name
    words = f"the values of {name!r} moved by {moved:.2f} in population stability beyond chance"
    if moved < BROAD_DRIFT:
        words = f"the values of {name!r} are distributed as they were offline"
    return Signal("suspect_drift", clipped(math.log1p(max(moved, 0.0)), 0.0, 2.5), words)


def describe(suspect: Suspect) -> str:
    """What is served, in words."""
    feature = suspect.finding
    said = []
    if suspect.missing_rose:
        said.append(f"missing in {feature.online_missing_ratio:.0%} live, {feature.offline_missing_ratio:.0%} offline")
    if suspect.constant and not (suspect.missing_rose and feature.online_top_bin == "missing"):
        said.append(f"{feature.online_top_bin!r} in {feature.online_top_share:.0%} live")
    if suspect.out_of_range:
        said.append(f"never seen offline in {feature.online_unseen_ratio:.0%} live")
    if suspect.fault is not None and not (suspect.missing_rose or suspect.constant):
        said.append(_lately(suspect.fault))
    return f"feature {feature.name!r} is served differently: {'; '.join(said)}"


def _lately(fault: Fault) -> str:
    """What is served since when, in words."""
    served = repr(fault.value) if fault.value is not None else _SERVED_AS[fault.kind]
    return f"{served} in {fault.ratio:.0%} since {fault.since}, {fault.offline_ratio:.0%} offline"
