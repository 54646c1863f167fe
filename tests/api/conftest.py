"""A small month of the churn world as frames and as files, and what was made of it once."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pytest

import sentinel
from sentinel.api import Baseline, Result
from sentinel.simulation import simulate
from sentinel.simulation.files import Files, write_files


@dataclass(frozen=True)
class Month:
    """Rows with a planted target leak: files as the command line reads them, frames as a notebook holds them."""

    files: Files
    train: pd.DataFrame
    validation: pd.DataFrame
    stream: pd.DataFrame


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """The month."""
    simulated = simulate("target_leakage", seed=3, n_train=2_000, n_validation=2_000, n_stream=3_000)
    files = write_files(simulated, tmp_path_factory.mktemp("month"))
    assert files.train is not None
    return Month(files, *(pd.read_parquet(path) for path in (files.train, files.validation, files.stream)))


@pytest.fixture(scope="session")
def baseline(month: Month) -> Baseline:
    """Its baseline, built from the frames under the settings of the files' configuration."""
    return sentinel.build_baseline(
        month.validation, month.train, config=month.files.config, manifest=month.files.manifest
    )


@pytest.fixture(scope="session")
def result(month: Month, baseline: Baseline) -> Result:
    """Its stream, replayed from the frame."""
    return sentinel.replay(month.stream, baseline)
