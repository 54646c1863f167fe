"""``sentinel replay`` with feature times and backfills: what came on the wire stands in the report, exactly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentinel import cli
from sentinel.simulation import simulate
from sentinel.simulation.files import Files, write_files

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "report.schema.json"
FEATURES = """    features:
      monthly_spend: {range: [20, null], available: after_outcome}
      usage_hours_7d: {max_age: 1h}
"""


def timed(frame: pd.DataFrame, path: Path, ages: dict[str, np.ndarray[Any, np.dtype[np.float64]]]) -> None:
    """Write the rows with a struct of feature times, each so many seconds before the prediction."""
    times = {name: frame["predicted_at"] - pd.to_timedelta(seconds, unit="s") for name, seconds in ages.items()}
    structs = pa.StructArray.from_arrays([pa.Array.from_pandas(t) for t in times.values()], names=list(times))
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table.append_column("feature_times", structs), path)


def run(*arguments: str | Path) -> int:
    """The command line."""
    return cli.main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A month without a planted cause, whose files carry times: one row in four of the spend lies in the future."""
    folder = tmp_path_factory.mktemp("evidence")
    written = write_files(simulate("clean", seed=5, n_train=500, n_validation=1_000, n_stream=1_200), folder)
    written.config.write_text(written.config.read_text().rstrip() + "\n" + FEATURES)
    for path, oldest in ((written.validation, 60.0), (written.stream, 4_000.0)):
        frame = pd.read_parquet(path)
        row = np.arange(len(frame))
        ages = {
            "monthly_spend": np.where(row % 4 == 0, -60.0, 10.0),
            "usage_hours_7d": np.where(row % 3 == 0, oldest, 30.0),
        }
        timed(frame, path, ages)
    arguments = ("--config", written.config, "--validation", written.validation, "--output", folder / "b.baseline")
    assert run("baseline", "build", *arguments, "--quiet") == 0
    return written


def test_times_backfills_and_declared_facts_reach_the_report(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shares of future, old, outside and mismatching values are those of the rows; the mismatch knows the outcome."""
    stream = pd.read_parquet(files.stream)
    recomputed = stream[["prediction_id", "usage_hours_7d", "device"]].copy()
    moved = (stream["outcome"] == 1) & stream["usage_hours_7d"].notna()
    recomputed.loc[moved, "usage_hours_7d"] = np.nan  # missing values have a bin of their own
    backfills, path = tmp_path / "backfills.parquet", tmp_path / "report.json"
    stranger = recomputed.head(1).assign(prediction_id="nobody")
    pd.concat([stranger, recomputed.iloc[:1_000], recomputed.iloc[:10]]).to_parquet(backfills, index=False)
    arguments = ("--config", files.config, "--baseline", files.config.parent / "b.baseline", "--stream", files.stream)
    assert run("replay", *arguments, "--backfills", backfills, "--report", path, "--quiet") == 0
    report = json.loads(path.read_bytes())
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    assert (report["counts"]["backfills"], report["counts"]["duplicate_backfills"]) == (1_000, 10)
    assert report["counts"]["orphaned_backfills"] == 1
    assert "1000 backfills met their prediction, 1 found none by their id" in capsys.readouterr().out
    assert report["counts"]["waiting_backfills"] == 0  # a file has no later: what belongs to nobody is orphaned
    features = {feature["name"]: feature for feature in report["features"]}

    spend = features["monthly_spend"]
    assert spend["available"] == "after_outcome"
    assert spend["outside_range_ratio"] == pytest.approx((stream["monthly_spend"] < 20.0).mean())
    validation = pd.read_parquet(files.validation)
    assert spend["offline_outside_range_ratio"] == pytest.approx((validation["monthly_spend"] < 20.0).mean())
    assert 0.0 < spend["outside_range_ratio"] < 1.0
    assert (spend["ages"]["n"], spend["ages"]["offline_n"]) == (1_200, 1_000)
    assert spend["ages"]["after_prediction_ratio"] == spend["ages"]["offline_after_prediction_ratio"] == 0.25
    assert spend["ages"]["too_old_ratio"] is None

    usage = features["usage_hours_7d"]
    assert usage["ages"]["too_old_ratio"] == pytest.approx(1 / 3)
    assert 16.0 <= usage["ages"]["median_seconds"] <= 32.0  # the bin that holds 30 s
    backfill = usage["backfill"]
    assert backfill["n"] == 1_000
    assert backfill["mismatch_ratio"] == pytest.approx(moved[:1_000].mean())
    assert backfill["outcome_log_odds"] > 5.0
    assert backfill["p_value"] < 1e-100
    assert features["device"]["backfill"]["mismatch_ratio"] == 0.0
    assert features["device"]["backfill"]["p_value"] is None
    assert features["contract_days"]["backfill"] is None
    assert features["contract_days"]["ages"] is None


def test_a_file_of_backfills_that_is_not_there_is_one_line(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its name is told, and nothing is replayed."""
    gone = tmp_path / "gone.parquet"
    arguments = ("--config", files.config, "--baseline", files.config.parent / "b.baseline", "--stream", files.stream)
    assert run("replay", *arguments, "--backfills", gone, "--quiet") == 1
    error = capsys.readouterr().err
    assert str(gone) in error
    assert error.count("\n") == 1
