"""Direct proof: evidence that names a cause by what it is, not by how much it resembles one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sentinel.diagnosis.evidence import BROAD_DRIFT, SMALLEST_GAP, Evidence
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures.declared import describe_late
from sentinel.diagnosis.signatures.encoded import describe as describe_encoded
from sentinel.diagnosis.signatures.encoded import encoded_suspects, is_by_period
from sentinel.diagnosis.signatures.repairs import describe
from sentinel.diagnosis.signatures.scores import describe_copy, describe_stuck
from sentinel.diagnosis.signatures.served_values import describe_outside, outside_rise
from sentinel.evaluation.findings import Backfill, Counterfactual, FeatureFinding

PROOF: Final = math.log(50.0)
"""Log-odds of a proof: fifty times as likely, since times and outcomes may be wrong, too."""
BEYOND_DOUBT: Final = 12.0
"""Log-odds where the scores are not the model's: whatever else was found is not about the model either."""
REPAIR_EVIDENCE: Final = math.log(20.0)
"""Log evidence of a counterfactual, from which it is a proof"""
EXPLAINS: Final = 0.5
"""if it explains this share of the gap, and not surely more than all of it: there may be a second cause."""
EXPECTED_EXPLAINS: Final = 0.7
"""Share of the gap that the optimism of a choice must explain: it is reckoned from the number of candidates, not
measured, so it takes something off any gap."""
COPIED: Final = 0.01
"""Share of validation rows with the inputs and the time of a training row, from which repeats are copies. Below, they
are the repeats of entities that change little."""
BACKFILL_P: Final = 1e-4
"""Of what was added after serving that knows nothing of the outcome. A mismatch by the outcome is no proof: an honest
feature that is served as its default differs where it has something to say."""
FEWEST_TIMES: Final = 50
"""Offline rows with a time before their share means anything."""
LEAST_AFTER: Final = 0.01
"""Share written after the prediction: single ones are clocks."""
RANGE_RISE: Final = 0.5
"""Share of live values outside the declared range, beyond the offline share, that is a unit, not a stray: a range that
offline values miss alike is itself wrong."""

_KNEW = (Cause.TARGET_LEAKAGE, Cause.TEMPORAL_LEAKAGE)


@dataclass(frozen=True, slots=True)
class Proof:
    """What is proven, and in which words.

    Attributes
    ----------
    causes : tuple of Cause
        Those that it speaks for alike.
    words : str
    weight : float, log-odds
    """

    causes: tuple[Cause, ...]
    words: str
    weight: float = PROOF


def find_proofs(evidence: Evidence) -> tuple[Proof, ...]:
    """Every proof that the evidence holds.

    Evidence that is there but explains nothing is none: a feature that kept what it knew has cost nothing, whatever
    its times say.
    """
    lost = [suspect.finding for suspect in evidence.suspects]
    return (
        *_repairs(evidence),
        *(proof for feature in lost for proof in _of_feature(feature)),
        *_encoded(evidence),
        *_out_of_range(evidence),
        *find_score_proofs(evidence),
    )


def find_score_proofs(evidence: Evidence) -> Iterator[Proof]:
    """Scores that are not the model's: stuck live, or copies of the outcomes offline.

    Not where a feature that is served otherwise may be what the model answers to. Where a part of the traffic has one
    score, either its outcomes or features that are as they were must tell it from other inputs.
    """
    found = evidence.evaluation
    stuck, moved = found.stuck_score, [f.excess_psi for f in found.features if f.excess_psi is not None]
    explained = any(suspect.served_differently for suspect in evidence.suspects)
    same_inputs = bool(moved) and max(moved) < BROAD_DRIFT
    if stuck is not None and not explained and (stuck.whole or stuck.contradicted or same_inputs):
        cause = Cause.TRAIN_SERVE_SKEW if stuck.from_launch else Cause.DATA_QUALITY_FAULT
        yield Proof((cause,), describe_stuck(stuck), BEYOND_DOUBT)
    as_good = evidence.headline.gap is not None and evidence.gap <= SMALLEST_GAP
    if found.offline_scores_are_outcomes and not as_good:
        yield Proof((Cause.TARGET_LEAKAGE,), describe_copy(evidence), BEYOND_DOUBT)


def is_written_after(n: int, ratio: float) -> bool:
    """Whether so many times, that share of them after the prediction, are more than slips of a clock."""
    return n >= FEWEST_TIMES and ratio >= LEAST_AFTER


def depends_on_outcome(backfill: Backfill) -> bool:
    """Whether what recomputed values have beyond the served ones knows the outcome."""
    return backfill.growth_p is not None and backfill.growth_p < BACKFILL_P


def _repairs(evidence: Evidence) -> Iterator[Proof]:
    """Copies, repeats of an entity and rows of the same days are partly the same rows: one of them is meant."""
    found = [one for one in evidence.evaluation.counterfactuals if _explains(one)]
    not_meant = _the_same_rows({Cause(one.cause) for one in found}, evidence.static.copied_ratio)
    for one in found:
        if Cause(one.cause) not in not_meant:
            yield Proof((Cause(one.cause),), describe(one))


def _the_same_rows(causes: set[Cause], copied_ratio: float | None) -> set[Cause]:
    """Of these causes, those that are another's rows by another name."""
    if Cause.DUPLICATE_LEAKAGE not in causes or copied_ratio is None:
        return set()
    if copied_ratio >= COPIED:
        return {Cause.GROUP_LEAKAGE, Cause.TEMPORAL_LEAKAGE}
    return {Cause.DUPLICATE_LEAKAGE} if Cause.GROUP_LEAKAGE in causes else set()


def _explains(one: Counterfactual) -> bool:
    if one.log_evidence is None or one.log_evidence <= REPAIR_EVIDENCE:
        return False
    if one.lower is None or one.upper is None or one.explained is None or one.lower > 1.0:
        return False
    if one.cause == Cause.SELECTION_OPTIMISM:
        return one.upper >= 1.0 and one.explained >= EXPECTED_EXPLAINS
    return one.explained >= EXPLAINS


def _of_feature(feature: FeatureFinding) -> Iterator[Proof]:
    ages, backfill = feature.ages, feature.backfill
    if ages is not None and is_written_after(ages.offline_n, ages.offline_after_prediction_ratio):
        share = ages.offline_after_prediction_ratio
        yield Proof(_KNEW, f"feature {feature.name!r} was written after the prediction in {share:.0%} of offline rows")
    if backfill is not None and depends_on_outcome(backfill):
        words = f"what feature {feature.name!r} gained between serving and recomputing depends on the outcome"
        yield Proof(_KNEW, words)
    if feature.available == "after_outcome":
        yield Proof((Cause.TARGET_LEAKAGE,), describe_late(feature, "outcome"))
    if feature.available == "after_prediction":
        yield Proof((Cause.TEMPORAL_LEAKAGE,), describe_late(feature, "prediction"))


def _encoded(evidence: Evidence) -> Iterator[Proof]:
    for suspect, one in encoded_suspects(evidence):
        if suspect.collapsed:
            causes = (Cause.TEMPORAL_LEAKAGE,) if is_by_period(one) else (*_KNEW, Cause.PREPROCESSING_LEAKAGE)
            yield Proof(causes, describe_encoded(one))


def _out_of_range(evidence: Evidence) -> Iterator[Proof]:
    for feature in evidence.evaluation.features:
        if (outside_rise(feature) or 0.0) >= RANGE_RISE:
            yield Proof((Cause.TRAIN_SERVE_SKEW,), describe_outside(feature))
