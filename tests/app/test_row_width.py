"""The width of waiting rows: one line that names the model where its features do not fit."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from sentinel.app.models import WatchedModel, row_bytes, watch
from sentinel.baseline.artifact import Baseline
from sentinel.config import load_config
from sentinel.errors import BaselineError
from sentinel.summaries.layout import FeatureBins
from tests.app.conftest import TrainedWorld


def watched(world: TrainedWorld, n_features: int) -> WatchedModel:
    """The world's model, as if it had so many features."""
    model = watch(load_config(world.files.config).models[0], Baseline.load(world.baseline))
    features = tuple(FeatureBins(name=f"n{i}", kind="numeric", edges=(0.0, 1.0)) for i in range(n_features))
    columns = tuple((feature.name, "numeric", ()) for feature in features)
    layout = msgspec.structs.replace(model.plan.layout, columns=columns, features=features, slices=(), pairs=())
    return replace(model, plan=replace(model.plan, layout=layout))


def test_rows_are_as_wide_as_the_widest_model_needs(world: TrainedWorld) -> None:
    """A byte and three bits a feature, rounded up to 32 bytes, and never beyond what a store can hold."""
    few, many = (row_bytes({("churn", "1"): watched(world, n)}) for n in (10, 2_900))
    assert few == 64
    assert 2_900 * 1.375 < many <= 4_096


def test_thousands_of_features_too_many_are_one_clear_line(world: TrainedWorld) -> None:
    """A start or a reload is refused before anything stops, with the model and the number of its features."""
    with pytest.raises(BaselineError, match=r"model churn 1 has 5000 features.*build its baseline from fewer columns"):
        row_bytes({("churn", "1"): watched(world, 5_000)})
