"""The baseline measures how long outcomes take, and which earlier ages are worth a comparison."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sentinel.baseline.artifact import Baseline
from sentinel.baseline.build import build_baseline
from sentinel.config import Duration, Model, Outcome
from tests.baseline.frames import scored_rows, write

HOUR_US = 3_600_000_000
HOURS = 100


def build(frame: pd.DataFrame, folder: Path, **outcome: object) -> Baseline:
    """A baseline of these rows."""
    settings = Outcome(**outcome)  # type: ignore[arg-type] # fields of the section, one a test
    model = Model(name="churn", version="7", outcome=settings)
    return build_baseline(model, write(frame, folder / "v.parquet"), now_us=0)


def with_delays(hours: np.ndarray[tuple[int], np.dtype[np.float64]]) -> pd.DataFrame:
    """Scored rows whose outcomes take so long."""
    frame = scored_rows(len(hours))
    frame["outcome_at"] = frame["predicted_at"] + pd.to_timedelta(hours * 3_600.0, unit="s")
    return frame


def test_maturity_is_the_age_by_which_99_percent_had_come(tmp_path: Path) -> None:
    """Of delays of 1 to 100 hours, sixty of each, 99 hours is the age; a tenth and a third of it are twins."""
    layout = build(with_delays(np.tile(np.arange(1.0, HOURS + 1), 60)), tmp_path).layout
    assert layout.maturity_us == 99 * HOUR_US
    assert layout.twin_horizons_us == (99 * HOUR_US // 10, 99 * HOUR_US // 3)


def test_without_times_nothing_is_known(tmp_path: Path) -> None:
    """A file that does not say when outcomes were known gives no maturity and no twins."""
    layout = build(scored_rows().drop(columns="outcome_at"), tmp_path).layout
    assert (layout.maturity_us, layout.twin_horizons_us) == (0, ())


def test_constant_delay_has_no_twin(tmp_path: Path) -> None:
    """Where every outcome takes two weeks none had come before, so maturity stands alone."""
    layout = build(with_delays(np.full(3_000, 336.0)), tmp_path).layout
    assert (layout.maturity_us, layout.twin_horizons_us) == (336 * HOUR_US, ())


def test_late_outcomes_are_compared_when_half_have_come(tmp_path: Path) -> None:
    """Where no outcome comes in the first third, the age by which half had come is the twin."""
    layout = build(with_delays(np.tile(np.arange(51.0, 101.0), 60)), tmp_path).layout
    assert layout.maturity_us == 100 * HOUR_US
    assert layout.twin_horizons_us == (75 * HOUR_US,)


def test_twins_need_both_classes(tmp_path: Path) -> None:
    """Where negatives come only at the end, no earlier age has a class to compare with."""
    frame = with_delays(np.tile(np.arange(1.0, HOURS + 1), 60))
    negative = frame["outcome"] == 0
    frame.loc[negative, "outcome_at"] = frame.loc[negative, "predicted_at"] + pd.Timedelta(hours=100)
    assert build(frame, tmp_path).layout.twin_horizons_us == ()


def test_silence_as_a_negative_measures_positives(tmp_path: Path) -> None:
    """Only positives have a delay; rows without an outcome are negatives, and maturity is a twin too."""
    hours = np.tile(np.arange(1.0, HOURS + 1), 60)
    frame = with_delays(hours)
    positive = frame["outcome"] == 1
    frame["outcome"] = frame["outcome"].where(positive)
    frame["outcome_at"] = frame["outcome_at"].where(positive)
    baseline = build(frame, tmp_path, absence="negative")
    expected = np.sort(hours[positive])
    maturity = int(expected[int(np.ceil(0.99 * len(expected))) - 1]) * HOUR_US
    assert baseline.layout.maturity_us == maturity
    assert baseline.layout.twin_horizons_us == (maturity // 10, maturity // 3, maturity)
    assert baseline.summary["outcomes"].sum(axis=0).tolist() == [int((~positive).sum()), int(positive.sum())]
    assert baseline.summary["twins"][2, :, 1].sum() == (expected * HOUR_US <= maturity).sum()


@pytest.mark.parametrize(
    ("outcome", "hours"),
    [({"maturity": "20h"}, 20), ({"horizon": "30h"}, 30), ({"maturity": "9d", "horizon": "30h"}, 30)],
)
def test_configuration_overrides_and_bounds(tmp_path: Path, outcome: dict[str, str], hours: int) -> None:
    """A configured maturity replaces the measured one, and neither passes the horizon."""
    settings = {name: Duration.parse(value) for name, value in outcome.items()}
    layout = build(with_delays(np.tile(np.arange(1.0, HOURS + 1), 60)), tmp_path, **settings).layout
    assert layout.maturity_us == hours * HOUR_US
