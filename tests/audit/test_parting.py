"""Every check finds the same, however rows are parted and in whatever order the parts are added up."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentinel.audit.checks import all_checks
from sentinel.audit.files.reading import open_table
from sentinel.audit.findings import AuditReport
from sentinel.audit.scan import Given, audit
from sentinel.errors import BaselineError
from tests.audit.parted import N_TRAIN, PartedEngine, mixed_files, mixed_model, timeless


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """The files that all tests of this module audit."""
    train, validation = mixed_files(tmp_path_factory.mktemp("rows"))
    return Given(mixed_model(), validation, train)


@pytest.fixture(scope="module")
def whole(given: Given) -> AuditReport:
    """What one process finds that sees the rows in order."""
    return timeless(audit(given, now_us=0))


@pytest.mark.parametrize("name", [check.NAME for check in all_checks()])
def test_check_does_not_depend_on_how_rows_are_parted(name: str, given: Given, whole: AuditReport) -> None:
    """Copies that saw row groups in random order, added up in random order, say what one pass says."""
    only = [check for check in all_checks() if name == check.NAME]
    parted = timeless(audit(given, now_us=0, checks=only, engine=PartedEngine(seed=5)))
    assert parted.checks == tuple(check for check in whole.checks if check.name == name)
    assert (parted.train, parted.validation, parted.offline) == (whole.train, whole.validation, whole.offline)


def test_classes_do_not_depend_on_how_rows_are_parted(tmp_path: Path) -> None:
    """A multiclass audit is the same in every digit."""
    train, validation = mixed_files(tmp_path, task="multiclass")
    given = Given(mixed_model("multiclass"), validation, train)
    assert timeless(audit(given, now_us=0, engine=PartedEngine(seed=6))) == timeless(audit(given, now_us=0))


def test_errors_of_a_regression_agree_but_for_rounding(tmp_path: Path) -> None:
    """Sums of real numbers depend on their order by some 1e-16 each; what is found does not."""
    train, validation = mixed_files(tmp_path, task="regression")
    given = Given(mixed_model("regression"), validation, train)
    parted, whole = (audit(given, now_us=0, engine=engine) for engine in (PartedEngine(seed=6), None))
    assert parted.offline is not None
    assert whole.offline is not None
    assert parted.offline.value == pytest.approx(whole.offline.value, rel=1e-12)
    assert parted.offline.lower == pytest.approx(whole.offline.lower, rel=1e-12)
    found = [[(one.check, one.severity, one.n_rows, one.columns) for one in of.findings] for of in (parted, whole)]
    assert found[0] == found[1]


def test_planted_copies_are_found_by_their_numbers_across_files(whole: AuditReport) -> None:
    """The first rows of the validation folder are the first of the training folder, whichever file holds them."""
    (copies,) = [finding for finding in whole.findings if finding.check == "copies"]
    assert [(pair.train, pair.validation) for pair in copies.rows] == [(at, at) for at in range(len(copies.rows))]


def test_folder_is_read_in_the_order_of_its_names(given: Given) -> None:
    """Row groups of both files follow one another, and each knows the place of its first row."""
    assert isinstance(given.train, Path)
    file = open_table(given.train)
    assert file.n_rows == N_TRAIN
    assert [piece.first for piece in file.pieces] == [0, 300, 600, 900, 1_000, 1_700, 2_400]
    ids = pa.concat_tables(file.batches(["prediction_id"])).column(0).to_pylist()
    assert ids == [f"p{number}" for number in range(N_TRAIN)]


def test_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    """No Parquet at all, or two files of different columns, are named."""
    with pytest.raises(BaselineError, match=r"no \.parquet file is in this folder"):
        open_table(tmp_path)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "2.parquet")
    with pytest.raises(BaselineError, match=r"2\.parquet: its columns differ from those of"):
        open_table(tmp_path)


def test_huge_row_group_is_read_in_small_batches(tmp_path: Path) -> None:
    """Batches have the size asked for, although the file is one row group."""
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": np.arange(10_000)}), path, row_group_size=10_000)
    file = open_table(path, batch_rows=1_000)
    assert [table.num_rows for table in file.batches(["a"])] == [1_000] * 10


def test_complete_sample_is_shown_as_the_file_would_be(tmp_path: Path) -> None:
    """Rows that were all sampled are not read again; any size of batches gives what reading again gives."""
    train, validation = mixed_files(tmp_path)
    model = mixed_model()
    model = msgspec.structs.replace(model, audit=msgspec.structs.replace(model.audit, sample_rows=N_TRAIN))
    given = Given(model, validation, train)
    whole = timeless(audit(given, now_us=0))
    assert timeless(audit(given, now_us=0, batch_rows=451)) == whole
    assert timeless(audit(given, now_us=0, engine=PartedEngine(seed=8))) == whole
    assert whole.train is not None
    assert whole.train.n_rows == N_TRAIN
