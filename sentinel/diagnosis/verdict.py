"""From evidence to a verdict: gate, score, proofs, and what is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from sentinel.config.alerts import Alerts
from sentinel.diagnosis import missing, quiet
from sentinel.diagnosis.audited import citations
from sentinel.diagnosis.evidence import Evidence, gather
from sentinel.diagnosis.proofs import Proof, find_proofs
from sentinel.diagnosis.report import Cause, Culprit, Verdict
from sentinel.diagnosis.scorecard import Score, Scorecard, shipped
from sentinel.diagnosis.second import find_second
from sentinel.diagnosis.signatures import Signal, read_signals
from sentinel.evaluation.evaluate import OfflineSide
from sentinel.evaluation.findings import Evaluation

NO_LAUNCH_GAP: Final = 4.0
"""Log-odds against leakage where the launch shows no gap: a cumulative gap also opens in 27 of 55 drifts."""
OTHER_INPUTS: Final = 4.0
"""Log-odds against leakage where other scores that kept their meaning explain the gap: this removed the last 3 of 55
drifts that looked like leaks, and cost 1 of 32 leaks. Also against a fault where no feature is served otherwise."""
INPUTS_MOVED: Final = 6.0
"""So much more where the inputs have moved too, beside what is served otherwise or has lost its meaning: copies of
training rows in the validation rows also make other scores of the same meaning, but move no input."""
OTHER_INPUTS_DRIFT: Final = 5.0
"""And for covariate drift: a model that is as good as ever for each kind of case has met other cases."""
TOO_GOOD_AUC: Final = 0.95
TOO_GOOD: Final = math.log((20 / 32) / (1 / 23))
"""Log-odds for a feature leak where a feature collapsed at launch and the model had this AUC offline: 20 of 32 real
leaks did, 1 of 23 other streams."""
STRONG_FEATURE: Final = math.log((16 / 32) / (1 / 23))
"""Or where the collapsed feature alone was as good as a model: 16 of 32, and 1 of 23."""
REVERSED: Final = 4.0
"""Log-odds against leakage where a feature that was good offline ranks the other way round live: what leaked is gone
without it, and nothing is turned around. Values are swapped, coded otherwise, or mean something else."""
CHANCE: Final = -4.6
"""Log-odds of nothing at all where a gap stands: the gate opens by chance once in a hundred models."""
NO_REASON: Final = -3.0
"""Log-odds of a shift of the outcomes where a gap in ranking stands: it leaves ranking as it was."""
PROMOTED: Final = 4.0
"""Log-odds against leakage where the reference is live traffic: it was counted after every leak had shown."""
LAUNCH_PROBABILITY: Final = 0.8
"""Of a gap from launch on, by the onset's posterior, that stands for evidence in the launch window."""

_MOST_REASONS: Final = 6
_MOST_CULPRITS: Final = 5
_LEAST_WEIGHT: Final = 0.01
_WORTH_SAYING: Final = 0.1
"""Log-odds of a signal that is worth a reason."""


def diagnose(
    evaluation: Evaluation,
    baseline: OfflineSide,
    counts: Mapping[str, int],
    alerts: Alerts | None = None,
    scorecard: Scorecard | None = None,
) -> Verdict:
    """Name the likeliest cause of the gap, or say that there is none, or that it cannot be told.

    Parameters
    ----------
    evaluation : Evaluation
    baseline : OfflineSide
        Its ``meta`` tells what is known of the offline evaluation.
    counts : mapping of str to int
        ``predictions`` and ``joined``.
    alerts : Alerts, optional
        The scales that the evaluation used, and the priors.
    scorecard : Scorecard, optional
        The shipped one by default.

    Returns
    -------
    Verdict
        Probabilities over all causes, summing to 1, all finite.

    Notes
    -----
    Gate: without a gap, a change or a proof only what shows by itself is named. Score: the scorecard weighs the
    signals. Proofs multiply the odds of what they prove. Where nothing can be known yet, the verdict abstains.
    """
    settings = alerts or Alerts()
    card = scorecard or shipped()
    evidence = gather(evaluation, baseline.meta, counts, settings)
    proofs = find_proofs(evidence)
    if passes_gate(evidence, proofs):
        return _scored(evidence, proofs, card, settings, counts)
    probabilities, words = quiet.assess(evidence)
    return _verdict(evidence, probabilities, [_headline_words(evidence, settings), *words], counts)


def passes_gate(evidence: Evidence, proofs: tuple[Proof, ...]) -> bool:
    """Whether there is something to explain: a gap, a change, or a proof that no excluded gap contradicts."""
    return evidence.stands or evidence.changed or (bool(proofs) and not evidence.excludes_gap)


def leakage_probability(verdict: Verdict) -> float:
    """Probability of the whole family: more reliable than that of one leak."""
    return sum(p for cause, p in verdict.probabilities.items() if Cause(cause).family == "leakage")


