"""Every metric that sentinel exposes, declared once: what renders, documents and alerts on metrics reads this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MetricType = Literal["gauge", "counter", "histogram", "summary", "info"]
UNITS = ("seconds", "bytes", "ratio")
"""Base units. A family that ends in one of them also declares it in OpenMetrics."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family.

    Attributes
    ----------
    name : str
        As it is queried; counters end in ``_total``.
    type : str
    help : str
        One paragraph that a stranger understands.
    labels : tuple of str
    """

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The family's name in OpenMetrics, which keeps ``_total`` and ``_info`` to the samples."""
        suffix = {"counter": "_total", "info": "_info"}.get(self.type, "")
        return self.name.removesuffix(suffix)

    @property
    def unit(self) -> str:
        """The base unit that the family's name ends in, or an empty string."""
        return next((unit for unit in UNITS if self.family.endswith(f"_{unit}")), "")


MODEL = ("model", "version")
FINDING = (*MODEL, "metric", "slice")
FEATURE = (*MODEL, "feature")


def _with_bounds(name: str, what: str, bounds: str) -> tuple[Metric, Metric, Metric]:
    return (
        Metric(name, "gauge", what, FINDING),
        Metric(f"{name}_lower", "gauge", f"Lower bound of {name}, {bounds}.", FINDING),
        Metric(f"{name}_upper", "gauge", f"Upper bound of {name}, {bounds}.", FINDING),
    )


_INTERVAL = "95 % interval"
FINDING_METRICS: tuple[Metric, ...] = (
    *_with_bounds(
        "sentinel_offline_estimate",
        "What offline validation promised for this metric in this slice. Compare only within one metric label.",
        _INTERVAL,
    ),
    *_with_bounds("sentinel_online_estimate", "What live outcomes say about this metric in this slice.", _INTERVAL),
    *_with_bounds(
        "sentinel_expected_estimate",
        "What this metric should be before outcomes arrive, if the scores could be trusted.",
        _INTERVAL,
    ),
    *_with_bounds(
        "sentinel_gap",
        "Offline estimate against live, signed so that above 0 means live is worse.",
        "95 %, valid however often one looks",
    ),
    Metric(
        "sentinel_gap_log_evidence",
        "gauge",
        "Natural log of the odds that outcomes give to a gap beyond the tolerance over none. 4.6 is one in a hundred.",
        FINDING,
    ),
    Metric(
        "sentinel_minimum_detectable_gap",
        "gauge",
        "The smallest gap that this offline estimate could ever prove, however many outcomes arrive.",
        FINDING,
    ),
)
"""In the order of the values that the snapshot takes from a finding."""

