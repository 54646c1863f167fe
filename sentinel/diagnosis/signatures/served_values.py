"""A feature that is served as missing, constant or out of range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import Evidence, Suspect
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures.contribution import Contribution

PARTLY: Final = 3.0
"""Log-odds of a fault where only part of the traffic is struck: it began after launch, or comes and goes."""
SINCE_LAUNCH: Final = 2.0
"""A feature that has been replaced since launch was not there to be served, or is served wrongly."""
WITHOUT_GAP: Final = 8.0
"""A feature that stopped arriving is a fault whether or not the model has suffered yet."""
LEAST_SERVED: Final = 50
"""Predictions before a share of missing values means anything without a gap: of two, one may be missing by chance."""
UNKNOWN_VALUES: Final = 1.5
"""Values never seen offline: another unit, another source, another time."""


def weigh(evidence: Evidence) -> Iterator[Contribution]:
    """The worst feature whose served values have changed."""
    changed = [suspect for suspect in evidence.suspects if suspect.served_differently]
    if not evidence.stands:
        enough = evidence.n_predictions >= LEAST_SERVED
        changed = [suspect for suspect in changed if suspect.missing_rose and enough]
    if not changed:
        return
    worst = changed[0]
    yield Contribution(_log_odds(worst, evidence), describe(worst))


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
    return f"feature {feature.name!r} is served differently: {'; '.join(said)}"


def _log_odds(worst: Suspect, evidence: Evidence) -> dict[Cause, float]:
    if not evidence.stands:
        cause = Cause.TRAIN_SERVE_SKEW if worst.since_launch else Cause.DATA_QUALITY_FAULT
        return {cause: WITHOUT_GAP}
    if worst.out_of_range and not (worst.missing_rose or worst.constant):
        return {Cause.TRAIN_SERVE_SKEW: UNKNOWN_VALUES, Cause.COVARIATE_DRIFT: UNKNOWN_VALUES / 2}
    if worst.since_launch or evidence.at_launch:
        return {Cause.TARGET_LEAKAGE: SINCE_LAUNCH, Cause.TRAIN_SERVE_SKEW: SINCE_LAUNCH}
    return {Cause.DATA_QUALITY_FAULT: PARTLY}
