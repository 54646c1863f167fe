"""The Report: what one model version's live traffic says, ready to be rendered. Everything an operator sees is here."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from sentinel.evaluation.findings import (
    Change,
    Counterfactual,
    Drift,
    FeatureFinding,
    Finding,
    LaunchWindow,
    Maturity,
    Overlap,
    Residuals,
    Shift,
)

API_VERSION: Literal["sentinel/v1"] = "sentinel/v1"


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


class Culprit(msgspec.Struct, frozen=True, kw_only=True):
    """A feature, slice or group that carries the gap."""

    kind: Literal["feature", "slice", "group"]
    name: str
    weight: Annotated[float, Meta(description="share of the suspicion, 0 to 1", ge=0, le=1)]


class SecondCause(msgspec.Struct, frozen=True, kw_only=True):
    """What explains the part of the gap that the first cause leaves."""

    cause: Cause
    probability: Annotated[float, Meta(description="given the first cause", ge=0, le=1)]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The cause that explains the gap best, how sure, why, and what would settle it."""

    cause: Cause
    family: str
    confidence: Annotated[float, Meta(ge=0, le=1)]
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


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert over its life: when it fired, on how many outcomes, and when it was resolved."""

    name: str
    severity: Severity
    metric: str | None = None
    slice: str = "all"
    cause: Cause | None = None
    fired_at: Annotated[str, Meta(description="event time, RFC 3339")]
    n_outcomes: Annotated[int, Meta(description="outcomes known when it fired", ge=0)]
    resolved_at: str | None = None
    summary: Annotated[str, Meta(description="what moved, by how much, against which estimate, how sure")] = ""


class TimelinePoint(msgspec.Struct, frozen=True, kw_only=True):
    """The headline at one evaluation."""

    at: Annotated[str, Meta(description="event time, RFC 3339")]
    n_predictions: int
    n_outcomes: int
    metric: str
    online: float | None
    gap: float | None
    lower: float | None
    upper: float | None
    log_evidence: float | None
    cause: Cause


class BaselineReference(msgspec.Struct, frozen=True, kw_only=True):
    """Which offline estimate this was held against."""

    digest: str
    created_at: str
    n_rows: int
    split_protocol: str | None


class Report(msgspec.Struct, frozen=True, kw_only=True, rename={"api_version": "apiVersion"}):
    """One model version, at one moment of event time."""

    api_version: Literal["sentinel/v1"] = API_VERSION
    kind: Literal["Report"] = "Report"
    model: str
    version: str
    task: str = "binary"
    through: Annotated[str | None, Meta(description="event-time watermark, RFC 3339; null before the first event")]
    generated_by: str
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
    alerts: tuple[Alert, ...] = ()
    timeline: tuple[TimelinePoint, ...] = ()


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
