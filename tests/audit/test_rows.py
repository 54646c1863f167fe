"""Rows as every check sees them."""

from __future__ import annotations

import pytest

from sentinel.audit.checks import copies
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
