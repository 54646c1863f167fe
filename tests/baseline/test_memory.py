"""Building from files larger than what is held at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_CHILD = """
import sys
from pathlib import Path
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from sentinel.baseline.build import build_baseline
from sentinel.config import Model

path, n = Path(sys.argv[1]), 4_000_000
rng, writer = np.random.default_rng(0), None
for start in range(0, n, 100_000):
    score = rng.random(100_000)
    table = pa.table({
        "prediction_id": np.arange(start, start + 100_000),
        "predicted_at": np.arange(start, start + 100_000) + 1_767_225_600,
        "score": score, "outcome": (rng.random(100_000) < score).astype(np.int8), "x": rng.normal(size=100_000),
    })
    writer = writer or pq.ParquetWriter(path, table.schema)
    writer.write_table(table)
    del table
writer.close()
small = path.with_name("small.parquet")
pq.write_table(pq.ParquetFile(path).read_row_group(0), small)
def held(source):
    seen = []
    def look(done, total, phase):
        status = Path("/proc/self/status").read_text()
        seen.append(int(status.split("RssAnon:")[1].split()[0]) / 1024)
    baseline = build_baseline(Model(name="m", version="1"), source, now_us=0, progress=look)
    return max(seen), baseline
before, _ = held(small)
after, baseline = held(path)
assert baseline.summary.n_outcomes == n
print(after - before)
"""
MAX_GROWTH_MIB = 40


@pytest.mark.slow
def test_four_million_rows_take_no_more_memory_than_a_hundred_thousand(tmp_path: Path) -> None:
    """The memory held while building grows by less than 40 MiB; the rows themselves would be 132 MB and more."""
    command = [sys.executable, "-c", _CHILD, str(tmp_path / "rows.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < MAX_GROWTH_MIB
