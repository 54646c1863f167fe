"""How many predictions and outcomes there are, and how late the outcomes come."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel.diagnosis.report import Report
from sentinel.exposition.labels import MODEL
from sentinel.exposition.metric import Metric
from sentinel.exposition.samples import Sample

MODEL_EVENTS = Metric(
    "sentinel_model_events",
    "gauge",
    "Events behind the report of a model version, by what became of them: the report's counts.",
    (*MODEL, "result"),
)
OUTCOME_MATURITY = Metric(
    "sentinel_outcome_maturity_seconds", "gauge", "Age at which an outcome is taken as settled.", MODEL
)
MATURE_PREDICTIONS = Metric(
    "sentinel_mature_predictions", "gauge", "Predictions old enough to be judged by their outcomes.", MODEL
)
LOWEST_COVERAGE = Metric(
    "sentinel_outcome_lowest_coverage_ratio",
    "gauge",
    "Share of mature predictions with an outcome in the tenth of scores where it is lowest: selective outcomes.",
    MODEL,
)
DELAY_CHANGE = Metric(
    "sentinel_outcome_delay_change_ratio", "gauge", "Median delay of outcomes, live over offline.", MODEL
)


def of_report(report: Report) -> Iterator[Sample]:
    """How many predictions and outcomes there are, and how late the outcomes come."""
    key, maturity = (report.model, report.version), report.maturity
    for result, n_events in report.counts.items():
        yield MODEL_EVENTS, (*key, result), n_events
    if maturity is not None:
        yield OUTCOME_MATURITY, key, maturity.seconds
        yield MATURE_PREDICTIONS, key, maturity.n_mature
        yield LOWEST_COVERAGE, key, maturity.lowest_coverage_ratio
        yield DELAY_CHANGE, key, maturity.delay_ratio
