"""The baseline as a file: written whole or not at all, read only if it is what was written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentinel.baseline.artifact import KIND, Baseline
from sentinel.baseline.build import build_baseline
from sentinel.config import Model
from sentinel.errors import BaselineError, CorruptArtifactError
from sentinel.summaries import wire
from tests.baseline.frames import scored_rows, write


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    """A small baseline with training rows."""
    path = write(scored_rows(400), tmp_path_factory.mktemp("rows") / "v.parquet")
    return build_baseline(Model(name="churn", version="7", slices=["plan"]), path, path, now_us=1_500_000)


def _parts(baseline: Baseline) -> tuple[dict[str, Any], dict[str, Any]]:
    return wire.unpack(KIND, baseline.to_bytes())


def test_what_is_loaded_is_what_was_saved(baseline: Baseline, tmp_path: Path) -> None:
    """Layout, counts, description, filters and digest survive the way through a file."""
    baseline.save(tmp_path / "b")
    found = Baseline.load(tmp_path / "b")
    assert found.layout == baseline.layout
    assert found.summary == baseline.summary
    assert found.meta == baseline.meta
    assert found.digest == baseline.digest
    for mine, other in ((baseline.train_rows, found.train_rows), (baseline.train_entities, found.train_entities)):
        assert mine is not None
        assert other is not None
        assert other.salt == mine.salt
        np.testing.assert_array_equal(other.bits, mine.bits)


def test_loaded_counts_cannot_be_written(baseline: Baseline) -> None:
    """A baseline is shared by all that compare with it: its counts are read-only."""
    found = Baseline.from_bytes(baseline.to_bytes())
    with pytest.raises(ValueError, match="read-only"):
        found.summary["scores"][0] = 1


def test_a_file_that_is_cut_or_altered_is_refused(baseline: Baseline, tmp_path: Path) -> None:
    """Any cut and any flipped byte is found, and the message names the file."""
    data = baseline.to_bytes()
    path = tmp_path / "b"
    for n in (0, 3, 50, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:n])
        with pytest.raises(CorruptArtifactError, match=str(path)):
            Baseline.load(path)
    for at in (0, 4, 20, len(data) // 2, len(data) - 1):
        altered = bytearray(data)
        altered[at] ^= 0x10
        path.write_bytes(bytes(altered))
        with pytest.raises(CorruptArtifactError, match=str(path)):
            Baseline.load(path)


def test_another_artifact_is_refused(baseline: Baseline) -> None:
    """A Summary is no baseline, even though it is a valid container."""
    with pytest.raises(CorruptArtifactError, match="not a baseline"):
        Baseline.from_bytes(baseline.summary.to_bytes())


@pytest.mark.parametrize("lost", ["summary.scores", "summary.feature_outcomes", "summary.marks"])
def test_missing_counts_are_refused(baseline: Baseline, lost: str) -> None:
    """A baseline of an older version without some counts has to be built again."""
    header, arrays = _parts(baseline)
    del arrays[lost]
    with pytest.raises(CorruptArtifactError, match=f"{lost.removeprefix('summary.')}': build it again"):
        Baseline.from_bytes(wire.pack(KIND, header, arrays))


@pytest.mark.parametrize("lost", ["layout", "meta", "salts"])
def test_a_header_that_lacks_something_is_refused(baseline: Baseline, lost: str) -> None:
    """The checksum holds, but the content does not: still one clear error."""
    header, arrays = _parts(baseline)
    del header[lost]
    with pytest.raises(CorruptArtifactError, match="header cannot be read"):
        Baseline.from_bytes(wire.pack(KIND, header, arrays))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """There is nothing to read: the message says where."""
    with pytest.raises(BaselineError, match=r"gone.baseline: cannot read the baseline: No such file"):
        Baseline.load(tmp_path / "gone.baseline")


def test_saving_fails_whole(baseline: Baseline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full the older file stays, and no half one is left beside it."""
    path = tmp_path / "b"
    path.write_bytes(b"older")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BaselineError, match="No space left"):
        baseline.save(path)
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_saving_into_no_folder_is_an_error(baseline: Baseline, tmp_path: Path) -> None:
    """The message names the path."""
    with pytest.raises(BaselineError, match="cannot write the baseline"):
        baseline.save(tmp_path / "nowhere" / "b")
