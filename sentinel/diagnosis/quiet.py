"""Without a gap: what may be named from its own evidence, and whether a gap can be excluded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from sentinel.diagnosis.evidence import LEVEL_SHIFT, RATE_SHIFT, Evidence
from sentinel.diagnosis.own_metrics import describe_gap, other_alarms, raised
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures.served_values import describe

RARE: Final = -3.0
"""Log-odds of a cause without evidence of its own."""
EXCLUDED: Final = 4.0
"""Log-odds of none, where a gap worth knowing is excluded."""
UNKNOWN: Final = 2.5
"""Log-odds of insufficient evidence, where it is not."""
EVIDENT: Final = 8.0
"""Log-odds of a cause that shows without a gap: a feature that stopped arriving is a fault before anyone suffers."""
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
    for cause, said in (*_served(evidence), *_level(evidence)):
        scores[cause] += EVIDENT
        words.append(said)
    return softmax(scores), words


def softmax(scores: Mapping[Cause, float]) -> dict[Cause, float]:
    """Probabilities of log-odds."""
    highest = max(scores.values())
    weights = {cause: math.exp(score - highest) for cause, score in scores.items()}
    total = sum(weights.values())
    return {cause: weight / total for cause, weight in weights.items()}


def _served(evidence: Evidence) -> Iterator[tuple[Cause, str]]:
    """The worst feature that stopped arriving, from launch or later."""
    if evidence.n_predictions < LEAST_SERVED:
        return
    struck = [suspect for suspect in evidence.suspects if suspect.missing_rose]
    if struck:
        cause = Cause.TRAIN_SERVE_SKEW if struck[0].since_launch else Cause.DATA_QUALITY_FAULT
        yield cause, describe(struck[0])


def _level(evidence: Evidence) -> Iterator[tuple[Cause, str]]:
    """Outcomes that became more or less frequent at equal scores."""
    if evidence.coverage < LEAST_COVERAGE:
        return
    if abs(evidence.rate_shift) < RATE_SHIFT or abs(evidence.level_shift) < LEVEL_SHIFT:
        return
    way = "more" if evidence.rate_shift > 0 else "less"
    yield (
        Cause.LABEL_SHIFT,
        f"positive outcomes became {abs(evidence.rate_shift):.0%} {way} frequent than offline, "
        f"{evidence.level_shift:+.2f} in log-odds at equal scores",
    )