OUTCOMES_BEHIND = Metric(
    "sentinel_estimate_outcomes",
    "gauge",
    "Predictions with a known outcome behind the estimates of a slice, on the offline or the online side.",
    (*MODEL, "slice", "side"),
)
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
VERDICT = Metric(
    "sentinel_verdict", "gauge", "1 for the cause that the verdict names, 0 for every other.", (*MODEL, "cause")
)
CONFIDENCE = Metric("sentinel_verdict_confidence_ratio", "gauge", "How sure the verdict is, from 0 to 1.", MODEL)
CULPRIT = Metric(
    "sentinel_culprit_weight_ratio",
    "gauge",
    "Share of the suspicion that one feature, slice or group carries; the ten heaviest of a verdict.",
    (*MODEL, "kind", "name"),
)
ALERT_ACTIVE = Metric(
    "sentinel_alert_active",
    "gauge",
    "1 while the daemon holds this alert. Thresholds belong to the model, so the daemon decides and Prometheus routes.",
    (*MODEL, "alert", "severity", "metric", "slice", "cause"),
)
FEATURE_AUC = Metric(
    "sentinel_feature_auc",
    "gauge",
    "AUC of one feature alone against the outcome, offline or online. A leak knows the outcome offline only.",
    (*FEATURE, "side"),
)
FEATURE_COLLAPSE = Metric(
    "sentinel_feature_collapse",
    "gauge",
    "What a feature lost of its association with the outcome since offline, in standard errors; above 0 is lost.",
    FEATURE,
)
FEATURE_MISSING = Metric(
    "sentinel_feature_missing_ratio", "gauge", "Share of rows without a value of this feature.", (*FEATURE, "side")
)
FEATURE_TOP_SHARE = Metric(
    "sentinel_feature_top_share_ratio",
    "gauge",
    "Share of rows in a feature's commonest bin; near 1 it is a constant.",
    (*FEATURE, "side"),
)
FEATURE_UNSEEN = Metric(
    "sentinel_feature_unseen_ratio",
    "gauge",
    "Share of live rows whose value the baseline never saw: an unknown category, or out of range.",
    FEATURE,
)
DRIFT_STATISTIC = Metric(
    "sentinel_drift_statistic",
    "gauge",
    "How far a feature's live distribution is from the baseline's, or that of the score (feature @score). "
    "stability_index: PSI above its mean by chance; wasserstein: in offline interquartile ranges.",
    (*FEATURE, "statistic"),
)
FEATURE_FAULT = Metric(
    "sentinel_feature_fault_ratio",
    "gauge",
    "Share of the predictions in a stretch that still lasts to which a feature was served otherwise than offline.",
    (*FEATURE, "kind"),
)
GAP_PART = Metric(
    "sentinel_gap_part",
    "gauge",
    "What one step adds to the gap of a metric; the parts add up to the gap. Above 0 it makes live worse.",
    (*MODEL, "metric", "part"),
)
GAP_PART_LOWER, GAP_PART_UPPER = (
    Metric(
        f"sentinel_gap_part_{side}",
        "gauge",
        f"{side.title()} bound of sentinel_gap_part, 95 % interval, where it was computed.",
        (*MODEL, "metric", "part"),
    )
    for side in ("lower", "upper")
)
ONSET_PROBABILITY = Metric(
    "sentinel_onset_probability_ratio",
    "gauge",
    "Probability that there is no gap, one from launch on, or one that began later; the three add up to 1.",
    (*MODEL, "onset"),
)
EXPLAINED = Metric(
    "sentinel_explained_ratio",
    "gauge",
    "Share of the gap that taking one known leak out of the offline estimate explains.",
    (*MODEL, "repair"),
)
CORRECTED_ESTIMATE = Metric(
    "sentinel_corrected_estimate",
    "gauge",
    "The offline AUC with one known leak taken out; it stands beside sentinel_offline_estimate of the metric auc.",
    (*MODEL, "repair"),
)
RECALIBRATION = Metric(
    "sentinel_recalibration_log_odds",
    "gauge",
    "What it takes to recalibrate the live scores: a constant (level), or a factor less 1 (slope). 0 is as offline.",
    (*MODEL, "part"),
)
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
FEATURE_TOO_LATE = Metric(
    "sentinel_feature_after_prediction_ratio",
    "gauge",
    "Share of a feature's values, of those with a time, that were written after the prediction they served.",
    (*FEATURE, "side"),
)
FEATURE_BACKFILLED = Metric(
    "sentinel_feature_backfill_mismatch_ratio",
    "gauge",
    "Share of a feature's values, of those recomputed afterwards, that were served otherwise.",
    FEATURE,
)
OVERLAP = Metric(
    "sentinel_overlap_ratio",
    "gauge",
    "Share of rows, or of rows about entities, that the training data hold too.",
    (*MODEL, "of", "side"),
)

REPORT_METRICS: tuple[Metric, ...] = (
    ALERT_ACTIVE,
    VERDICT,
    CONFIDENCE,
    ACKNOWLEDGED,
    CAUSE_PROBABILITY,
    CULPRIT,
    *FINDING_METRICS,
    OUTCOMES_BEHIND,
    GAP_PART,
    GAP_PART_LOWER,
    GAP_PART_UPPER,
    ONSET_PROBABILITY,
    EXPLAINED,
    CORRECTED_ESTIMATE,
    RECALIBRATION,
    OVERLAP,
    MODEL_EVENTS,
    OUTCOME_MATURITY,
    MATURE_PREDICTIONS,
    LOWEST_COVERAGE,
    DELAY_CHANGE,
    FEATURE_AUC,
    FEATURE_COLLAPSE,
    FEATURE_MISSING,
    FEATURE_TOP_SHARE,
    FEATURE_UNSEEN,
    FEATURE_FAULT,
    FEATURE_TOO_LATE,
    FEATURE_BACKFILLED,
    DRIFT_STATISTIC,
)
"""What is rendered from reports, once per evaluation."""

