"""The Report: what one model version's live traffic says, ready to be rendered. Everything an operator sees is here."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from sentinel.evaluation.findings import (
    Calibration,
    Change,
    Counterfactual,
    Delays,
    Drift,
    FeatureFinding,
    Finding,
    LaunchWindow,
    Maturity,
    Overlap,
    ReliabilityBin,
    Residuals,
    Shift,
)

API_VERSION: Literal["sentinel/v1"] = "sentinel/v1"
WORTH_NAMING: Final = 0.01
"""Probability of another cause below which it is worth no words."""


class Cause(StrEnum):
    """What may explain a gap, or its absence."""

    TARGET_LEAKAGE = "target_leakage"
    TEMPORAL_LEAKAGE = "temporal_leakage"
    GROUP_LEAKAGE = "group_leakage"
    DUPLICATE_LEAKAGE = "duplicate_leakage"
    PREPROCESSING_LEAKAGE = "preprocessing_leakage"
    SELECTION_OPTIMISM = "selection_optimism"
    TRAIN_SERVE_SKEW = "train_serve_skew"
    DATA_QUALITY_FAULT = "data_quality_fault"
    COVARIATE_DRIFT = "covariate_drift"
    LABEL_SHIFT = "label_shift"
    CONCEPT_DRIFT = "concept_drift"
    NONE = "none"
    INSUFFICIENT_EVIDENCE = "insufficient_evidence"

    @property
    def family(self) -> str:
        """``leakage``, ``pipeline`` or ``drift``; ``none`` and ``insufficient_evidence`` are their own."""
        return _FAMILIES.get(self, self.value)


_FAMILIES: dict[Cause, str] = {
    **dict.fromkeys(list(Cause)[:6], "leakage"),
    **dict.fromkeys(list(Cause)[6:8], "pipeline"),
    **dict.fromkeys(list(Cause)[8:11], "drift"),
}

Severity = Literal["critical", "warning", "info"]
Answer = Literal["expected_drift", "fixed", "false_alarm", "confirmed", "other_cause"]
"""What people say of a verdict; ``confirmed``: the named cause was right, ``other_cause``: another one was."""


class Culprit(msgspec.Struct, frozen=True, kw_only=True):
    """A feature, slice or group that carries the gap."""

    kind: Annotated[Literal["feature", "slice", "group"], Meta(description="what carries it")]
    name: Annotated[str, Meta(description="the name of the feature, slice or group")]
    weight: Annotated[float, Meta(description="share of the suspicion, 0 to 1", ge=0, le=1)]


class SecondCause(msgspec.Struct, frozen=True, kw_only=True):
    """What explains the part of the gap that the first cause leaves."""

    cause: Cause
    probability: Annotated[float, Meta(description="given the first cause", ge=0, le=1)]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The cause that explains the gap best, how sure, why, and what would settle it."""

    cause: Cause
    family: Annotated[
        str, Meta(description="leakage, pipeline or drift; or the cause itself, of none and insufficient_evidence")
    ]
    confidence: Annotated[float, Meta(description="probability of the cause", ge=0, le=1)]
    probabilities: Annotated[dict[str, float], Meta(description="cause -> probability, summing to 1")]
    culprits: tuple[Culprit, ...] = ()
    reasons: Annotated[tuple[str, ...], Meta(description="the evidence in words, with its numbers")] = ()
    missing_evidence: Annotated[
        tuple[str, ...], Meta(description="what would settle it, and where it would come from")
    ] = ()
    minimum_detectable_gap: Annotated[
        dict[str, float], Meta(description="metric -> the smallest gap that the offline estimate could ever prove")
    ] = {}
    second: Annotated[SecondCause | None, Meta(description="a second cause beside the first, if one shows")] = None
    scorecard: Annotated[str | None, Meta(description="digest of the coefficients that weighed the evidence")] = None
    proven: Annotated[tuple[Cause, ...], Meta(description="causes that a proof names, likeliest or not")] = ()


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert over its life: when it fired, on how many outcomes, and when it was resolved."""

    name: Annotated[str, Meta(description="as in the alert rules")]
    severity: Annotated[Severity, Meta(description="how grave it is")]
    metric: Annotated[str | None, Meta(description="the metric that it is about, if about one")] = None
    slice: Annotated[str, Meta(description="where: all, or column=value")] = "all"
    cause: Cause | None = None
    fired_at: Annotated[str, Meta(description="event time, RFC 3339")]
    n_outcomes: Annotated[int, Meta(description="outcomes known when it fired", ge=0)]
    resolved_at: Annotated[str | None, Meta(description="event time, RFC 3339; null while it fires")] = None
    summary: Annotated[str, Meta(description="what moved, by how much, against which estimate, how sure")] = ""


class TimelinePoint(msgspec.Struct, frozen=True, kw_only=True):
    """The headline at one evaluation."""

    at: Annotated[str, Meta(description="event time, RFC 3339")]
    n_predictions: Annotated[int, Meta(description="predictions until then")]
    n_outcomes: Annotated[int, Meta(description="outcomes behind the headline")]
    metric: Annotated[str, Meta(description="the headline metric")]
    online: Annotated[float | None, Meta(description="its live estimate")]
    gap: Annotated[float | None, Meta(description="above 0: live is worse")]
    lower: Annotated[float | None, Meta(description="lower bound of the gap, valid at every look (95 %)")]
    upper: Annotated[float | None, Meta(description="upper bound of the gap, valid at every look (95 %)")]
    log_evidence: Annotated[float | None, Meta(description="log Bayes factor of a gap beyond the tolerance")]
    cause: Cause


class BaselineReference(msgspec.Struct, frozen=True, kw_only=True):
    """Which offline estimate this was held against."""

    digest: Annotated[str, Meta(description="of the file, sha256")]
    created_at: Annotated[str, Meta(description="RFC 3339")]
    n_rows: Annotated[int, Meta(description="validation rows in it")]
    split_protocol: Annotated[str | None, Meta(description="random, time or group, as the manifest states it")]


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody answered to a verdict, and the verdict as it stood then."""

    sequence: Annotated[int, Meta(description="of its entry in the audit log", ge=1)]
    at: Annotated[str, Meta(description="time of the clock, RFC 3339")]
    who: Annotated[str, Meta(description="the name that was logged in")]
    model: Annotated[str, Meta(description="the model")]
    version: Annotated[str, Meta(description="its version")]
    answer: Annotated[Answer, Meta(description="what was said of the verdict")]
    note: Annotated[str, Meta(description="why, in the words of who answered")]
    true_cause: Annotated[Cause | None, Meta(description="what it was, if somebody knows")] = None
    cause: Annotated[Cause, Meta(description="what the verdict named")]
    confidence: Annotated[float, Meta(description="of the verdict as it stood", ge=0, le=1)]
    probabilities: Annotated[dict[str, float], Meta(description="cause -> probability, as it stood")] = {}
    scorecard: Annotated[str | None, Meta(description="digest of the coefficients that weighed the evidence")] = None
    through: Annotated[str | None, Meta(description="event time of the report that was answered, RFC 3339")] = None
    baseline: Annotated[str, Meta(description="digest of the baseline that the model was held against")]


