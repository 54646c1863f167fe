"""Which alerts the present state asks for, before any memory of earlier looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sentinel.diagnosis.evidence import find_suspects, is_mix
from sentinel.diagnosis.report import Cause, Severity, Verdict
from sentinel.diagnosis.signatures.served_values import describe
from sentinel.diagnosis.verdict import leakage_probability
from sentinel.evaluation.findings import Evaluation, Finding

PAGE_PROBABILITY: Final = 0.8
"""Of the leakage family: at this and above verdicts were right 20 to 25 times of 20 to 25."""
WARN_PROBABILITY: Final = 0.5
PATIENCE: Final = 3
"""Evaluations in a row that a verdict, a slice or a fault must last to be raised."""
AT_ONCE: Final = 1
"""For evidence that already holds at every look."""
MOST_SLICE_ALERTS: Final = 20
"""More slices than this at once are one problem, not twenty."""
FEWEST_UNLABELLED: Final = 100
"""Predictions without outcome, past the horizon, before silence is a fault."""
FEWEST_PREDICTIONS: Final = 500
"""Predictions before a share of missing values is taken at its word."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A state that deserves an alert once it has lasted ``patience`` evaluations."""

    name: str
    severity: Severity
    summary: str
    metric: str | None = None
    slice: str = "all"
    cause: Cause | None = None
    patience: int = PATIENCE


def conditions(evaluation: Evaluation, verdict: Verdict, counts: Mapping[str, int]) -> tuple[Condition, ...]:
    """Every condition that holds now.

    Parameters
    ----------
    evaluation : Evaluation
    verdict : Verdict
        Of that evaluation.
    counts : mapping of str to int
        ``predictions``, ``joined``, ``unlabelled`` and ``waiting_outcomes`` are read.

    Returns
    -------
    tuple of Condition
        At most one for each name, metric and slice.
    """
    headline = evaluation.headline("auc")
    gap = tuple(_gap(headline, evaluation, verdict))
    return (
        *_leakage(headline, evaluation, verdict),
        *gap,
        *(() if gap else _slices(evaluation)),
        *_skew(headline, verdict),
        *_data_quality(evaluation, counts),
        *_outcomes_missing(counts),
        *_insufficient(headline, evaluation, verdict),
    )


def describe_gap(finding: Finding) -> str:
    """What moved, by how much, against which estimate, where."""
    where = "over all traffic" if finding.slice == "all" else f"in slice {finding.slice}"
    if finding.gap is None or finding.offline.value is None or finding.online.value is None:
        return f"{finding.metric} {where} has no gap yet"
    return (
        f"{finding.metric} {where} is {finding.online.value:.3f} live on {finding.online.n} outcomes, "
        f"{finding.offline.value:.3f} offline on {finding.offline.n} rows: worse by {finding.gap:.3f} "
        f"({finding.lower:.3f} to {finding.upper:.3f} at every look)"
    )


def rivals(verdict: Verdict) -> str:
    """What else it could be, the two likeliest."""
    others = sorted((p, cause) for cause, p in verdict.probabilities.items() if cause != verdict.cause.value)[::-1]
    return "could also be " + " or ".join(f"{cause} ({p:.0%})" for p, cause in others[:2])


def _leakage(headline: Finding | None, evaluation: Evaluation, verdict: Verdict) -> Iterator[Condition]:
    """Suspicion warns; it pages where the gap is also proven at launch: drifts open a gap as wide, only later."""
    probability = leakage_probability(verdict)
    if headline is None or probability < WARN_PROBABILITY:
        return
    culprit = f", first suspect {verdict.culprits[0].name!r}" if verdict.culprits else ""
    yield Condition(
        name="SentinelLeakageSuspected",
        severity="critical" if probability >= PAGE_PROBABILITY and _at_launch(evaluation) else "warning",
        metric="auc",
        cause=verdict.cause,
        summary=f"leakage in the offline estimate ({probability:.0%}), likeliest {verdict.cause.value}{culprit}: "
        f"{describe_gap(headline)}; {rivals(verdict)}",
    )


