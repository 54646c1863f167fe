"""Values that came to be known after the prediction are found; plans for the future and slow clocks are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import feature_times
from sentinel.config.audit import Audit
from tests.audit.frames import look, rows

KNOWN_AT = Audit(known_at={"x": "x_at"})


def _timed(share: float, seconds: float, seed: int = 1) -> pd.DataFrame:
    """A share of the values of x became known some seconds after the prediction, the others an hour before."""
    frame = rows(2_000, seed)
    late = np.arange(len(frame)) % 100 < 100 * share
    lag = np.where(late, seconds, -3_600.0)
    return frame.assign(x_at=frame["predicted_at"] + pd.to_timedelta(lag, unit="s"))


@pytest.mark.parametrize("share", [0.05, 0.3, 1.0])
def test_late_values_are_found_with_their_share_and_lag(share: float) -> None:
    """A planted share of values ten minutes late is found at each strength, in both files."""
    (finding,) = look(feature_times, _timed(share, 600.0), _timed(share, 600.0, 2), settings=KNOWN_AT).findings
    assert finding.columns == ("x",)
    assert finding.share is not None
    assert finding.share.value == pytest.approx(share)
    assert finding.n_rows == round(2_000 * share)
    assert "by more than 600 s" in finding.detail
    assert f"{round(2_000 * share):,} of 2,000 training rows" in finding.detail
    assert finding.severity == "critical" or (finding.inflation is not None and finding.inflation.gain.upper < 0.005)


def test_values_that_are_all_late_are_critical() -> None:
    """Then no row is left to measure a gain by: the proof alone is enough."""
    (finding,) = look(feature_times, _timed(1.0, 60.0), settings=KNOWN_AT).findings
    assert finding.severity == "critical"
    assert finding.no_inflation


def test_struct_of_times_says_the_same_as_columns() -> None:
    """Times in the column feature_times are read as those of audit.known_at."""
    frame = _timed(0.3, 600.0)
    held = frame.drop(columns="x_at").assign(feature_times=pd.Series([{"x": at} for at in frame["x_at"]]))
    (one,), (other,) = (
        look(feature_times, rows_, settings=settings).findings for rows_, settings in ((frame, KNOWN_AT), (held, None))
    )
    assert one == other


def test_clocks_that_differ_a_little_are_clear() -> None:
    """Up to five seconds late is no proof: clear, for many seeds."""
    for seed in range(5):
        assert look(feature_times, _timed(1.0, 4.9, seed), settings=KNOWN_AT).state == "clear"


def test_planned_dates_are_only_information() -> None:
    """The end of a contract lies ahead of most predictions and says nothing of outcomes: never more than info."""
    for seed in range(10):
        frame = rows(2_000, seed)
        days = np.random.default_rng(seed).integers(-30, 300, len(frame))
        dated = frame.assign(contract_end=frame["predicted_at"] + pd.to_timedelta(days, unit="D"))
        (finding,) = look(feature_times, dated, dated).findings
        assert finding.severity == "info"


@pytest.mark.parametrize("purity", [0.3, 0.6, 1.0])
def test_dates_that_give_outcomes_away_are_critical(purity: float) -> None:
    """A cancellation date lies ahead where the outcome is 1: how far ahead ranks outcomes by (1 + purity) / 2."""
    frame = rows(3_000, 1)
    rng = np.random.default_rng(3)
    told = (frame["outcome"] == 1) & (rng.random(len(frame)) < purity)
    days = np.where(told, rng.integers(1, 60, len(frame)), -rng.integers(1, 60, len(frame)))
    dated = frame.assign(cancelled=frame["predicted_at"] + pd.to_timedelta(days, unit="D"))
    (finding,) = look(feature_times, dated).findings
    assert finding.severity == "critical"
    assert finding.cause == "target_leakage"
    area = float(finding.detail.split("AUC of ")[1][:5])
    assert area == pytest.approx((1.0 + purity) / 2.0, abs=0.03)


def test_rows_that_tell_nothing_are_not_checked() -> None:
    """No time of the prediction, or none of any feature, says what to give."""
    frame = rows(100, 1)
    assert "audit.known_at" in (look(feature_times, frame).needs or "")
    assert "predicted_at" in (look(feature_times, frame.drop(columns="predicted_at")).needs or "")


def test_missing_times_are_passed_over() -> None:
    """A column of nothing but nulls, and outcomes of one class, are no error."""
    frame = rows(300, 1)
    assert look(feature_times, frame.assign(x_at=pd.Series(pd.NaT, frame.index)), settings=KNOWN_AT).state == "clear"
    (finding,) = look(feature_times, _timed(0.5, 60.0)[:300].assign(outcome=1), settings=KNOWN_AT).findings
    assert finding.no_inflation


def test_no_value_enters_the_finding() -> None:
    """Neither the date nor its year is in what is written of it."""
    frame = rows(500, 1).assign(due=pd.Timestamp("2077-07-07"))
    (finding,) = look(feature_times, frame).findings
    assert "2077" not in repr(finding)


def test_batches_change_nothing() -> None:
    """Rows shown 100 at a time give what they give at once."""
    whole, parted = (look(feature_times, _timed(0.3, 60.0), settings=KNOWN_AT, batch_rows=n) for n in (1 << 15, 100))
    assert whole.findings == parted.findings
