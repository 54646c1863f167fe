"""What bears on the cause, over all traffic."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel.diagnosis.particulars import PART_WORDS
from sentinel.diagnosis.report import Report
from sentinel.exposition.labels import HEADLINE_SLICE, MODEL
from sentinel.exposition.metric import Metric
from sentinel.exposition.samples import Sample

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
OVERLAP = Metric(
    "sentinel_overlap_ratio",
    "gauge",
    "Share of rows, or of rows about entities, that the training data hold too.",
    (*MODEL, "of", "side"),
)


def of_report(report: Report) -> Iterator[Sample]:
    """What bears on the cause, over all traffic."""
    key = (report.model, report.version)
    for finding in report.findings:
        if finding.slice == HEADLINE_SLICE:
            for part, _ in PART_WORDS:
                labels = (*key, finding.metric, part)
                lower, upper = finding.parts.intervals.get(part, (None, None))
                yield GAP_PART, labels, getattr(finding.parts, part)
                yield GAP_PART_LOWER, labels, lower
                yield GAP_PART_UPPER, labels, upper
    if report.change is not None:
        for onset in ("none", "launch", "later"):
            yield ONSET_PROBABILITY, (*key, onset), getattr(report.change, onset)
    for repair in report.counterfactuals:
        yield EXPLAINED, (*key, repair.name), repair.explained
        yield CORRECTED_ESTIMATE, (*key, repair.name), repair.corrected.value
    if report.shift is not None:
        yield RECALIBRATION, (*key, "level"), report.shift.level
        yield RECALIBRATION, (*key, "slope"), report.shift.slope
    for overlap in report.overlaps:
        yield OVERLAP, (*key, overlap.of, "offline"), overlap.offline_ratio
        yield OVERLAP, (*key, overlap.of, "online"), overlap.online_ratio
