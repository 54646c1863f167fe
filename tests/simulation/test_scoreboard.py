"""The scoreboard counts hand-made verdicts as a hand would."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import pytest

from sentinel.baseline.artifact import BaselineMeta
from sentinel.diagnosis.report import Cause, Verdict
from sentinel.diagnosis.scorecard import NAMED
from sentinel.simulation import scoreboard
from sentinel.simulation.runner import Look, Planted, Watched
from sentinel.simulation.scoreboard import WORTH_KNOWING, Judged, expected_calibration_error, lines, quality
from tests.diagnosis.test_mix import split

LEAK, DUPLICATE, CONCEPT = Cause.TARGET_LEAKAGE, Cause.DUPLICATE_LEAKAGE, Cause.CONCEPT_DRIFT
UNDECIDED = Cause.INSUFFICIENT_EVIDENCE


def planted(cause: Cause, *, gap: float = 0.1, second: Cause | None = None, name: str = "x") -> Planted:
    """A stream with this cause and true gap."""
    return Planted(
        generator="loans",
        name=name,
        seed=1,
        cause=cause.value,
        second=None if second is None else second.value,
        severity="large",
        offline_auc=0.8,
        online_auc=0.8 - gap,
    )


def judged(
    truth: Cause,
    said: dict[Cause, float],
    *,
    gap: float = 0.1,
    second: Cause | None = None,
    detectable: float | None = None,
) -> Judged:
    """A verdict on the last look: the likeliest of what is said; what is left goes to all others alike."""
    cause = max(said, key=lambda one: said[one])
    others = [one for one in Cause if one not in said]
    left = (1.0 - sum(said.values())) / len(others)
    verdict = Verdict(
        cause=cause,
        family=cause.family,
        confidence=said[cause],
        probabilities={one.value: said.get(one, left) for one in Cause},
        minimum_detectable_gap={} if detectable is None else {"auc": detectable},
    )
    look = Look(fraction=1.0, n_predictions=9, n_outcomes=9, at_us=1, evaluation=split(0.0, 0.0))
    return Judged(planted(truth, gap=gap, second=second), look, truth, verdict)


FOUR = [
    judged(LEAK, {LEAK: 0.92}),
    judged(LEAK, {LEAK: 0.92}),
    judged(LEAK, {DUPLICATE: 0.85, LEAK: 0.1}),
    judged(CONCEPT, {LEAK: 0.6, CONCEPT: 0.25}),
]
"""Right, right, wrong within the family and sure, wrong beyond it and unsure."""


def test_shares_are_counted() -> None:
    """Two of four are right, three in family, three sure, two of the sure right, all four among the first three."""
    found = quality(FOUR)
    assert (found.n, found.top_1, found.family, found.top_3) == (4, 0.5, 0.75, 1.0)
    assert found.confident == 0.75
    assert found.confident_right == pytest.approx(2 / 3)


def test_log_loss_is_of_the_truth() -> None:
    """The mean of minus the logarithm of what the truth was given: .92, .92, .1 and .25."""
    expected = -(2 * math.log(0.92) + math.log(0.1) + math.log(0.25)) / 4
    assert quality(FOUR).log_loss == pytest.approx(expected)


def test_calibration_error_by_hand() -> None:
    """Bin .9 to 1 is .08 off twice, .8 to .9 is .85 off once, .6 to .7 is .6 off once, of four."""
    assert quality(FOUR).calibration_error == pytest.approx((2 * 0.08 + 0.85 + 0.6) / 4)


def test_what_is_as_sure_as_it_is_right_has_no_calibration_error() -> None:
    """Of ten at .7 seven are right, of four at 1 all are."""
    confidence = np.array([0.7] * 10 + [1.0] * 4)
    right = np.array([1.0] * 7 + [0.0] * 3 + [1.0] * 4)
    assert expected_calibration_error(confidence, right) == pytest.approx(0.0, abs=1e-12)


def test_nothing_sure_is_neither_right_nor_wrong() -> None:
    """Without a confident verdict their share is 0, and how many are right is not known."""
    found = quality([judged(LEAK, {LEAK: 0.5})])
    assert (found.confident, found.confident_right) == (0.0, None)


@pytest.mark.parametrize("said", [LEAK, CONCEPT])
def test_of_two_causes_either_is_right(said: Cause) -> None:
    """The verdict names one; the other one would have been as right."""
    assert judged(LEAK, {said: 0.9}, second=CONCEPT).right
    assert not judged(LEAK, {DUPLICATE: 0.9}, second=CONCEPT).right


@pytest.mark.parametrize(("gap", "right"), [(WORTH_KNOWING - 1e-6, True), (WORTH_KNOWING + 1e-6, False), (-0.1, True)])
def test_none_is_right_of_a_gap_not_worth_knowing(gap: float, right: bool) -> None:
    """Up to what a verdict of none promises to exclude, and no further; the planted cause stays right."""
    planted_none = judged(CONCEPT, {Cause.NONE: 0.9}, gap=gap)
    assert planted_none.right is right
    assert planted_none.right_family is right
    assert judged(CONCEPT, {CONCEPT: 0.9}, gap=gap).right


def stream(cause: Cause, alarmed_at: int | None, name: str = "loans:x:y") -> Watched:
    """A watched stream, of which the printed tables need only the truth and the alarm."""
    positives = None if alarmed_at is None else alarmed_at // 4
    return Watched(
        planted=planted(cause, name=name),
        meta=cast(BaselineMeta, None),
        looks=(),
        alarmed_at=alarmed_at,
        alarmed_at_positives=positives,
        n_events=1_000,
    )


def printed(monkeypatch: pytest.MonkeyPatch, verdicts: list[Judged], watched: list[Watched]) -> list[str]:
    """What is printed of these."""
    monkeypatch.setattr(scoreboard, "judge", lambda *_: verdicts)
    return list(lines(watched))


def line_with(text: list[str], start: str) -> str:
    """The one line that begins so."""
    (found,) = [line for line in text if line.strip().startswith(start)]
    return found


def test_confusion_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are truths, columns verdicts, in the order of the causes; who abstains is in no cell."""
    text = printed(monkeypatch, [*FOUR, judged(CONCEPT, {UNDECIDED: 0.9})], [])
    at = next(i for i, line in enumerate(text) if line.startswith("Truth (rows)"))
    assert text[at + 1].split() == [cause.value[:9] for cause in (LEAK, DUPLICATE, CONCEPT)]
    assert [line.split() for line in text[at + 2 : at + 5]] == [
        ["target_leakage", "2", "1", "."],
        ["duplicate_leakage", ".", ".", "."],
        ["concept_drift", "1", ".", "."],
    ]


