"""How far the judges are, by which baseline they judge, and what evaluations take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.exposition.family import Family, of_rows, one
from sentinel.exposition.labels import MODEL
from sentinel.exposition.metric import Metric
from sentinel.exposition.rendering import histogram, summary
from sentinel.exposition.statistics import DaemonStatistics
from sentinel.summaries.kinds.delays import DELAY_EDGES_SECONDS

OF: Final = "judges"


WATERMARK = Metric(
    "sentinel_watermark_timestamp_seconds", "gauge", "Event time up to which predictions have been read.", MODEL
)
BASELINE_CREATED = Metric(
    "sentinel_baseline_created_timestamp_seconds", "gauge", "When the baseline in use was built or promoted.", MODEL
)
BASELINE_VALIDATION_END = Metric(
    "sentinel_baseline_validation_end_timestamp_seconds",
    "gauge",
    "Event time of the last validation row behind the baseline in use: how recent the offline estimate is.",
    MODEL,
)
BASELINE_MAX_AGE = Metric(
    "sentinel_baseline_max_age_seconds",
    "gauge",
    "How far the watermark may run ahead of the baseline's validation rows: alerts.baseline_max_age of the model.",
    MODEL,
)
OUTCOME_COVERAGE = Metric(
    "sentinel_outcome_coverage_ratio",
    "gauge",
    "Share of predictions older than the outcome maturity that have an outcome, as in the report; where the baseline "
    "knows no delays, of those past the outcome horizon.",
    MODEL,
)
OUTCOME_DELAY = Metric(
    "sentinel_outcome_delay_seconds",
    "histogram",
    "Time from a prediction to its outcome. Counts without a sum; a corrected outcome moves between buckets.",
    MODEL,
)
EVALUATION_DURATION = Metric(
    "sentinel_evaluation_duration_seconds", "summary", "Time that evaluations took: their sum and their number."
)
EVALUATION_FAILURES = Metric(
    "sentinel_evaluation_failures_total", "counter", "Evaluations that failed and left the last report standing."
)


def read(s: DaemonStatistics) -> Iterator[Family]:
    """Of each model version that is judged, and of the evaluations of all."""
    yield of_rows(WATERMARK, {key: us / MICROSECONDS_PER_SECOND for key, us in s.watermarks_us.items()})
    yield from _baselines(s)
    yield of_rows(OUTCOME_COVERAGE, {key: share for key, share in s.coverage.items() if share is not None})
    delays = (histogram(OUTCOME_DELAY, key, DELAY_EDGES_SECONDS, bins.tolist()) for key, bins in s.delays.items())
    yield OUTCOME_DELAY, "".join(delays)
    yield EVALUATION_DURATION, summary(EVALUATION_DURATION, (), s.evaluations, s.evaluation_seconds)
    yield one(EVALUATION_FAILURES, s.evaluation_failures)


def _baselines(s: DaemonStatistics) -> Iterator[Family]:
    times = s.baselines
    ends = {key: each.validation_end_us for key, each in times.items() if each.validation_end_us is not None}
    yield of_rows(BASELINE_CREATED, {key: each.created_us / MICROSECONDS_PER_SECOND for key, each in times.items()})
    yield of_rows(BASELINE_VALIDATION_END, {key: us / MICROSECONDS_PER_SECOND for key, us in ends.items()})
    yield of_rows(BASELINE_MAX_AGE, {key: each.max_age_seconds for key, each in times.items()})
