"""How far the score and each feature have moved from what they were offline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.report import Report
from sentinel.evaluation.findings import Drift, FeatureFinding
from sentinel.exposition.labels import FEATURE
from sentinel.exposition.metric import Metric
from sentinel.exposition.samples import Sample

SCORE: Final = "@score"
"""Stands in the place of a feature's name."""

DRIFT_STATISTIC = Metric(
    "sentinel_drift_statistic",
    "gauge",
    "How far a feature's live distribution is from the baseline's, or that of the score (feature @score). "
    "stability_index: PSI above its mean by chance; wasserstein: in offline interquartile ranges.",
    (*FEATURE, "statistic"),
)


def of_report(report: Report) -> Iterator[Sample]:
    """That of the score."""
    if report.score_drift is not None:
        yield from _samples((report.model, report.version, SCORE), report.score_drift)


def of_feature(report: Report, feature: FeatureFinding) -> Iterator[Sample]:
    """That of a feature."""
    if feature.drift is not None:
        yield from _samples((report.model, report.version, feature.name), feature.drift)


def _samples(key: tuple[str, str, str], drift: Drift) -> Iterator[Sample]:
    yield DRIFT_STATISTIC, (*key, "stability_index"), drift.excess_psi
    for statistic in ("jensen_shannon", "wasserstein", "kolmogorov_smirnov", "log_evidence"):
        yield DRIFT_STATISTIC, (*key, statistic), getattr(drift, statistic)