class Report(msgspec.Struct, frozen=True, kw_only=True, rename={"api_version": "apiVersion"}):
    """One model version, at one moment of event time."""

    api_version: Annotated[Literal["sentinel/v1"], Meta(description="the version of this format")] = API_VERSION
    kind: Annotated[Literal["Report"], Meta(description="what this object is")] = "Report"
    model: Annotated[str, Meta(description="the model")]
    version: Annotated[str, Meta(description="its version")]
    task: Annotated[str, Meta(description="binary, multiclass, regression or ranking")] = "binary"
    through: Annotated[str | None, Meta(description="event-time watermark, RFC 3339; null before the first event")]
    generated_by: Annotated[str, Meta(description="the program and its version")]
    baseline: BaselineReference
    counts: Annotated[dict[str, int], Meta(description="predictions, outcomes, joined, duplicates, dead_letters, ...")]
    dead_letters: Annotated[dict[str, int], Meta(description="reason -> events refused")] = {}
    verdict: Verdict
    findings: tuple[Finding, ...]
    features: tuple[FeatureFinding, ...] = ()
    launch: LaunchWindow
    change: Change | None = None
    shift: Shift | None = None
    score_drift: Drift | None = None
    counterfactuals: tuple[Counterfactual, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    maturity: Maturity | None = None
    residuals: Residuals | None = None
    offline_calibration: Calibration | None = None
    online_calibration: Calibration | None = None
    reliability: Annotated[tuple[ReliabilityBin, ...], Meta(description="outcome rate by score on both sides")] = ()
    delays: Delays | None = None
    alerts: tuple[Alert, ...] = ()
    timeline: tuple[TimelinePoint, ...] = ()
    acknowledgement: Annotated[
        Acknowledgement | None, Meta(description="the latest; of another verdict if its cause or baseline differs")
    ] = None


def is_acknowledged(report: Report) -> bool:
    """Whether somebody has answered to the cause that the verdict names now, held against the same baseline."""
    latest = report.acknowledgement
    if latest is None:
        return False
    return latest.cause is report.verdict.cause and latest.baseline == report.baseline.digest


def likeliest_others(verdict: Verdict, most: int) -> list[tuple[str, float]]:
    """What else it could be: at most so many causes with their probabilities, the likeliest first."""
    others = ((p, cause) for cause, p in verdict.probabilities.items() if cause != verdict.cause.value)
    return [(cause, p) for p, cause in sorted(others, reverse=True) if p >= WORTH_NAMING][:most]


def to_json(report: Report) -> bytes:
    """Encode a report as indented UTF-8 JSON, ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def from_json(data: bytes) -> Report:
    """Read what :func:`to_json` wrote.

    Raises
    ------
    msgspec.ValidationError
        If it is no report of this version; the message names the field.
    """
    return msgspec.json.decode(data, type=Report)


def report_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the report."""
    schema = msgspec.json.schema(Report)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "sentinel report", **schema}
