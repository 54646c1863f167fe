"""Direct proof: evidence that names a cause by what it is, not by how much it resembles one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures.repairs import describe
from sentinel.diagnosis.signatures.served_values import describe_outside, outside_rise
from sentinel.evaluation.findings import Backfill, FeatureFinding

PROOF: Final = math.log(50.0)
"""Log-odds of a proof: fifty times as likely, since times are wrong, too, and rows are mislabelled."""
REPAIR_EVIDENCE: Final = math.log(20.0)
"""Log evidence of a counterfactual, from which it is a proof if it may explain all of the gap."""
BACKFILL_P: Final = 1e-4
"""Of a mismatch between served and recomputed values that does not depend on the outcome."""
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
    """

    causes: tuple[Cause, ...]
    words: str


def find_proofs(evidence: Evidence) -> tuple[Proof, ...]:
    """Every proof that the evidence holds.

    Evidence that is there but explains nothing is none: a feature that kept what it knew has cost nothing, whatever
    its times say.
    """
    lost = [suspect.finding for suspect in evidence.suspects]
    return (
        *_repairs(evidence),
        *(proof for feature in lost for proof in _of_feature(feature)),
        *_out_of_range(evidence),
    )


def is_written_after(n: int, ratio: float) -> bool:
    """Whether so many times, that share of them after the prediction, are more than slips of a clock."""
    return n >= FEWEST_TIMES and ratio >= LEAST_AFTER


def depends_on_outcome(backfill: Backfill) -> bool:
    """Whether recomputed values differ from the served ones by the outcome."""
    return backfill.p_value is not None and backfill.p_value < BACKFILL_P


def _repairs(evidence: Evidence) -> Iterator[Proof]:
    for one in evidence.evaluation.counterfactuals:
        evident = one.log_evidence is not None and one.log_evidence > REPAIR_EVIDENCE
        if evident and one.lower is not None and one.upper is not None and one.lower <= 1.0 <= one.upper:
            yield Proof((Cause(one.cause),), describe(one))


def _of_feature(feature: FeatureFinding) -> Iterator[Proof]:
    ages, backfill = feature.ages, feature.backfill
    if ages is not None and is_written_after(ages.offline_n, ages.offline_after_prediction_ratio):
        share = ages.offline_after_prediction_ratio
        yield Proof(_KNEW, f"feature {feature.name!r} was written after the prediction in {share:.0%} of offline rows")
    if backfill is not None and depends_on_outcome(backfill):
        share = backfill.mismatch_ratio
        words = f"recomputed, feature {feature.name!r} differs from what was served in {share:.0%}, by the outcome"
        yield Proof(_KNEW, words)
    if feature.available == "after_outcome":
        yield Proof((Cause.TARGET_LEAKAGE,), f"feature {feature.name!r} is declared to exist only after the outcome")


def _out_of_range(evidence: Evidence) -> Iterator[Proof]:
    for feature in evidence.evaluation.features:
        if (outside_rise(feature) or 0.0) >= RANGE_RISE:
            yield Proof((Cause.TRAIN_SERVE_SKEW,), describe_outside(feature))
