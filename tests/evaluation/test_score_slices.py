"""Slices that are cut by the score: judged on losses and accuracy, never on an AUC of a range of scores."""

from __future__ import annotations

import msgspec
import numpy as np

from sentinel.config.alerts import Alerts
from sentinel.evaluation.cells import exogenous_slicing
from sentinel.evaluation.evaluate import evaluate
from sentinel.summaries.layout import OF_SCORE, Layout, SliceColumn
from sentinel.summaries.rows import Rows
from tests.evaluation.worlds import count, draw, offline, series, world_layout

REGIONS = world_layout()
BAND = SliceColumn(name="@score_band", columns=(OF_SCORE,), values=("<0.5", ">=0.5"), edges=(0.5,))
LAYOUT = msgspec.structs.replace(REGIONS, slices=(*REGIONS.slices, BAND))


def banded(layout: Layout, seed: int, turned: float) -> Rows:
    """Rows of a good model, of which some above one half turn out otherwise."""
    rng = np.random.default_rng(seed)
    rows = draw(layout, rng, 6_000)
    band = rows["score"] >= 0.5
    rows["slices"][:, 1] = layout.slice_offsets[1] + band
    wrong = band & (rng.random(len(rows)) < turned)
    rows["outcome"][wrong] = 1.0 - rows["outcome"][wrong]
    return rows


def test_a_band_that_got_worse_is_found_by_its_losses() -> None:
    """Where a third of the outcomes is turned over, both losses and the accuracy say so; there is no AUC."""
    before = offline(LAYOUT, banded(LAYOUT, 1, 0.0))
    evaluation = evaluate(before, series(LAYOUT, banded(LAYOUT, 2, 0.33)), Alerts())
    found = {(f.slice, f.metric): f.alarm for f in evaluation.findings if f.slice.startswith("@")}
    assert {metric for _, metric in found} == {"log_loss", "brier", "accuracy", "base_rate"}
    assert [metric for (name, metric), alarm in found.items() if alarm and name == "@score_band=>=0.5"] == [
        "log_loss",
        "brier",
        "accuracy",
    ]
    assert not any(alarm for (name, _), alarm in found.items() if name == "@score_band=<0.5")
    assert ("region=v0", "auc") in {(f.slice, f.metric) for f in evaluation.findings}


def test_bands_are_no_mix_of_slices() -> None:
    """Scores that move are a score mix: the column by which a mix is told must be one that events carry."""
    before, after = count(LAYOUT, banded(LAYOUT, 1, 0.0)), count(LAYOUT, draw_more_sure(LAYOUT))
    slicing = exogenous_slicing(before, after)
    assert slicing is not None
    assert slicing.name == "region"


def draw_more_sure(layout: Layout) -> Rows:
    """Rows of which most lie in the upper band."""
    rows = banded(layout, 3, 0.0)
    rows["slices"][:4_000, 1] = layout.slice_offsets[1] + 1
    return rows
