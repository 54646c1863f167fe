"""What would settle a verdict, and where it would come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.report import Cause

RIVAL = 0.02
"""Probability from which a second cause is worth telling apart."""


def evidence_for(
    cause: Cause, evidence: Evidence, probabilities: Mapping[Cause, float], counts: Mapping[str, int]
) -> tuple[str, ...]:
    """Name the evidence that would change or confirm this verdict.

    Parameters
    ----------
    cause : Cause
    evidence : Evidence
    probabilities : mapping of Cause to float
    counts : mapping of str to int
        ``predictions`` and ``joined``.

    Returns
    -------
    tuple of str
    """
    if cause is Cause.INSUFFICIENT_EVIDENCE:
        return tuple(_for_a_gap(evidence, counts))
    if not evidence.stands:
        return ()
    return tuple(_for_a_cause(evidence, probabilities))


def _for_a_gap(evidence: Evidence, counts: Mapping[str, int]) -> Iterator[str]:
    finding = evidence.headline
    if finding.offline.value is None:
        yield f"an offline AUC: {finding.offline.reason}; build the baseline from more validation rows"
    elif finding.minimum_detectable_gap is not None and finding.minimum_detectable_gap > evidence.worth_knowing:
        yield (
            f"a larger validation set: with {finding.offline.n} rows no gap below "
            f"{finding.minimum_detectable_gap:.3f} AUC can ever be proven"
        )
    if finding.online.value is None:
        waiting = counts.get("predictions", 0) - counts.get("joined", 0)
        yield f"outcomes: {finding.online.reason}; {waiting} predictions still have none"
    elif not evidence.judged:
        yield f"more outcomes of both classes: {finding.online.n} so far are too few to judge a gap"
    elif evidence.detectable is not None:
        yield (
            f"more outcomes: {finding.online.n} so far can show a gap of {evidence.detectable:.3f} AUC, "
            f"{evidence.worth_knowing:.3f} is wanted"
        )


def _for_a_cause(evidence: Evidence, probabilities: Mapping[Cause, float]) -> Iterator[str]:
    named = next((s.finding.name for s in evidence.suspects), None)
    alike = probabilities[Cause.TARGET_LEAKAGE] >= RIVAL and probabilities[Cause.TRAIN_SERVE_SKEW] >= RIVAL
    if named is not None and (alike or probabilities[Cause.TEMPORAL_LEAKAGE] >= RIVAL):
        yield (
            f"feature times or a backfill of {named!r}: a feature that did not exist yet and one that is "
            "served wrongly look alike in outcomes; the times at which its values were written, or its values "
            "recomputed for the moment of prediction, tell them apart"
        )
    if evidence.split_protocol is None:
        yield "the split: how rows were parted into training and validation (manifest, split.protocol)"
    if _any(probabilities, Cause.DUPLICATE_LEAKAGE, Cause.GROUP_LEAKAGE):
        yield "the overlap of training rows and entities with validation and with live traffic"
    if probabilities[Cause.SELECTION_OPTIMISM] >= RIVAL:
        yield "how many models were compared on the validation rows (manifest, candidates)"
    if not evidence.launch.complete:
        yield f"a complete launch window: {evidence.launch.n_outcomes} outcomes so far"


def _any(probabilities: Mapping[Cause, float], *causes: Cause) -> bool:
    return max(probabilities[cause] for cause in causes) >= RIVAL
