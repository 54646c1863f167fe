"""Rows as every check sees them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from sentinel.audit.checks import copies
from sentinel.audit.files.columns import AuditColumns
from sentinel.audit.files.rows import RowDecoder
from sentinel.config.model import Model
from tests.audit.frames import look, rows

TRAIN = rows(600, 1)
COPIES = TRAIN.head(300)


@pytest.mark.parametrize("value", [1.0, "fold"])
@pytest.mark.parametrize("side", ["train", "validation"])
def test_a_column_that_one_file_lacks_hides_no_copy(value: float | str, side: str) -> None:
    """Prints are of the columns that both files have: a fold or a weight beside them in one file changes nothing."""
    train = TRAIN.assign(fold=value) if side == "train" else TRAIN
    validation = COPIES.assign(fold=value) if side == "validation" else COPIES
    (finding,) = look(copies, validation, train).findings
    assert finding.n_rows == len(COPIES)


def test_a_missing_outcome_is_not_of_a_class_called_none() -> None:
    """A hole among numbered classes is not known, and a class may have any name."""
    columns = AuditColumns(numeric=(), categorical=(), outcome="outcome")
    decoder = RowDecoder(Model(name="m", version="1", task="multiclass"), columns, ("None", "1"))
    decoded = decoder.decode(pa.table({"outcome": [1.0, np.nan]}), "validation", np.arange(2))
    np.testing.assert_array_equal(decoded.outcomes, [1.0, np.nan])
