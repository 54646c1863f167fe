"""Training outcomes from beyond the cut are found, with the gap that would leave none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import outcome_windows
from tests.audit.frames import HOUR, look, rows


def _files(window_hours: int, gap_hours: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row an hour, each outcome known a window later, and a gap between the files."""
    frames = rows(2_000, 1), rows(1_000, 2, first_hour=2_000 + gap_hours)
    for frame in frames:
        frame["outcome_at"] = frame["predicted_at"] + HOUR * window_hours
    return frames


@pytest.mark.parametrize("window", [24, 100, 600])
def test_windows_astride_the_cut_are_counted(window: int) -> None:
    """Of hourly rows before the cut those of less than a window before it cross: window - 1 of them."""
    train, validation = _files(window)
    (finding,) = look(outcome_windows, validation, train).findings
    assert finding.n_rows == window - 1
    assert f"a gap of {window * 3_600:,} s" in finding.mend
    assert finding.severity in ("info", "warning")
    assert finding.share is not None
    # outcomes up to 99 % of the crossing ones: rows of the first .99 * (window - 2) hours
    assert finding.share.value == pytest.approx(0.99 * window / 1_000, abs=0.004)


@pytest.mark.parametrize("window", [24, 100, 600])
def test_gap_as_long_as_proposed_is_clear(window: int) -> None:
    """With the gap that the finding proposes nothing crosses."""
    train, validation = _files(window, gap_hours=window)
    assert look(outcome_windows, validation, train).state == "clear"


def test_rows_that_profit_make_it_critical() -> None:
    """Validation rows within the window are scored by their outcome, the others by noise: a measured gain."""
    train, validation = _files(300)
    rng = np.random.default_rng(1)
    knows = np.arange(1_000) < 300
    validation["score"] = np.where(knows, 0.5 + 0.4 * (validation["outcome"] - 0.5), rng.random(1_000))
    (finding,) = look(outcome_windows, validation, train).findings
    assert finding.severity == "critical"
    assert finding.inflation is not None
    assert finding.inflation.repaired == pytest.approx(0.5, abs=0.06)


def test_files_that_overlap_have_no_cut() -> None:
    """A random split is another check's: here it is not checked, nor is a file without the times it needs."""
    every = rows(3_000, 1)
    assert "split by time" in (look(outcome_windows, every[::3], every[1::3]).needs or "")
    train, validation = _files(24)
    assert look(outcome_windows, validation).needs == "--train"
    assert "outcome_at" in (look(outcome_windows, validation, train.drop(columns="outcome_at")).needs or "")
    assert "predicted_at" in (look(outcome_windows, validation.drop(columns="predicted_at"), train).needs or "")


def test_outcomes_that_say_nothing_leave_the_gain_unknown() -> None:
    """One class, no outcome and infinite scores: rows are counted and the reason is given."""
    train, validation = _files(100)
    for broken in (validation.assign(outcome=1), validation.assign(outcome=np.nan), validation.assign(score=np.inf)):
        (finding,) = look(outcome_windows, broken, train).findings
        assert finding.n_rows == 99
        assert finding.no_inflation


def test_batches_change_nothing() -> None:
    """Rows shown 100 at a time give what they give at once."""
    train, validation = _files(100)
    whole, parted = (look(outcome_windows, validation, train, batch_rows=n) for n in (1 << 15, 100))
    assert whole.findings == parted.findings
