"""The memory of a pane, as the configuration's help states it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentinel.baseline.build import build_baseline
from sentinel.config.model import Model
from sentinel.config.schema import config_schema

N = 4_000
PLACES = ("region", "plan")


def _pane_bytes(n_features: int, directory: Path) -> int:
    """Bytes of the counts of a pane; the features include the two columns that are sliced by."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=(N, n_features - len(PLACES)))
    score = 1.0 / (1.0 + np.exp(-values[:, :4].sum(axis=1)))
    predicted_at = np.arange(N) * 600 + 1_767_225_600
    table = {
        "prediction_id": np.arange(N),
        "predicted_at": predicted_at,
        "outcome_at": predicted_at + rng.exponential(2.0 * 86_400.0, N),
        "group": np.array([f"customer {i % 800}" for i in range(N)]),
        "score": score,
        "outcome": (rng.random(N) < score).astype(np.int8),
        **{f"x{j}": column for j, column in enumerate(values.T)},
        **{name: np.array(list("abcde"))[rng.integers(0, 5, N)] for name in PLACES},
    }
    path = directory / "rows.parquet"
    pq.write_table(pa.table(table), path)
    model = Model(name="m", version="1", slices=list(PLACES))
    return sum(array.nbytes for array in build_baseline(model, path, now_us=0).summary.arrays.values())


@pytest.mark.parametrize("n_features", [10, 50])
def test_a_pane_is_as_large_as_stated(n_features: int, tmp_path: Path) -> None:
    """Within a tenth of what the help of ``panes.max_panes`` says for so many features."""
    text = str(config_schema())
    stated = {
        int(features): float(kilobytes) for kilobytes, features in re.findall(r"(\d+) KB at (\d+)(?: features)?", text)
    }
    assert _pane_bytes(n_features, tmp_path) / 1_000 == pytest.approx(stated[n_features], rel=0.1)