def test_alarms_on_benign_streams_have_a_wilson_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """3 of 20 raised: centre and half width of the interval by its closed form at 95 %."""
    benign = [stream(Cause.NONE, 500 if i < 3 else None, f"loans:none:{'ab'[i % 2]}") for i in range(20)]
    text = printed(monkeypatch, [], [*benign, stream(LEAK, 100)])
    z, n, share = 1.959963984540054, 20, 3 / 20
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    expected = ["all", "3", "of", "20", f"[{centre - half:.3f},", f"{centre + half:.3f}]"]
    assert line_with(text, "all").split() == expected
    assert line_with(text, "loans:none:a").split()[1:4] == ["2", "of", "10"]  # streams 0 and 2


def test_alarms_blamed_on_leakage_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two benign looks one has .85 of leakage in all, of two kinds: it is counted."""
    looks = [judged(Cause.NONE, {LEAK: 0.45, DUPLICATE: 0.4}), judged(Cause.NONE, {Cause.NONE: 0.9})]
    assert line_with(printed(monkeypatch, looks, []), "looks at them").endswith(": 1")


def test_detection_is_by_cause_and_severity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of four raised, after 100 and 300 outcomes: half, the median 200, 90 % at 280, 50 positives."""
    streams = [stream(LEAK, at) for at in (100, 300, None, None)]
    row = line_with(printed(monkeypatch, [], streams), "target_leakage").split()
    assert row == ["target_leakage", "large", "4", "0.100", "0.50", "200", "280", "50"]


def test_abstentions_are_told_with_what_they_could_ever_see(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of four end without a verdict, their minimum detectable gaps .05, .07 and not known: .06 in the middle."""
    looks = [
        judged(LEAK, {UNDECIDED: 0.9}, detectable=0.05),
        judged(CONCEPT, {UNDECIDED: 0.9}, detectable=0.07),
        judged(CONCEPT, {UNDECIDED: 0.9}),
        judged(LEAK, {LEAK: 0.9}),
    ]
    text = printed(monkeypatch, looks, [])
    assert line_with(text, "Insufficient evidence").endswith(": 3 of 4 streams (75.0%)")
    assert line_with(text, "median minimum detectable gap").endswith(": 0.060 AUC")
    assert line_with(text, "planted:").strip() == "planted: concept_drift 2, target_leakage 1"


def test_what_counts_as_right_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the figures stands up to which gap a verdict of none is taken as right."""
    text = " ".join(printed(monkeypatch, FOUR, []))
    assert f"at most {WORTH_KNOWING:.2f} AUC, none is right too" in text


def test_nothing_decided_prints_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only abstentions: no share is computed of no verdict."""
    text = printed(monkeypatch, [judged(cause, {UNDECIDED: 0.9}) for cause in NAMED], [])
    assert "Verdicts at the end of the stream: 0 of 12 decided" in text
    assert not any("top-1" in line for line in text)
