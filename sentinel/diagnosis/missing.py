"""What would settle a verdict, and where it would come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sentinel.diagnosis import own_metrics
from sentinel.diagnosis.audited import answered
from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.scorecard import NAMED, Scorecard
from sentinel.diagnosis.signatures import MEANINGS, Signal
from sentinel.diagnosis.signatures.signal import TRAINING_ROWS, WRITTEN_WHEN

RIVAL: Final = 0.02
"""Probability from which a second cause is worth telling apart."""
LEAST_WEIGHT: Final = 0.1
"""Log-odds per standard deviation of a signal that could tell two causes apart."""
MOST_WANTED: Final = 3
"""More wishes than this are none."""


def evidence_for(cause: Cause, evidence: Evidence, counts: Mapping[str, int]) -> tuple[str, ...]:
    """Name the data that the verdict lacks.

    Parameters
    ----------
    cause : Cause
    evidence : Evidence
    counts : mapping of str to int
        ``predictions`` and ``joined``.

    Returns
    -------
    tuple of str
    """
    if cause is Cause.INSUFFICIENT_EVIDENCE:
        return (*_for_a_gap(evidence, counts), *own_metrics.wishes(evidence.evaluation, evidence.worth_knowing))
    if evidence.stands and not evidence.launch.complete:
        return (f"a complete launch window: {evidence.launch.n_outcomes} outcomes so far",)
    return ()


def signals_that_tell_apart(
    card: Scorecard,
    signals: Mapping[str, Signal],
    probabilities: Mapping[Cause, float],
    cause: Cause,
    evidence: Evidence,
) -> tuple[str, ...]:
    """What would change the verdict's mind: the missing signals that weigh most between it and its rivals.

    Parameters
    ----------
    card : Scorecard
    signals : mapping of name to Signal
    probabilities : mapping of Cause to float
    cause : Cause
        The verdict.
    evidence : Evidence
        What it was reached by: nobody is asked for what was given.

    Returns
    -------
    tuple of str
        The heaviest first.
    """
    given = set(_given(evidence))
    weights: dict[str, float] = {}
    for rival in NAMED:
        if rival is cause or probabilities[rival] < RIVAL:
            continue
        for name, weight in card.weight_of_missing(cause, rival).items():
            wanted = MEANINGS[name].wanted
            if wanted is not None and wanted not in given and signals[name].value is None and weight >= LEAST_WEIGHT:
                weights[wanted] = max(weights.get(wanted, 0.0), weight * probabilities[rival])
    ranked = sorted(weights, key=lambda wanted: weights[wanted], reverse=True)
    return tuple(ranked[:MOST_WANTED])


def _given(evidence: Evidence) -> Iterator[str]:
    """Wishes that have been met, though some of their signals lack something else, such as the entities of rows."""
    yield from answered(evidence.audit)
    static = evidence.static
    if (static.repeated_ratio, static.entity_overlap_ratio, static.before_train_end_ratio) != (None, None, None):
        yield TRAINING_ROWS
    suspects = [suspect.finding for suspect in evidence.suspects] or list(evidence.evaluation.features)
    if any(one.ages is not None or one.backfill is not None for one in suspects):
        yield WRITTEN_WHEN


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
    elif evidence.detectable is not None and evidence.detectable > evidence.worth_knowing:
        yield (
            f"more outcomes: {finding.online.n} so far can show a gap of {evidence.detectable:.3f} AUC, "
            f"{evidence.worth_knowing:.3f} is wanted"
        )
    elif not evidence.excludes_gap:
        yield f"more outcomes: {finding.online.n} so far hint at a gap, and neither prove nor exclude one"
