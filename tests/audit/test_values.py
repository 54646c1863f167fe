"""Values of the rows to look at: read for those rows alone, shown as text, and only where someone asks."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from sentinel.api.settings import settings_of
from sentinel.audit.files.values import RowValues, read_values, shown_columns
from sentinel.audit.findings import RowPair
from sentinel.config.model import Model
from sentinel.errors import BaselineError
from tests.audit import reports

PAIRS = (RowPair(train=3, validation=0), RowPair(validation=69_999))
N_ROWS = 70_000
"""More than one batch of a file."""


@pytest.fixture(scope="module")
def model() -> Model:
    """Settings as by default."""
    return settings_of("churn", "7", {})


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Numbered rows."""
    return pd.DataFrame(
        {"prediction_id": [f"p{at}" for at in range(N_ROWS)], "age": range(N_ROWS), "outcome": [0, 1] * (N_ROWS // 2)}
    )


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_the_named_rows_are_read(suffix: str, model: Model, rows: pd.DataFrame, tmp_path: Path) -> None:
    """Rows of both files are found by their number, wherever a batch ends, and no other is read out."""
    path = tmp_path / f"rows.{suffix}"
    rows.to_parquet(path) if suffix == "parquet" else rows.to_csv(path, index=False)
    audit = reports.report(reports.finding(rows=PAIRS))
    values = read_values(audit, model, validation=path, train=path)
    assert {key: row["age"] for key, row in values.items()} == {
        ("train", 3): "3",
        ("validation", 0): "0",
        ("validation", N_ROWS - 1): "69999",
    }
    assert values["validation", 0]["prediction_id"] == "p0"


def test_rows_in_memory_are_read_as_well(model: Model, rows: pd.DataFrame) -> None:
    """A table needs no file; without training rows those of a finding are not shown."""
    audit = reports.report(reports.finding(rows=PAIRS))
    values = read_values(audit, model, validation=pa.Table.from_pandas(rows), train=None)
    assert sorted(values) == [("validation", 0), ("validation", N_ROWS - 1)]


def test_nothing_is_read_where_no_row_is_named(model: Model) -> None:
    """Without rows to look at no file is opened."""
    assert read_values(reports.clean(), model, validation=Path("none.parquet"), train=Path("none.parquet")) == {}


def test_a_file_that_is_gone_is_told(model: Model, tmp_path: Path) -> None:
    """A file that went away after the audit is named."""
    with pytest.raises(BaselineError, match=r"none\.parquet: cannot be read"):
        read_values(reports.whole(), model, validation=tmp_path / "none.parquet", train=None)


def test_every_kind_of_value_is_text(model: Model) -> None:
    """Missing values, times, numbers, long texts, bytes and vectors are told in a few characters each."""
    table = pa.table(
        {
            "none": pa.array([None], pa.float64()),
            "at": pa.array([1_700_000_000_123_456], pa.timestamp("us", "UTC")),
            "number": [0.1 + 0.2],
            "whole": [12_345_678_901],
            "text": ["x" * 300],
            "image": [b"\x89PNG"],
            "vector": [[0.5] * 8],
        }
    )
    audit = reports.report(reports.finding(rows=(RowPair(validation=0),)))
    (row,) = read_values(audit, model, validation=table, train=None).values()
    assert row == {
        "none": "(missing)",
        "at": "2023-11-14 22:13:20+00:00",
        "number": "0.3",
        "whole": "12345678901",
        "text": "x" * 200 + "…",
        "image": "(4 bytes)",
        "vector": "(8 numbers)",
    }


def test_the_columns_of_a_finding_come_first(model: Model) -> None:
    """A finding about columns shows these and what names a row; another one all, and never more than a screen holds."""
    names = ["prediction_id", "outcome", *(f"x{at}" for at in range(50))]
    values: RowValues = {("validation", 0): dict.fromkeys(names, "1")}
    about = reports.finding(columns=("x3", "gone"))
    assert shown_columns(about, model, values) == ["x3", "prediction_id", "outcome"]
    assert shown_columns(reports.finding(), model, values) == names[:30]