def score(
    evidence: Evidence, proofs: tuple[Proof, ...], signals: Mapping[str, Signal], card: Scorecard,
    priors: Mapping[str, float],
) -> Score:  # fmt: skip
    """Weigh the signals, the proofs, and the rule that a leak shows from launch on."""
    extra = dict.fromkeys(Cause, 0.0)
    proven = {cause for proof in proofs for cause in proof.causes}
    for cause in proven:
        extra[cause] += max(proof.weight for proof in proofs if cause in proof.causes)
    extra[Cause.TARGET_LEAKAGE] += _too_good(evidence)
    if evidence.stands:
        extra[Cause.NONE] += CHANCE
        extra[Cause.LABEL_SHIFT] += NO_REASON
    for cause in Cause:
        extra[cause] -= PROMOTED if evidence.promoted and cause.family == "leakage" else 0.0
    if not any(cause.family == "leakage" for cause in proven):
        against = 0.0 if _points_to_launch(evidence) else NO_LAUNCH_GAP
        other_inputs = OTHER_INPUTS + (INPUTS_MOVED if evidence.inputs_moved else 0.0)
        against += other_inputs if evidence.is_mix else 0.0
        against += REVERSED if any(suspect.reversed for suspect in evidence.suspects) else 0.0
        for cause in Cause:
            extra[cause] -= against if cause.family == "leakage" else 0.0
        if evidence.is_mix:
            extra[Cause.COVARIATE_DRIFT] += OTHER_INPUTS_DRIFT
            if not any(suspect.served_differently for suspect in evidence.suspects):
                extra[Cause.TRAIN_SERVE_SKEW] -= OTHER_INPUTS
                extra[Cause.DATA_QUALITY_FAULT] -= OTHER_INPUTS
    return card.score(signals, extra, priors)


def _too_good(evidence: Evidence) -> float:
    """What real streams say of a feature that collapsed at launch, and was better than honest ones are."""
    worst = next((suspect for suspect in evidence.suspects if suspect.collapsed), None)
    if not evidence.at_launch or worst is None:
        return 0.0
    if evidence.offline_auc >= TOO_GOOD_AUC:
        return TOO_GOOD
    return STRONG_FEATURE if worst.strong_offline else 0.0


def _points_to_launch(evidence: Evidence) -> bool:
    """Whether the gap may have been there from launch on: never judged by the cumulative gap alone.

    A gap that stood at launch and is gone at four launch windows was the launch's own: its first days, not a leak.
    """
    if evidence.retracted:
        return False
    change, found = evidence.evaluation.change, evidence.launch.log_evidence
    likely = change is not None and change.launch >= LAUNCH_PROBABILITY
    return evidence.at_launch or likely or not evidence.launch.complete or (found is not None and found > 0)


def _scored(
    evidence: Evidence, proofs: tuple[Proof, ...], card: Scorecard, settings: Alerts, counts: Mapping[str, int]
) -> Verdict:
    signals = read_signals(evidence)
    priors = settings.priors
    scored = score(evidence, proofs, signals, card, priors)
    probabilities = {cause: scored.probabilities.get(cause, 0.0) for cause in Cause}
    cause = _leading(probabilities)
    weighed = [signals[name].words or "" for name, weight in scored.reasons(cause) if weight >= _WORTH_SAYING]
    weighed.sort(key=lambda words: not words.startswith("feature "))  # what names a feature can be looked into
    said = [proof.words for proof in proofs if cause in proof.causes]
    opening = [_headline_words(evidence, settings), *_reference_words(evidence)]
    since = signals["confirmed"].words if cause.family == "leakage" and evidence.at_launch else None
    cited = citations(evidence.audit, cause, {suspect.finding.name for suspect in evidence.suspects})
    words = [*opening, *said, *cited, *(one for one in (since, *weighed) if one)]
    wanted = missing.signals_that_tell_apart(card, signals, probabilities, cause, evidence)
    verdict = _verdict(evidence, probabilities, words, counts, wanted)
    second = find_second(cause, evidence, signals, card, priors)
    proven = tuple(dict.fromkeys(cause for proof in proofs for cause in proof.causes))
    return msgspec.structs.replace(verdict, second=second, scorecard=card.digest, proven=proven)


def _verdict(
    evidence: Evidence,
    probabilities: Mapping[Cause, float],
    words: list[str],
    counts: Mapping[str, int],
    wanted: tuple[str, ...] = (),
) -> Verdict:
    cause = _leading(probabilities)
    detectable = {
        f.metric: f.minimum_detectable_gap
        for f in evidence.evaluation.findings
        if f.slice == "all" and f.minimum_detectable_gap is not None
    }
    return Verdict(
        cause=cause,
        family=cause.family,
        confidence=probabilities[cause],
        probabilities={one.value: probabilities[one] for one in Cause},
        culprits=_culprits(evidence, cause),
        reasons=tuple(dict.fromkeys(words))[:_MOST_REASONS],
        missing_evidence=missing.evidence_for(cause, evidence, counts) + wanted,
        minimum_detectable_gap=detectable,
    )


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


def _reference_words(evidence: Evidence) -> tuple[str, ...]:
    if not evidence.promoted:
        return ()
    return ("the reference is promoted live traffic: what leaked into the offline estimate opens no gap against it",)


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
