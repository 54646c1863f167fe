"""CSV files with columns that no machine integer holds."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from sentinel.audit.files.reading import open_table


@pytest.mark.parametrize("large", ["9" * 30, str(2**63)])
def test_whole_numbers_beyond_64_bits_are_text(large: str, tmp_path: Path) -> None:
    """A column of numbers of which one is too large is read as it is written, wherever the large one stands."""
    path = tmp_path / "rows.csv"
    values = [str(row) for row in range(99)] + [large]
    path.write_text("x\n" + "\n".join(values) + "\n", encoding="utf-8")
    file = open_table(path, batch_rows=50)
    table = pa.concat_tables(file.batches(["x"]))
    assert table.column("x").to_pylist() == values
