"""What a replayed file shows of the age of its last predictions: what a live daemon would know at that moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sentinel.app.models import WatchedModel, watch
from sentinel.app.replay import replay
from sentinel.baseline.artifact import Baseline
from sentinel.clock import ManualClock
from sentinel.config import load_config
from sentinel.events.codecs.arrow import ArrowCodec
from sentinel.ingest.replay import ReplaySource
from tests.app.conftest import TrainedWorld

DAY_US = 86_400_000_000


def _us(times: pd.Series[pd.Timestamp]) -> np.ndarray:
    moments: np.ndarray = times.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    return moments


def _mature(model: WatchedModel, stream: pd.DataFrame, directory: Path) -> tuple[int, int]:
    """Mature predictions of a replayed file, and those of them with an outcome."""
    path = directory / "stream.parquet"
    stream.to_parquet(path)
    codec = ArrowCodec(model.plan.layout.schema, model.settings.columns)
    report = replay(model, ReplaySource(path, path, codec, model.settings.columns), ManualClock())
    assert report.maturity is not None
    return report.maturity.n_mature, report.maturity.n_outcomes


@pytest.mark.parametrize("later_days", [0, 2, 30])
def test_the_last_predictions_are_as_young_as_the_file(world: TrainedWorld, tmp_path: Path, later_days: int) -> None:
    """Outcomes drawn up to some days after the last prediction settle the panes that old by then, and no others."""
    model = watch(load_config(world.files.config).models[0], Baseline.load(world.baseline))
    stream = world.simulated.stream.copy()
    predicted_at = _us(stream["predicted_at"])
    drawn_at = int(predicted_at.max()) + later_days * DAY_US
    known = _us(stream["outcome_at"]) <= drawn_at
    stream.loc[~known, ["outcome", "outcome_at"]] = None
    through = max(int(predicted_at.max()), int(_us(stream["outcome_at"][known]).max()))
    width, maturity = model.plan.pane_width_us, model.plan.layout.maturity_us
    while len(np.unique(predicted_at // width)) > model.plan.max_panes:  # as panes do when there are too many
        width *= 2
    assert maturity > 3 * DAY_US
    settled = (predicted_at // width + 1) * width + maturity <= through
    assert 0 < settled.sum() < len(stream)
    assert _mature(model, stream, tmp_path) == (int(settled.sum()), int((settled & known).sum()))
