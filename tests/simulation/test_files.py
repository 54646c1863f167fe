"""The files of a simulation are what sentinel's commands read, and they do not give the truth away."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from sentinel.simulation import SimulatedStream, simulate
from sentinel.simulation.files import write_files


@pytest.fixture(scope="module")
def simulated() -> SimulatedStream:
    """A small leaky world."""
    return simulate("target_leakage", seed=3, n_train=400, n_validation=200, n_stream=300, stream_days=2)


def test_frames_survive_parquet(simulated: SimulatedStream, tmp_path: Path) -> None:
    """Read back, the three frames are the same to the last bit and type."""
    files = write_files(simulated, tmp_path / "new" / "folder")
    for part in ("train", "validation", "stream"):
        read = pd.read_parquet(getattr(files, part))
        pd.testing.assert_frame_equal(read, getattr(simulated, part), check_exact=True)


def test_manifest_says_how_the_split_was_made(simulated: SimulatedStream, tmp_path: Path) -> None:
    """The manifest is YAML that reads back as the protocol, the training rows with their times, and K."""
    files = write_files(simulated, tmp_path)
    manifest = yaml.safe_load(files.manifest.read_text("utf-8"))
    assert manifest == simulated.manifest
    assert manifest["split"] == {"protocol": "group", "seed": 3}
    assert manifest["train"]["rows"] == 400
    assert pd.Timestamp(manifest["train"]["start"]) == simulated.train["predicted_at"].iloc[0]
    assert pd.Timestamp(manifest["train"]["end"]) == simulated.train["predicted_at"].iloc[-1]
    assert manifest["candidates"] == 1


def test_config_is_the_smallest_that_works(simulated: SimulatedStream, tmp_path: Path) -> None:
    """The configuration names the model, its version as text, the task and the slices."""
    files = write_files(simulated, tmp_path)
    assert yaml.safe_load(files.config.read_text("utf-8")) == {
        "apiVersion": "sentinel/v1",
        "models": [{"name": "churn", "version": "1", "task": "binary", "slices": ["region", "plan"]}],
    }


def test_truth_is_not_written(simulated: SimulatedStream, tmp_path: Path) -> None:
    """Neither text file holds the cause or the culprit, and no other file is written."""
    files = write_files(simulated, tmp_path)
    for path in (files.manifest, files.config):
        text = path.read_text("utf-8")
        assert "target_leakage" not in text
        assert "cancellation_calls" not in text
    names = {"train.parquet", "validation.parquet", "stream.parquet", "manifest.yaml", "sentinel.yaml"}
    assert {path.name for path in tmp_path.iterdir()} == names
