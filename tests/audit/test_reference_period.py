"""Stretches of one outcome and rows from after the go-live are found; streaks that chance makes are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import reference_period
from sentinel.audit.times.blocks import TimeBlocks
from tests.audit.frames import START, look, rows


def _golive(hours: int) -> dict[str, str]:
    return {"go_live": f"{(START + pd.Timedelta(hours=hours)).isoformat()}Z"}


@pytest.mark.parametrize("n_one", [150, 400, 1_000])
def test_stretch_of_one_outcome_is_found(n_one: int) -> None:
    """Some hundred hours without a single 1 are found, with the times of the stretch."""
    frame = rows(4_000, 1)
    frame.loc[1_000 : 1_000 + n_one - 1, "outcome"] = 0
    (finding,) = look(reference_period, frame).findings
    assert finding.cause == "data_quality_fault"
    assert finding.severity == "warning"
    assert finding.share is not None
    assert finding.share.value == pytest.approx(n_one / 4_000, abs=32 / 4_000)  # blocks are 16 hours wide or more
    first = finding.rows[0].validation or 0
    assert 1_000 <= first <= 1_032


def test_streaks_by_chance_are_clear() -> None:
    """Rare outcomes make long streaks by themselves: no finding in many files, at a chance of 1e-6 each."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        frame = rows(3_000, seed).assign(outcome=(rng.random(3_000) < 0.03).astype(np.int64))
        assert look(reference_period, frame).state == "clear"


@pytest.mark.parametrize("hours", [3_900, 3_000, 500])
def test_rows_after_the_golive_are_counted(hours: int) -> None:
    """One row an hour, so all but the first hours + 1 are later than the go-live."""
    (finding,) = look(reference_period, rows(4_000, 1), manifest=_golive(hours)).findings
    assert finding.cause == "selection_optimism"
    assert finding.n_rows == 4_000 - hours - 1
    assert finding.rows[0].validation == hours + 1
    assert finding.severity == "warning"
    assert finding.inflation is not None


def test_single_row_after_the_golive_is_only_information() -> None:
    """Under one in a hundred cannot move the metric."""
    (finding,) = look(reference_period, rows(4_000, 1), manifest=_golive(3_998)).findings
    assert finding.severity == "info"


def test_rows_before_the_golive_are_clear() -> None:
    """A go-live after the last row is no finding, nor is one that nobody stated."""
    frame = rows(1_000, 1)
    assert look(reference_period, frame, manifest=_golive(2_000)).state == "clear"
    assert "no go_live is stated" in look(reference_period, frame).detail


def test_rows_without_times_are_not_checked() -> None:
    """No column, or only nulls, says what to give."""
    frame = rows(100, 1)
    for nothing in (frame.drop(columns="predicted_at"), frame.assign(predicted_at=pd.Series(pd.NaT, frame.index))):
        assert "columns.predicted_at" in (look(reference_period, nothing).needs or "")


@pytest.mark.parametrize("outcome", [1, np.nan])
def test_file_of_one_class_has_no_stretch(outcome: float) -> None:
    """If all outcomes are the same, or none is known, no time differs from the others."""
    assert look(reference_period, rows(1_000, 1).assign(outcome=outcome)).state == "clear"


def test_numbers_have_no_stretches_but_a_golive() -> None:
    """Of a regression only the go-live is looked at."""
    frame = rows(1_000, 1).assign(outcome=3.5)
    result = look(reference_period, frame, task="regression", manifest=_golive(500))
    assert [finding.cause for finding in result.findings] == ["selection_optimism"]


def test_batches_change_nothing() -> None:
    """Rows shown 100 at a time give what they give at once."""
    frame = rows(2_000, 1)
    frame.loc[500:900, "outcome"] = 0
    whole, parted = (look(reference_period, frame, manifest=_golive(1_500), batch_rows=n) for n in (1 << 15, 100))
    assert whole.findings == parted.findings
    assert len(whole.findings) == 2


def test_blocks_of_two_halves_add_up() -> None:
    """Halves of unlike length, so of unlike width, merged either way make the blocks of all rows."""
    rng = np.random.default_rng(1)
    times = rng.integers(0, 10**13, 5_000)
    outcomes = (times > 6 * 10**12).astype(np.float64)
    near = times < 10**9
    near[:40] = True
    for first, second in ((near, ~near), (~near, near)):
        whole, one, other = TimeBlocks(), TimeBlocks(), TimeBlocks()
        whole.add(times, outcomes)
        one.add(times[first], outcomes[first])
        other.add(times[second], outcomes[second])
        one.merge(other)
        assert one.one_class() == whole.one_class()
        assert len(whole.one_class()) == 2
