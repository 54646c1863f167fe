"""A baseline is the same, bit for bit, however its rows are parted and in whatever order the parts are added up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentinel.baseline.artifact import Baseline
from sentinel.baseline.build import build_baseline
from sentinel.baseline.sampling import BottomSample, RepeatedKeys
from sentinel.config.columns import Columns
from sentinel.config.durations import Duration
from sentinel.config.model import Model, Outcome
from sentinel.events.schema import Task
from sentinel.summaries.fingerprints import mix
from tests.audit.parted import PartedEngine, mixed_files, mixed_model

N = 1_200
MANIFEST = {
    "split": {"protocol": "time"},
    "fit_statistics": {"x0": {"mean": 0.0, "sd": 1.0}, "x1": {"median": 0.0}},
    "encoder_categories": {"colour": ["red", "blue", "teal"]},
}


def _both(model: Model, validation: Path, train: Path | None, manifest: dict[str, Any]) -> tuple[Baseline, Baseline]:
    one = build_baseline(model, validation, train, manifest, now_us=0, audit=False)
    other = build_baseline(model, validation, train, manifest, now_us=0, audit=False, engine=PartedEngine(seed=11))
    return one, other


@pytest.mark.parametrize("absence", ["missing", "negative"])
def test_binary_baseline_does_not_depend_on_parts(tmp_path: Path, absence: str) -> None:
    """With training rows, a manifest of fits, categories, entities and outcome times."""
    train, validation = mixed_files(tmp_path)
    outcome = Outcome(absence="negative", maturity=Duration.parse("40d")) if absence == "negative" else Outcome()
    model = msgspec.structs.replace(mixed_model(), slices=["colour"], outcome=outcome)
    one, other = _both(model, validation, train, MANIFEST)
    assert other.meta == one.meta
    assert other.digest == one.digest


def test_audit_within_a_build_goes_to_the_same_engine(tmp_path: Path) -> None:
    """Its evidence, too, is the same."""
    train, validation = mixed_files(tmp_path)
    one = build_baseline(mixed_model(), validation, train, now_us=0)
    other = build_baseline(mixed_model(), validation, train, now_us=0, engine=PartedEngine(seed=2))
    assert other.meta.audit == one.meta.audit
    assert other.digest == one.digest


@pytest.mark.parametrize("task", ["regression", "multiclass", "ranking"])
def test_baseline_of_another_task_does_not_depend_on_parts(tmp_path: Path, task: Task) -> None:
    """Rows of each task, with categories that meet in another order in every part."""
    sides = {}
    for side, seed in (("train", 1), ("validation", 2)):
        sides[side] = tmp_path / f"{side}.parquet"
        pq.write_table(pa.Table.from_pandas(_rows(task, seed), preserve_index=False), sides[side], row_group_size=130)
    model = Model(name="m", version="1", task=task, columns=Columns(), slices=["plan"])
    one, other = _both(model, sides["validation"], sides["train"], {})
    assert other.meta == one.meta
    assert other.digest == one.digest


@pytest.mark.parametrize("batch_rows", [97, 131])
def test_baseline_of_several_classes_does_not_depend_on_the_batch_size(batch_rows: int) -> None:
    """Which class a row of the sample is asked about does not change with the place of the row in its batch."""
    rows = pa.Table.from_pandas(_rows("multiclass", 2), preserve_index=False)
    model = Model(name="m", version="1", task="multiclass")
    whole, parts = (build_baseline(model, rows, now_us=0, batch_rows=size) for size in (N, batch_rows))
    assert parts.layout == whole.layout
    assert parts.digest == whole.digest


def _rows(task: Task, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=N)
    frame = pd.DataFrame(
        {
            "prediction_id": [f"{seed}-{i}" for i in range(N)],
            "predicted_at": pd.date_range("2026-01-01", periods=N, freq="h", unit="us"),
            "x": x,
            "plan": np.sort(rng.choice(["free", "basic", "pro", "team"], N)),
            "group": rng.integers(0, 200, N).astype(str),
        }
    )
    if task == "regression":
        return frame.assign(score=x, outcome=x + rng.normal(size=N))
    if task == "multiclass":
        raw = rng.gamma(1.0, size=(N, 3))
        chances = raw / raw.sum(axis=1, keepdims=True)
        names = ["bus", "car", "train"]
        scores = {f"scores.{name}": chances[:, c] for c, name in enumerate(names)}
        return frame.assign(outcome=[rng.choice(names, p=row) for row in chances], **scores)
    items = [[{"id": f"i{k}", "score": float(s)} for k, s in enumerate(rng.random(5))] for _ in range(N)]
    grades = [[{"id": f"i{k}", "grade": float(g)} for k, g in enumerate(rng.integers(0, 2, 5))] for _ in range(N)]
    lists: dict[str, Any] = {"items": items, "relevance": grades}
    return frame.assign(**lists)


@pytest.mark.parametrize("n", [0, 10, 500, 5_000])
def test_merged_samples_are_the_sample_of_all_rows(n: int) -> None:
    """Below the size, at twice the size and beyond; codes of the other sample are translated."""
    rng = np.random.default_rng(3)
    hashes = mix(np.arange(n).astype(np.uint64))
    codes = rng.integers(-1, 4, n)
    whole, left, right = (BottomSample(100) for _ in range(3))
    swapped = np.array([3, 2, 1, 0])  # what a code of the right sample is in the left one
    half = n // 3
    whole.add(hashes, {"c": codes})
    left.add(hashes[:half], {"c": codes[:half]})
    right.add(hashes[half:], {"c": np.where(codes < 0, -1, swapped[codes])[half:]})
    left.merge(right, {"c": swapped})
    np.testing.assert_array_equal(left.take().get("c", []), whole.take().get("c", []))


@pytest.mark.parametrize("n", [0, 50, 4_000])
def test_merged_repeats_are_those_of_all_rows(n: int) -> None:
    """Ids that lie in both parts, with the same content and with another."""
    rng = np.random.default_rng(4)
    keys = rng.integers(0, max(n // 2, 1), n).astype(np.uint64)
    contents = rng.integers(0, 2, n).astype(np.uint64)
    whole, left, right = (RepeatedKeys(64) for _ in range(3))
    whole.add(keys, contents)
    left.add(keys[: n // 2], contents[: n // 2])
    right.add(keys[n // 2 :], contents[n // 2 :])
    left.merge(right)
    assert left.ratios() == whole.ratios()
    assert left.row_ratio() == whole.row_ratio()
