"""Another mix of slices brings other scores: both count towards the share of a gap that other inputs explain."""

from __future__ import annotations

import pytest

from sentinel.diagnosis.evidence import is_mix
from sentinel.evaluation.findings import Calibration, Evaluation, Finding, LaunchWindow, Parts, Value


def valued(value: float) -> Value:
    """An estimate of 5,000 events."""
    return Value(value=value, lower=value - 0.01, upper=value + 0.01, n=5_000)


def split(slice_mix: float | None, score_mix: float | None) -> Evaluation:
    """An AUC gap of .10 whose scores have kept their meaning."""
    headline = Finding(
        metric="auc",
        slice="all",
        offline=valued(0.9),
        online=valued(0.8),
        gap=0.1,
        lower=0.08,
        upper=0.12,
        log_evidence=20.0,
        parts=Parts(slice_mix=slice_mix, score_mix=score_mix, outcome=0.0, label_selection=0.0),
    )
    calibration = Calibration(slope=valued(1.0), intercept=valued(0.0))
    launch = LaunchWindow(complete=True, n_outcomes=1_000, through=None, gap=0.1, log_evidence=9.0, alarm=True)
    return Evaluation(
        findings=(headline,),
        features=(),
        launch=launch,
        offline_calibration=calibration,
        online_calibration=calibration,
    )


@pytest.mark.parametrize(
    ("slice_mix", "score_mix", "expected"),
    [(0.04, 0.03, True), (None, 0.07, True), (0.07, 0.0, True), (0.02, 0.03, False), (-0.04, 0.07, False)],
)
def test_slices_and_scores_count_together(slice_mix: float | None, score_mix: float, expected: bool) -> None:
    """Six tenths of the gap or more, in one part or in two, is a mix."""
    assert is_mix(split(slice_mix, score_mix)) is expected


def test_what_was_not_attributed_is_no_mix() -> None:
    """Without parts nothing is explained by other inputs."""
    assert not is_mix(split(None, None))