def _gap(headline: Finding | None, evaluation: Evaluation, verdict: Verdict) -> Iterator[Condition]:
    if headline is None or not headline.alarm:
        return
    at_launch = _at_launch(evaluation)
    yield Condition(
        name="SentinelOfflineOnlineGap",
        severity="critical" if at_launch and not is_mix(evaluation) else "warning",
        metric="auc",
        cause=verdict.cause,
        summary=f"{describe_gap(headline)}, {'from launch on' if at_launch else 'not proven at launch'}; "
        f"likeliest {verdict.cause.value} ({verdict.confidence:.0%}), {rivals(verdict)}",
        patience=AT_ONCE,
    )


def _at_launch(evaluation: Evaluation) -> bool:
    return evaluation.launch.alarm and evaluation.confirmed


def _slices(evaluation: Evaluation) -> Iterator[Condition]:
    """Slices of their own: where all traffic has a gap, its slices have it too and need no alert each."""
    flagged = [f for f in evaluation.findings if f.slice != "all" and f.metric == "auc" and f.alarm]
    flagged.sort(key=lambda finding: finding.log_evidence or 0.0, reverse=True)
    for finding in flagged[:MOST_SLICE_ALERTS]:
        yield Condition(
            name="SentinelSliceGap",
            severity="warning",
            metric="auc",
            slice=finding.slice,
            summary=f"{describe_gap(finding)}; one of {len(flagged)} slices found while the false ones among them "
            "are held to their share",
        )


def _skew(headline: Finding | None, verdict: Verdict) -> Iterator[Condition]:
    probability = verdict.probabilities[Cause.TRAIN_SERVE_SKEW.value]
    if probability < WARN_PROBABILITY or headline is None:
        return
    yield Condition(
        name="SentinelTrainServeSkew",
        severity="warning",
        metric="auc",
        cause=Cause.TRAIN_SERVE_SKEW,
        summary=f"features are served otherwise than they were trained ({probability:.0%}): {describe_gap(headline)}; "
        f"{rivals(verdict)}",
    )


def _data_quality(evaluation: Evaluation, counts: Mapping[str, int]) -> Iterator[Condition]:
    if counts.get("predictions", 0) < FEWEST_PREDICTIONS:
        return
    suspects = find_suspects(evaluation.features)
    # In its first days every feature that moves by the month is constant.
    may_be_constant = evaluation.launch.complete
    struck = [s for s in suspects if s.missing_rose or (may_be_constant and s.constant and s.collapsed)]
    if not struck:
        return
    others = f", and {len(struck) - 1} more" if len(struck) > 1 else ""
    yield Condition(
        name="SentinelDataQuality",
        severity="warning",
        summary=f"{describe(struck[0])}{others}; it could be a fault on the way to the model, or a value that is not "
        "known yet when the model is asked",
    )


def _outcomes_missing(counts: Mapping[str, int]) -> Iterator[Condition]:
    unlabelled, waiting = counts.get("unlabelled", 0), counts.get("waiting_outcomes", 0)
    if counts.get("joined", 0) or unlabelled < FEWEST_UNLABELLED:
        return
    hint = f"; {waiting} outcomes wait for predictions that never came: do the ids agree?" if waiting else ""
    yield Condition(
        name="SentinelOutcomesMissing",
        severity="warning",
        summary=f"{unlabelled} predictions have passed their outcome horizon and not one has an outcome{hint}",
    )


def _insufficient(headline: Finding | None, evaluation: Evaluation, verdict: Verdict) -> Iterator[Condition]:
    """Only what more live data cannot mend: waiting for outcomes is no news."""
    if verdict.cause is not Cause.INSUFFICIENT_EVIDENCE or evaluation.later_gap is None or headline is None:
        return
    missing = "; ".join(verdict.missing_evidence)
    yield Condition(
        name="SentinelInsufficientEvidence",
        severity="info",
        metric="auc",
        cause=Cause.INSUFFICIENT_EVIDENCE,
        summary=f"neither a gap nor its absence can be shown on {headline.online.n} outcomes; wanted: {missing}",
    )
