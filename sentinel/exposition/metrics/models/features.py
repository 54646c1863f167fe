"""What each feature told of the outcome, and how it is served."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel.diagnosis.report import Report
from sentinel.evaluation.findings import FeatureFinding, Value
from sentinel.exposition.labels import FEATURE
from sentinel.exposition.metric import Metric
from sentinel.exposition.samples import Sample

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
FEATURE_FAULT = Metric(
    "sentinel_feature_fault_ratio",
    "gauge",
    "Share of the predictions in a stretch that still lasts to which a feature was served otherwise than offline.",
    (*FEATURE, "kind"),
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


def of_feature(report: Report, feature: FeatureFinding) -> Iterator[Sample]:
    """All of one feature: what it told of the outcome, and how it is served."""
    key = (report.model, report.version, feature.name)
    sides: tuple[tuple[str, Value, float, float], ...] = (
        ("offline", feature.offline_auc, feature.offline_missing_ratio, feature.offline_top_share),
        ("online", feature.online_auc, feature.online_missing_ratio, feature.online_top_share),
    )
    for side, auc, missing_ratio, top_share in sides:
        yield FEATURE_AUC, (*key, side), auc.value
        yield FEATURE_MISSING, (*key, side), missing_ratio
        yield FEATURE_TOP_SHARE, (*key, side), top_share
    yield FEATURE_COLLAPSE, key, feature.collapse
    yield FEATURE_UNSEEN, key, feature.online_unseen_ratio
    for fault in feature.faults:
        if fault.until is None:
            yield FEATURE_FAULT, (*key, fault.kind), fault.ratio
    if feature.ages is not None:
        offline, online = feature.ages.offline_after_prediction_ratio, feature.ages.after_prediction_ratio
        yield FEATURE_TOO_LATE, (*key, "offline"), offline if feature.ages.offline_n else None
        yield FEATURE_TOO_LATE, (*key, "online"), online if feature.ages.n else None
    if feature.backfill is not None:
        yield FEATURE_BACKFILLED, key, feature.backfill.mismatch_ratio
