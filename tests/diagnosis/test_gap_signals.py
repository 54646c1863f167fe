"""What is read of the gap: its size, when it came, which step opened it, what scores mean since; values by hand."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from sentinel.config.alerts import Alerts
from sentinel.diagnosis.evidence import gather
from sentinel.diagnosis.signatures import Signal, read_signals
from sentinel.evaluation.findings import Calibration, Change, LaunchWindow, Maturity, Overlap, Shift, Value
from sentinel.stats.intervals import INTERVAL_REACH
from tests.diagnosis.test_mix import split, valued
from tests.evaluation.worlds import Meta

PLAIN = split(0.02, 0.07)
HEADLINE, LAUNCH = PLAIN.findings[0], PLAIN.launch


def read(**changes: Any) -> dict[str, Signal]:
    """Every signal of an AUC gap of .10 from .90, of which .09 is other scores and slices."""
    found = msgspec.structs.replace(PLAIN, **changes)
    return read_signals(gather(found, Meta(), {"predictions": 5_000, "joined": 5_000}, Alerts()))


def of_gap(**changes: Any) -> dict[str, Signal]:
    """Every signal with another headline."""
    return read(findings=(msgspec.structs.replace(HEADLINE, **changes),))


def launched(later_gap: float | None = None, *, alarm: bool = True, confirmed: bool = False, **changes: Any) -> Any:
    """Every signal with another launch window, of a gap with an alarm or without."""
    window = msgspec.structs.replace(LAUNCH, **changes)
    headline = msgspec.structs.replace(HEADLINE, alarm=alarm)
    return read(launch=window, findings=(headline,), later_gap=later_gap, confirmed=confirmed)


def test_the_gap_is_read() -> None:
    """Its evidence by the log of one more, its size in doublings of .05, and in standard errors of the offline side."""
    found = of_gap()
    assert found["gap_evidence"].value == pytest.approx(math.log(21.0))
    assert found["gap_size"].value == pytest.approx(1.0)
    assert found["gap_size"].words == "the gap is 0.100 AUC"
    errors = 0.1 / (0.01 / INTERVAL_REACH)
    assert found["gap_in_offline_errors"].value == pytest.approx(math.log1p(errors))
    assert found["gap_in_offline_errors"].words == "the gap is 19.6 standard errors of the offline estimate"


@pytest.mark.parametrize(("gap", "size"), [(0.9, 3.0), (0.01, math.log2(0.2)), (-0.2, math.log2(0.2)), (None, None)])
def test_the_size_of_a_gap_has_bounds(gap: float | None, size: float | None) -> None:
    """Eight times .05 is the most, .01 the least, and no gap has no size, nor words for one."""
    found = of_gap(gap=gap)
    assert found["gap_size"].value == (None if size is None else pytest.approx(size))
    assert (found["gap_in_offline_errors"].words is None) is (gap is None)


def test_the_launch_is_read() -> None:
    """Its evidence, its share of the gap, and by how much of it the gap has grown."""
    found = launched(0.15, gap=0.05)
    assert found["launch_evidence"].value == pytest.approx(math.log(10.0))
    assert found["launch_share"].value == pytest.approx(0.5)
    assert found["growth"].value == pytest.approx(1.0)
    assert found["confirmed"].value == 0.0
    assert launched(0.15, confirmed=True)["confirmed"].value == 1.0
    assert launched(gap=0.9)["launch_share"].value == launched(0.9, gap=0.1)["growth"].value == 1.5
    assert launched(gap=-0.9)["launch_share"].value == -0.5
    assert launched(-0.9)["growth"].value == -1.5
    assert launched(None)["growth"].value is None
    assert [launched(0.1, gap=None)[name].value for name in ("launch_share", "growth")] == [None, None]


SIZE = "+0.100 AUC in its first 1000 outcomes"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gap": None}, None),
        ({"confirmed": True}, f"the gap was there from launch: {SIZE}"),
        ({"confirmed": True, "later_gap": 0.15}, f"the gap was there from launch: {SIZE}, +0.150 after"),
        ({}, f"the launch showed a gap that did not last: {SIZE}"),
        (
            {"alarm": False, "log_evidence": 0.5},
            f"the launch window points to a gap but does not prove it: {SIZE}",
        ),
        ({"alarm": False, "log_evidence": 0.0}, f"the gap was not there at launch: {SIZE}; it came later"),
        ({"alarm": False, "log_evidence": None, "complete": False}, f"the launch window is not complete: {SIZE}"),
        (
            {"alarm": False, "log_evidence": -1.0, "later_gap": 0.2},
            f"the gap was not there at launch: {SIZE}, +0.200 after; it came later",
        ),
    ],
)
def test_the_launch_is_told(changes: dict[str, Any], words: str | None) -> None:
    """From launch on, not for long, not yet sure, not yet known, or not at launch."""
    window = {name: changes[name] for name in ("gap", "log_evidence", "alarm", "complete") if name in changes}
    others = {name: changes[name] for name in ("confirmed", "later_gap") if name in changes}
    headline = msgspec.structs.replace(HEADLINE, alarm=True)
    found = read(launch=msgspec.structs.replace(LAUNCH, **window), findings=(headline,), **others)
    assert found["launch_evidence"].words == words


def test_a_gap_of_the_tasks_own_metric_from_launch_is_told() -> None:
    """Where that proves it and the AUC does not, its words say so."""
    own = LaunchWindow(complete=True, n_outcomes=1_000, through=None, gap=0.2, log_evidence=9.0, alarm=True)
    headline = msgspec.structs.replace(HEADLINE, alarm=True)
    found = read(findings=(headline,), own_launch=own)["launch_evidence"].words
    assert found == f"the gap was there from launch: {SIZE}; a metric of the task's own proves it"


@pytest.mark.parametrize(
    ("launch", "later", "since"), [(0.6, 0.3, ""), (0.3, 0.6, ", likeliest on 2026-07-29"), (0.4, 0.4, "")]
)
def test_the_onset_is_told(launch: float, later: float, since: str) -> None:
    """Log-odds of launch against later; the day is named where later is the likelier."""
    change = Change(none=0.1, launch=launch, later=later, onset="2026-07-29T16:00:00Z", drop=0.08, log_evidence=3.0)
    found = read(change=change)
    assert found["launch_rather_than_later"].value == pytest.approx(math.log(launch / later))
    told = f"a gap from launch has probability {launch:.2f}, one that began later {later:.2f}{since}"
    assert found["launch_rather_than_later"].words == told
    assert found["change_evidence"].value == pytest.approx(math.log(4.0))


@pytest.mark.parametrize(
    ("evidence", "alarm", "drop", "words"),
    [
        (9.0, True, 0.08, "performance changed after launch: AUC -0.080 since"),
        (9.0, True, None, "performance changed after launch"),
        (
            3.0,
            False,
            0.08,
            "performance may have changed after launch, log evidence 3.0, not proven: AUC -0.080 since",
        ),
        (-2.0, False, None, "no change after launch shows: log evidence -2.0"),
        (None, False, None, None),
    ],
)
def test_a_change_is_told_as_surely_as_it_is_known(
    evidence: float | None, alarm: bool, drop: float | None, words: str | None
) -> None:
    """Little evidence of a change speaks for a leak: its words must not say that there was one."""
    change = Change(none=0.4, launch=0.3, later=0.3, drop=drop, log_evidence=evidence, alarm=alarm)
    assert read(change=change)["change_evidence"].words == words


def test_the_onset_is_no_surer_than_its_model() -> None:
    """Below .002 a probability counts as that."""
    found = read(change=Change(none=0.0, launch=1.0, later=0.0))
    assert found["launch_rather_than_later"].value == pytest.approx(math.log(500.0))
    assert read(change=Change(none=1.0, launch=0.0, later=0.0))["launch_rather_than_later"].value == 0.0


def test_the_steps_are_read() -> None:
    """Shares of the gap; other scores that kept their meaning count as such from six tenths on."""
    found = read()
    assert found["slice_mix_share"].value == pytest.approx(0.2)
    assert found["score_mix_share"].value == pytest.approx(0.7)
    assert found["score_mix_share"].words == "70% of the gap is other scores"
    assert found["slice_mix_share"].words == "20% of the gap is another mix of slices"
    assert found["mix_with_meaning_kept"].value == 1.0
    assert found["mix_with_meaning_kept"].words == (
        "90% of the gap is other scores, and the calibration slope is 1.00 of what it was: other inputs, "
        "not a worse model"
    )
    little = read(findings=split(0.02, 0.02).findings)["mix_with_meaning_kept"]
    assert (little.value, little.words) == (0.0, None)


@pytest.mark.parametrize("gap", [0.01, None])
def test_the_steps_of_a_small_gap_are_noise(gap: float | None) -> None:
    """At .01 AUC or without a gap shares are missing."""
    found = of_gap(gap=gap)
    assert [found[name].value for name in ("slice_mix_share", "score_mix_share", "mix_with_meaning_kept")] == [None] * 3


def test_the_steps_have_bounds() -> None:
    """Shares are cut to -.5 and 1.5."""
    parts = msgspec.structs.replace(HEADLINE.parts, slice_mix=-0.2, score_mix=0.3)
    found = of_gap(parts=parts)
    assert (found["slice_mix_share"].value, found["score_mix_share"].value) == (-0.5, 1.5)


def calibrated(slope: float, intercept: float = 0.0) -> dict[str, Signal]:
    """Every signal with this live calibration; offline it is perfect."""
    return read(online_calibration=Calibration(slope=valued(slope), intercept=valued(intercept)))


def test_the_slope_is_read_as_a_ratio() -> None:
    """Its logarithm, between those of a tenth and of two."""
    found = calibrated(0.5)["slope_ratio"]
    assert found.value == pytest.approx(math.log(0.5))
    assert found.words == "the calibration slope is 0.50 of what it was offline"
    assert (calibrated(0.05)["slope_ratio"].value, calibrated(3.0)["slope_ratio"].value) == (-2.3, 0.7)
    flat = read(offline_calibration=Calibration(slope=valued(0.24), intercept=valued(0.0)))
    assert flat["slope_ratio"].value is None


def test_the_level_is_read_where_it_is_sure() -> None:
    """Up or down; five standard errors of both sides, 5 sqrt(2) .01 / 1.96, is sure."""
    found = calibrated(1.0, -0.5)["level_shift"]
    assert (found.value, found.words) == (0.5, "outcomes at equal scores moved by -0.50 in log-odds")
    assert calibrated(1.0, 9.0)["level_shift"].value == 2.0
    sure = 5.0 * math.sqrt(2.0) * 0.01 / INTERVAL_REACH
    assert calibrated(1.0, sure * 1.001)["level_shift"].value == pytest.approx(sure * 1.001)
    nothing = calibrated(1.0, sure * 0.999)["level_shift"]
    assert (nothing.value, nothing.words) == (0.0, None)


@pytest.mark.parametrize(
    ("before", "after", "value", "words"),
    [
        (0.2, 0.3, math.log(1.5), "positive outcomes became 50% more frequent than offline"),
        (0.4, 0.2, math.log(2.0), "positive outcomes became 50% less frequent than offline"),
        (0.5, 0.01, 2.0, "positive outcomes became 98% less frequent than offline"),
        (0.2, 0.2, 0.0, None),
        (0.0, 0.3, 0.0, None),  # no ratio to nothing
    ],
)
def test_the_base_rate_is_read(before: float, after: float, value: float, words: str | None) -> None:
    """By the log of its ratio, whichever way, at most 2."""
    rate = msgspec.structs.replace(HEADLINE, metric="base_rate", offline=valued(before), online=valued(after))
    found = read(findings=(HEADLINE, rate))["rate_shift"]
    assert found.value == pytest.approx(value)
    assert found.words == words


@pytest.mark.parametrize(
    ("slope", "p_slope", "value"), [(-0.5, 0.005, 0.5), (-0.5, 0.0051, 0.0), (-3.0, 0.0, 1.0), (3.0, 0.0, -1.0)]
)
def test_the_change_of_the_slope_is_read_where_it_is_sure(slope: float, p_slope: float, value: float) -> None:
    """Flatter is above 0; beyond one chance in 200 it is nothing."""
    found = read(shift=Shift(kind="concept", p_slope=p_slope, slope=slope))["slope_change"]
    assert found.value == value
    assert (found.words is None) == (value == 0.0)


@pytest.mark.parametrize("shift", [None, Shift(kind="unknown"), Shift(kind="same", p_slope=1e-9)])
def test_a_slope_that_was_not_compared_is_missing(shift: Shift | None) -> None:
    """Without a test, or without the slope itself."""
    assert read(shift=shift)["slope_change"].value is None


def test_outcomes_that_are_late_few_or_chosen_are_read() -> None:
    """What is not covered, the lowest tenth below that, and how much slower outcomes come, in e-folds."""
    found = read(
        maturity=Maturity(
            seconds=None, coverage_ratio=0.9, lowest_coverage_ratio=0.6, delay_p_value=1e-4, delay_ratio=2.0
        )
    )
    assert found["uncovered"].value == pytest.approx(0.1)
    assert found["uncovered"].words == "90% of the predictions that are old enough have an outcome"
    assert found["selective_outcomes"].value == pytest.approx(0.3)
    assert found["selective_outcomes"].words == f"{found['uncovered'].words}, 60% where it is lowest by score"
    assert found["outcome_delay"].value == pytest.approx(math.log(2.0))
    assert found["outcome_delay"].words == "outcomes take 2.0 times as long as offline"


@pytest.mark.parametrize(
    ("ratio", "p_value", "value"),
    [
        (2.0, 0.001, 0.0),  # not sure
        (0.5, 1e-4, math.log(2.0)),  # sooner
        (0.001, 1e-4, math.log(20.0)),
        (1e9, 1e-4, 3.0),
        (2.0, None, None),
        (None, 1e-4, None),
    ],
)
def test_a_delay_is_read_where_it_is_sure(ratio: float | None, p_value: float | None, value: float | None) -> None:
    """Either way, at most e^3 later and twenty times sooner; missing where it was not tested."""
    found = read(maturity=Maturity(seconds=None, delay_p_value=p_value, delay_ratio=ratio))["outcome_delay"]
    assert found.value == (None if value is None else pytest.approx(value))
    assert (found.words is not None) == bool(value)


def test_coverage_that_is_even_or_unknown_has_no_words() -> None:
    """A lowest tenth above the mean is no choice; without coverage nothing is known of either."""
    even = read(maturity=Maturity(seconds=None, coverage_ratio=0.6, lowest_coverage_ratio=0.7))["selective_outcomes"]
    assert (even.value, even.words) == (0.0, None)
    unknown = read(maturity=Maturity(seconds=None, lowest_coverage_ratio=0.7))
    assert [unknown[name].value for name in ("uncovered", "selective_outcomes")] == [None, None]


@pytest.mark.parametrize(("of", "name", "what"), [("rows", "row", "inputs"), ("entities", "entity", "entity")])
def test_an_overlap_is_read(of: Any, name: str, what: str) -> None:
    """Its surplus offline, and what it changes live in standard errors."""
    unknown = Value(value=None, lower=None, upper=None, n=0)
    plain = Overlap(
        of=of, offline_ratio=0.3, online_ratio=0.1, seen=valued(0.9), unseen=valued(0.8), contrast=math.e - 1.0
    )
    found = read(overlaps=(plain,))
    assert found[f"{name}_overlap_excess"].value == pytest.approx(0.2)
    said = f"training has the {what} of 30% of the validation rows, and of 10% of live ones"
    assert found[f"{name}_overlap_excess"].words == said
    assert found[f"{name}_contrast"].value == pytest.approx(1.0)
    told = f"live AUC is 0.900 where training has seen the {what}, 0.800 where it has not"
    assert found[f"{name}_contrast"].words == told
    for before, after, value in ((0.1, 0.2, -0.1), (0.0, 0.9, -0.2), (None, 0.1, None), (0.1, None, None)):
        one = msgspec.structs.replace(plain, offline_ratio=before, online_ratio=after, unseen=unknown)
        found = read(overlaps=(one,))
        excess = found[f"{name}_overlap_excess"]
        assert (excess.value, excess.words) == (None if value is None else pytest.approx(value), None)
        assert found[f"{name}_contrast"].words is None
