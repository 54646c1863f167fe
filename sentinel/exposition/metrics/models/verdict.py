"""What the verdict names, how sure it is, and which alerts the daemon holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.report import Cause, Report, is_acknowledged
from sentinel.exposition.labels import MODEL
from sentinel.exposition.metric import Metric
from sentinel.exposition.samples import Sample

MAX_CULPRITS: Final = 10
"""A verdict that suspects more than ten names none."""

ALERT_ACTIVE = Metric(
    "sentinel_alert_active",
    "gauge",
    "1 while the daemon holds this alert. Thresholds belong to the model, so the daemon decides and Prometheus routes.",
    (*MODEL, "alert", "severity", "metric", "slice", "cause"),
)
VERDICT = Metric(
    "sentinel_verdict", "gauge", "1 for the cause that the verdict names, 0 for every other.", (*MODEL, "cause")
)
CONFIDENCE = Metric("sentinel_verdict_confidence_ratio", "gauge", "How sure the verdict is, from 0 to 1.", MODEL)
ACKNOWLEDGED = Metric(
    "sentinel_verdict_acknowledged",
    "gauge",
    "1 while somebody has answered to the cause that the verdict names, else 0. Another cause is not answered to. "
    "It silences nothing.",
    MODEL,
)
CAUSE_PROBABILITY = Metric(
    "sentinel_cause_probability_ratio",
    "gauge",
    "Probability that this cause explains what is seen; the causes of one model version add up to 1.",
    (*MODEL, "cause"),
)
CULPRIT = Metric(
    "sentinel_culprit_weight_ratio",
    "gauge",
    "Share of the suspicion that one feature, slice or group carries; the ten heaviest of a verdict.",
    (*MODEL, "kind", "name"),
)


def of_report(report: Report) -> Iterator[Sample]:
    """The alerts that fire, the verdict and whom it suspects."""
    key, verdict = (report.model, report.version), report.verdict
    for alert in report.alerts:
        if alert.resolved_at is None:
            labels = (alert.name, alert.severity, alert.metric or "", alert.slice, alert.cause or "")
            yield ALERT_ACTIVE, (*key, *labels), 1
    for cause in Cause:
        yield VERDICT, (*key, cause), int(cause is verdict.cause)
        yield CAUSE_PROBABILITY, (*key, cause), verdict.probabilities.get(cause, 0.0)
    yield CONFIDENCE, key, verdict.confidence
    yield ACKNOWLEDGED, key, int(is_acknowledged(report))
    heaviest = sorted(verdict.culprits, key=lambda culprit: -culprit.weight)[:MAX_CULPRITS]
    for culprit in heaviest:
        yield CULPRIT, (*key, culprit.kind, culprit.name), culprit.weight