BUILD_INFO = Metric("sentinel_build_info", "info", "Always 1; the labels say what is running.", ("version", "python"))
READY = Metric("sentinel_ready", "gauge", "1 when baselines are loaded and partitions are assigned, else 0.")
LOOP_LAST_TURN = Metric(
    "sentinel_loop_last_turn_timestamp_seconds",
    "gauge",
    "When the event loop last came round, with events or without. If it stands still, the process is stuck.",
)
EVENTS = Metric(
    "sentinel_events_total",
    "counter",
    "Events read, by kind and what became of them; refused ones are result dead_letter.",
    ("kind", "result"),
)
DEAD_LETTERS = Metric(
    "sentinel_dead_letters_total", "counter", "Events refused, by what was wrong with them.", ("reason",)
)
JOIN_PENDING = Metric(
    "sentinel_join_pending", "gauge", "Predictions and outcomes that wait for their other half.", ("partition",)
)
CONSUMER_LAG = Metric(
    "sentinel_consumer_lag_messages",
    "gauge",
    "Messages between what was read and the last known end of the partition.",
    ("topic", "partition"),
)
PARTITIONS_ASSIGNED = Metric("sentinel_partitions_assigned", "gauge", "Input partitions that this process reads.")
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
STORE_ROWS = Metric("sentinel_store_rows", "gauge", "Rows in the join stores of this process.")
STORE_BYTES = Metric("sentinel_store_bytes", "gauge", "Bytes that the join stores of this process take on disk.")
CHECKPOINT_LAST_SUCCESS = Metric(
    "sentinel_checkpoint_last_success_timestamp_seconds", "gauge", "When counts and offsets were last made durable."
)
CHECKPOINT_FAILURES = Metric(
    "sentinel_checkpoint_failures_total", "counter", "Attempts to make counts and offsets durable that failed."
)
EVALUATION_DURATION = Metric(
    "sentinel_evaluation_duration_seconds", "summary", "Time that evaluations took: their sum and their number."
)
EVALUATION_FAILURES = Metric(
    "sentinel_evaluation_failures_total", "counter", "Evaluations that failed and left the last report standing."
)
RELOAD_SUCCESSFUL = Metric(
    "sentinel_config_last_reload_successful", "gauge", "1 when the last load of the configuration succeeded, else 0."
)
RELOAD_SUCCESS_TIME = Metric(
    "sentinel_config_last_reload_success_timestamp_seconds",
    "gauge",
    "When the configuration was last loaded with success.",
)
LOG_EVENTS = Metric(
    "sentinel_log_events_total", "counter", "Log events, those held back by the limiter included.", ("level", "event")
)
ANNOTATIONS = Metric(
    "sentinel_grafana_annotations_total",
    "counter",
    "Changes of verdict for Grafana, by what became of them: written, refused by it, or dropped from a full queue.",
    ("result",),
)
ANNOTATION_FAILURES = Metric(
    "sentinel_grafana_failures_total", "counter", "Failed attempts to write to Grafana, by reason.", ("reason",)
)
REQUESTS_REFUSED = Metric(
    "sentinel_http_requests_refused_total",
    "counter",
    "HTTP requests and connections refused, by reason: login (no credentials or wrong ones), guessing (too many failed "
    "logins), rate, size, host (a name that is not served), form (not well-formed or compressed), tls (no handshake), "
    "connections (closed for newer ones).",
    ("reason",),
)
SERIES = Metric("sentinel_series", "gauge", "Time series that the reports take in this scrape.")
SERIES_LIMIT = Metric("sentinel_series_limit", "gauge", "Time series that the reports may take: limits.max_series.")
SERIES_DROPPED = Metric(
    "sentinel_series_dropped_total",
    "counter",
    "Time series left out of an evaluation's snapshot, by reason; the full table is in the report over HTTP.",
    ("reason",),
)
COLLECTOR_DURATION = Metric(
    "sentinel_collector_duration_seconds", "gauge", "Time that this scrape took to collect and render."
)

DAEMON_METRICS: tuple[Metric, ...] = (
    BUILD_INFO,
    READY,
    LOOP_LAST_TURN,
    EVENTS,
    DEAD_LETTERS,
    JOIN_PENDING,
    CONSUMER_LAG,
    PARTITIONS_ASSIGNED,
    WATERMARK,
    BASELINE_CREATED,
    BASELINE_VALIDATION_END,
    BASELINE_MAX_AGE,
    OUTCOME_COVERAGE,
    OUTCOME_DELAY,
    STORE_ROWS,
    STORE_BYTES,
    CHECKPOINT_LAST_SUCCESS,
    CHECKPOINT_FAILURES,
    EVALUATION_DURATION,
    EVALUATION_FAILURES,
    RELOAD_SUCCESSFUL,
    RELOAD_SUCCESS_TIME,
    LOG_EVENTS,
    ANNOTATIONS,
    ANNOTATION_FAILURES,
    REQUESTS_REFUSED,
    SERIES,
    SERIES_LIMIT,
    SERIES_DROPPED,
    COLLECTOR_DURATION,
)
"""What is rendered from the daemon's statistics, at every scrape."""

METRICS: tuple[Metric, ...] = (*REPORT_METRICS, *DAEMON_METRICS)
