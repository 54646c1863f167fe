"""Without a gap: what may be named from its own evidence, and whether a gap can be excluded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from sentinel.diagnosis.evidence import LEVEL_SHIFT, RATE_SHIFT, SINCE_LAUNCH_SHARE, Evidence
from sentinel.diagnosis.own_metrics import describe_gap, other_alarms, raised
from sentinel.diagnosis.proofs import find_score_proofs
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures.served_values import describe

RARE: Final = -3.0
"""Log-odds of a cause without evidence of its own."""
EXCLUDED: Final = 4.0
"""Log-odds of none, where a gap worth knowing is excluded."""
UNKNOWN: Final = 2.5
"""Log-odds of insufficient evidence, where it is not."""
EVIDENT: Final = 9.0
"""Log-odds of a cause that shows without a gap: a feature that stopped arriving is a fault before anyone suffers."""
NEVER_THERE: Final = 1.0
"""By how much less likely a value that is never served was a leak than that it is lost on its way,"""
NEVER_THERE_BEST: Final = 0.3
"""and if no other feature knew as much offline."""
COPIES: Final = 0.02
"""Surplus of twins among training rows of the rare class, from which too high a base rate offline is theirs."""
OVERSAMPLED: Final = 2.0
"""By how much copies of the rare class are likelier then than a lower base rate live,"""
PERHAPS_OVERSAMPLED: Final = 0.5
"""and by how much less likely where the training rows are not known."""
LEAST_SERVED: Final = 50
"""Predictions before a share of missing values means anything: of two, one may be missing by chance."""
LEAST_COVERAGE: Final = 0.8
"""Share of predictions whose outcome must be known: early outcomes alone can double the rate of one class."""


def assess(evidence: Evidence) -> tuple[dict[Cause, float], list[str]]:
    """Probabilities of all causes, and the reasons in words.

    Returns
    -------
    (dict of Cause to float, list of str)
        The probabilities sum to 1.
    """
    scores = dict.fromkeys(Cause, RARE)
    worse = raised(evidence.evaluation)
    excludes = evidence.excludes_gap and not worse
    scores[Cause.NONE] = EXCLUDED if excludes else 0.0
    scores[Cause.INSUFFICIENT_EVIDENCE] = RARE if excludes else UNKNOWN
    words = [f"{describe_gap(finding)}, which the AUC cannot explain" for finding in worse]
    words += [f"{describe_gap(finding)}; the AUC proves none" for finding in other_alarms(evidence.evaluation)]
    if evidence.hints_at_gap and not evidence.excludes_gap:
        words.append("a gap is likely, though it is not proven")
    for cause, weight, said in (*_served(evidence), *_stuck(evidence), *_level(evidence)):
        scores[cause] += weight
        words.append(said)
    return softmax(scores), words


def softmax(scores: Mapping[Cause, float]) -> dict[Cause, float]:
    """Probabilities of log-odds."""
    highest = max(scores.values())
    weights = {cause: math.exp(score - highest) for cause, score in scores.items()}
    total = sum(weights.values())
    return {cause: weight / total for cause, weight in weights.items()}


def _served(evidence: Evidence) -> Iterator[tuple[Cause, float, str]]:
    """The worst feature that stopped arriving, from launch or later; one that never came may not have existed yet."""
    if evidence.n_predictions < LEAST_SERVED:
        return
    struck = [suspect for suspect in evidence.suspects if suspect.missing_rose]
    if not struck:
        return
    worst = struck[0]
    yield Cause.TRAIN_SERVE_SKEW if worst.since_launch else Cause.DATA_QUALITY_FAULT, EVIDENT, describe(worst)
    if worst.finding.online_missing_ratio >= SINCE_LAUNCH_SHARE and worst.lost > 0.0:
        less = NEVER_THERE_BEST if worst.top_offline else NEVER_THERE
        words = "a value that is never served may not exist yet when it is needed: then what it knew offline was a leak"
        yield Cause.TARGET_LEAKAGE, EVIDENT - less, words


def _stuck(evidence: Evidence) -> Iterator[tuple[Cause, float, str]]:
    """A live score that is one value: a fault, also where it has cost nothing."""
    for proof in find_score_proofs(evidence):
        if proof.causes[0].family == "pipeline":
            yield proof.causes[0], EVIDENT, proof.words


def _level(evidence: Evidence) -> Iterator[tuple[Cause, float, str]]:
    """Outcomes that became more or less frequent at equal scores, or were copied until they were frequent offline."""
    if evidence.coverage < LEAST_COVERAGE:
        return
    if abs(evidence.rate_shift) < RATE_SHIFT or abs(evidence.level_shift) < LEVEL_SHIFT:
        return
    way = "more" if evidence.rate_shift > 0 else "less"
    words = (
        f"positive outcomes became {abs(evidence.rate_shift):.0%} {way} frequent than offline, "
        f"{evidence.level_shift:+.2f} in log-odds at equal scores"
    )
    yield Cause.LABEL_SHIFT, EVIDENT, words
    copied = evidence.static.oversampled_ratio
    if evidence.rate_shift > 0 or (copied is not None and copied < COPIES):
        return
    if copied is None:
        yield Cause.DUPLICATE_LEAKAGE, EVIDENT - PERHAPS_OVERSAMPLED, words
        return
    why = f"training rows of the rare class have a twin {copied:.0%} more often: copies of it raise its share offline"
    yield Cause.DUPLICATE_LEAKAGE, EVIDENT + OVERSAMPLED, why
