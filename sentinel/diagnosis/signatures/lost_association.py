"""One feature that knew the outcome offline and no longer does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import COLLAPSE_SIZE, LEAK_LIKE_AUC, Evidence, Suspect
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures.contribution import Contribution

PROVEN: Final = 3.0
"""Log-odds for a feature leak where the collapse meets the whole rule: 20 of 23 such were one."""
SUSPECTED: Final = 1.5
"""Where it does not: collapse alone is also seen in drifts and harmless streams."""
STRONG: Final = 1.5
"""More for one feature as good as a model: 16 of 32 leaks, 1 of 23 others; a served fault hits any feature."""
KEPT: Final = 1.0
"""For a feature that still arrives and still knows something: offline it knew the future besides the past."""
BROAD: Final = 3
"""Features that lost their association, from which the world rather than one feature has changed."""
BROAD_LOG_ODDS: Final = 1.0
SPLIT_LOG_ODDS: Final = 1.0
"""For the causes that leave every feature's own association as it was."""


def weigh(evidence: Evidence) -> Iterator[Contribution]:
    """Which feature lost its association, or that none did."""
    if not evidence.stands:
        return
    collapsed = [suspect for suspect in evidence.suspects if suspect.collapsed]
    if not collapsed:
        ranked = [suspect for suspect in evidence.suspects if suspect.lost >= COLLAPSE_SIZE]
        yield _perhaps(ranked[0]) if ranked else _no_feature()
        return
    worst = collapsed[0]
    if evidence.at_launch or worst.since_launch:
        yield _one_feature(worst, evidence)
    if len(collapsed) >= BROAD:
        log_odds = {Cause.CONCEPT_DRIFT: BROAD_LOG_ODDS, Cause.TEMPORAL_LEAKAGE: BROAD_LOG_ODDS}
        names = ", ".join(repr(suspect.finding.name) for suspect in collapsed[:BROAD])
        yield Contribution(log_odds, f"{len(collapsed)} features lost their association with the outcome ({names})")


def is_proven(suspect: Suspect, evidence: Evidence) -> bool:
    """Whether a collapse may be called a leak rather than a suspicion."""
    replaced = suspect.served_differently and suspect.useless_live
    return evidence.at_launch and (evidence.offline_auc >= LEAK_LIKE_AUC or replaced)


def _one_feature(worst: Suspect, evidence: Evidence) -> Contribution:
    base = PROVEN if is_proven(worst, evidence) else SUSPECTED
    strong = STRONG if worst.strong_offline else 0.0
    if worst.served_differently:
        log_odds = {
            Cause.TARGET_LEAKAGE: base + strong + (0.5 if worst.top_offline else 0.0),
            Cause.TRAIN_SERVE_SKEW: base - 1.0,
        }
    elif worst.useless_live:
        log_odds = {Cause.TARGET_LEAKAGE: base + strong, Cause.TEMPORAL_LEAKAGE: base, Cause.TRAIN_SERVE_SKEW: 0.0}
    else:
        log_odds = {
            Cause.TARGET_LEAKAGE: base + strong - KEPT / 2,
            Cause.TEMPORAL_LEAKAGE: base + KEPT,
            Cause.TRAIN_SERVE_SKEW: 0.0,
        }
    feature = worst.finding
    top = ", where it was the best of all features" if worst.top_offline else ""
    words = (
        f"feature {feature.name!r} alone had AUC {feature.offline_auc.value:.3f} offline{top}, and has "
        f"{feature.online_auc.value:.3f} live ({worst.score:.1f} standard errors)"
    )
    return Contribution(log_odds, words)


def _perhaps(suspect: Suspect) -> Contribution:
    """Too few outcomes to say: neither for a feature nor against."""
    words = (
        f"feature {suspect.finding.name!r} alone lost {suspect.lost:.3f} AUC ({suspect.score:.1f} standard errors): a "
        "rank, no proof"
    )
    return Contribution({Cause.TEMPORAL_LEAKAGE: SPLIT_LOG_ODDS, Cause.TRAIN_SERVE_SKEW: -SPLIT_LOG_ODDS}, words)


def _no_feature() -> Contribution:
    split = (
        Cause.DUPLICATE_LEAKAGE,
        Cause.GROUP_LEAKAGE,
        Cause.TEMPORAL_LEAKAGE,
        Cause.PREPROCESSING_LEAKAGE,
        Cause.SELECTION_OPTIMISM,
    )
    log_odds = {**dict.fromkeys(split, SPLIT_LOG_ODDS), Cause.TARGET_LEAKAGE: -2.0, Cause.TRAIN_SERVE_SKEW: -3.0}
    return Contribution(
        log_odds, "no single feature has surely lost its association with the outcome: the model as a whole has"
    )
