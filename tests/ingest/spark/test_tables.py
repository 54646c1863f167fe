"""On Spark an audit, and a baseline, say what they say in one process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from sentinel.audit.files.reading import held_table, open_table
from sentinel.audit.scan import Given, audit
from sentinel.baseline.build import build_baseline
from sentinel.errors import BaselineError
from tests.audit.parted import mixed_files, mixed_model, timeless
from tests.support.tools import need, need_package

if TYPE_CHECKING:
    from sentinel.events.batch import I64
    from sentinel.ingest.spark.tables import SparkEngine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def engine() -> Iterator[SparkEngine]:
    """Spark in two threads of this machine."""
    need_package("pyspark", "the Spark engine cannot be checked")
    need("java", "the Spark engine cannot be checked")
    from sentinel.ingest.spark.session import open_session
    from sentinel.ingest.spark.tables import SparkEngine

    session = open_session("local[2]", None, {"spark.ui.enabled": "false", "spark.driver.memory": "1g"})
    yield SparkEngine(session)
    session.stop()


def test_audit_on_spark_says_what_it_says_here(engine: SparkEngine, tmp_path: Path) -> None:
    """Findings, counts, pairs, intervals: all of the report but how long it took."""
    train, validation = mixed_files(tmp_path)
    given = Given(mixed_model(), validation, train)
    done: list[tuple[int, int, str]] = []
    spark = timeless(audit(given, now_us=0, engine=engine, progress=lambda *told: done.append(told)))
    assert spark == timeless(audit(given, now_us=0))
    assert any(finding.check == "copies" for finding in spark.findings)
    assert [told for told in done if told[0] == told[1]]


def test_baseline_on_spark_is_the_same_file(engine: SparkEngine, tmp_path: Path) -> None:
    """Counts, filters, estimates and evidence, bit for bit."""
    train, validation = mixed_files(tmp_path)
    spark = build_baseline(mixed_model(), validation, train, now_us=0, engine=engine, audit=False)
    assert spark.digest == build_baseline(mixed_model(), validation, train, now_us=0, audit=False).digest


def test_failure_on_a_worker_is_one_line(engine: SparkEngine, tmp_path: Path) -> None:
    """A file that vanishes after it was opened is named with what is wrong of it."""
    train, _ = mixed_files(tmp_path)
    file = open_table(train)
    (train / "part-1.parquet").unlink()
    with pytest.raises(BaselineError, match=r"part-1\.parquet: cannot read on"):
        engine.run(file, ["x0"], _Nothing(), lambda *_: None, "counting")


def test_rows_that_are_no_parquet_are_refused(engine: SparkEngine) -> None:
    """Rows in memory have no parts that workers could read."""
    with pytest.raises(BaselineError, match="rows: Spark reads Parquet files"):
        engine.run(held_table(pa.table({"x": [1]}), "rows"), ["x"], _Nothing(), lambda *_: None, "counting")


class _Nothing:
    def add(self, table: pa.Table, numbers: I64) -> None:
        assert table.num_rows == np.size(numbers)

    def merge(self, other: _Nothing) -> None:
        pass
