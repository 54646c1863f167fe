"""Every metric about models, declared once: what is rendered from the reports."""

from __future__ import annotations

from sentinel.exposition.metric import Metric

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
