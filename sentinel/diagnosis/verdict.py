"""From evidence to a verdict: gate, weigh, rank, and say what is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from sentinel.config.model import Alerts
from sentinel.diagnosis import missing
from sentinel.diagnosis.evidence import Evidence, gather
from sentinel.diagnosis.report import Cause, Culprit, Verdict
from sentinel.diagnosis.signatures import SIGNATURES, Contribution
from sentinel.evaluation.evaluate import OfflineSide
from sentinel.evaluation.findings import Evaluation

_RARE: Final = -3.0

GAP_PRIOR: Final[Mapping[Cause, float]] = {
    Cause.TARGET_LEAKAGE: 0.0,
    Cause.TEMPORAL_LEAKAGE: -0.7,
    Cause.GROUP_LEAKAGE: -1.0,
    Cause.DUPLICATE_LEAKAGE: -0.5,
    Cause.PREPROCESSING_LEAKAGE: -1.5,
    Cause.SELECTION_OPTIMISM: -1.5,
    Cause.TRAIN_SERVE_SKEW: -0.5,
    Cause.DATA_QUALITY_FAULT: -1.0,
    Cause.COVARIATE_DRIFT: -0.5,
    Cause.LABEL_SHIFT: -2.0,
    Cause.CONCEPT_DRIFT: 0.5,
    Cause.NONE: -1.5,
    Cause.INSUFFICIENT_EVIDENCE: _RARE,
}
"""Log-odds of each cause of a gap that stands, before its evidence is weighed. Chosen by how often each was met on
streams of known truth, not fitted."""

_LEAD: Final = 4.0
"""Log-odds of the verdict that the gate itself gives, against the rest."""
_DOUBTFUL_LEAD: Final = 2.5

_MOST_REASONS: Final = 6
_MOST_CULPRITS: Final = 5
_LEAST_WEIGHT: Final = 0.01


def diagnose(
    evaluation: Evaluation, baseline: OfflineSide, counts: Mapping[str, int], alerts: Alerts | None = None
) -> Verdict:
    """Name the likeliest cause of the gap, or say that there is none, or that it cannot be told.

    Parameters
    ----------
    evaluation : Evaluation
    baseline : OfflineSide
        Its ``meta.manifest`` tells how the offline rows were split, where that is known.
    counts : mapping of str to int
        ``predictions`` and ``joined``.
    alerts : Alerts, optional
        The scales that the evaluation used.

    Returns
    -------
    Verdict
        Probabilities over all causes, summing to 1, all finite.
    """
    settings = alerts or Alerts()
    evidence = gather(evaluation, baseline.meta, counts, settings)
    contributions = [one for weigh in SIGNATURES for one in weigh(evidence)]
    probabilities = _softmax(_scores(evidence, contributions))
    cause = _leading(probabilities)
    detectable = {
        f.metric: f.minimum_detectable_gap
        for f in evaluation.findings
        if f.slice == "all" and f.minimum_detectable_gap is not None
    }
    return Verdict(
        cause=cause,
        family=cause.family,
        confidence=probabilities[cause],
        probabilities={one.value: probabilities[one] for one in Cause},
        culprits=_culprits(evidence, cause),
        reasons=_reasons(evidence, contributions, settings),
        missing_evidence=missing.evidence_for(cause, evidence, probabilities, counts),
        minimum_detectable_gap=detectable,
    )


def leakage_probability(verdict: Verdict) -> float:
    """Probability of the whole family: more reliable than that of one leak."""
    return sum(p for cause, p in verdict.probabilities.items() if Cause(cause).family == "leakage")


def _scores(evidence: Evidence, contributions: list[Contribution]) -> dict[Cause, float]:
    if evidence.stands:
        scores = dict(GAP_PRIOR)
    else:
        scores = dict.fromkeys(Cause, _RARE)
        scores[Cause.NONE] = _LEAD if evidence.excludes_gap else 0.0
        scores[Cause.INSUFFICIENT_EVIDENCE] = _RARE if evidence.excludes_gap else _DOUBTFUL_LEAD
    for contribution in contributions:
        for cause, log_odds in contribution.log_odds.items():
            scores[cause] += log_odds
    return scores


def _softmax(scores: Mapping[Cause, float]) -> dict[Cause, float]:
    highest = max(scores.values())
    weights = {cause: math.exp(score - highest) for cause, score in scores.items()}
    total = sum(weights.values())
    return {cause: weight / total for cause, weight in weights.items()}


def _leading(probabilities: Mapping[Cause, float]) -> Cause:
    """The likeliest family first, then its likeliest cause: the family is the surer of the two."""
    families: dict[str, float] = {}
    for cause, probability in probabilities.items():
        families[cause.family] = families.get(cause.family, 0.0) + probability
    family = max(families, key=lambda name: families[name])
    return max((cause for cause in probabilities if cause.family == family), key=lambda cause: probabilities[cause])


def _culprits(evidence: Evidence, cause: Cause) -> tuple[Culprit, ...]:
    """Features, weighted by the AUC they lost and the standard errors of it; the rank counts even if both are small."""
    if not evidence.stands and cause.family != "pipeline":
        return ()
    weights = {one.finding.name: max(one.lost, 0.0) * max(one.score, 0.0) for one in evidence.suspects}
    total = sum(weights.values())
    weights = {name: weight for name, weight in weights.items() if weight > _LEAST_WEIGHT * total}
    ranked = sorted(weights, key=lambda name: weights[name], reverse=True)[:_MOST_CULPRITS]
    return tuple(Culprit(kind="feature", name=name, weight=weights[name] / total) for name in ranked)


def _reasons(evidence: Evidence, contributions: list[Contribution], alerts: Alerts) -> tuple[str, ...]:
    words = [_headline_words(evidence, alerts), *(contribution.words for contribution in contributions)]
    return tuple(words[:_MOST_REASONS])


def _headline_words(evidence: Evidence, alerts: Alerts) -> str:
    finding = evidence.headline
    if finding.gap is None or finding.offline.value is None or finding.online.value is None:
        side = finding.offline if finding.offline.value is None else finding.online
        where = "offline" if finding.offline.value is None else "live"
        return f"no gap can be computed: {where}, {side.reason}"
    numbers = (
        f"AUC {finding.online.value:.3f} live on {finding.online.n} outcomes against {finding.offline.value:.3f} "
        f"offline on {finding.offline.n} rows: gap {finding.gap:+.3f} (95 % {finding.lower:+.3f} to "
        f"{finding.upper:+.3f} at every look)"
    )
    if finding.log_evidence is None:
        return f"{numbers}, too few outcomes of each class to judge"
    compared = "beyond" if evidence.stands else "short of"
    threshold = -math.log(alerts.alpha)
    return f"{numbers}, log evidence {finding.log_evidence:.1f}, {compared} the {threshold:.1f} of an alarm"
