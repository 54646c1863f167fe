"""Rows per CPU second of `sentinel baseline build`, and where the time goes.

python -m benchmarks.baseline_build [--quick] [--rows N] [--columns K] [--profile]
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sentinel.baseline.build import build_baseline
from sentinel.config import Model

TARGET_ROWS_PER_SECOND = 1_000_000
QUICK_ROWS = 500_000
FULL_ROWS = 5_000_000
CHUNK_ROWS = 250_000


def write_rows(path: Path, n_rows: int, n_columns: int, seed: int = 0) -> None:
    """Write scored rows: half of the columns real numbers, a third small counts, the rest categories."""
    rng = np.random.default_rng(seed)
    writer: pq.ParquetWriter | None = None
    for start in range(0, n_rows, CHUNK_ROWS):
        table = _rows(rng, start, min(CHUNK_ROWS, n_rows - start), n_columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _rows(rng: np.random.Generator, start: int, n: int, n_columns: int) -> pa.Table:
    score = rng.beta(2, 5, n)
    predicted_at = np.datetime64("2026-01-01", "us") + np.arange(start, start + n) * np.timedelta64(1, "s")
    columns: dict[str, object] = {
        "prediction_id": [f"p{i:09d}" for i in range(start, start + n)],
        "predicted_at": predicted_at,
        "score": score,
        "outcome": (rng.random(n) < score).astype(np.int64),
        "outcome_at": predicted_at + np.timedelta64(3, "D"),
        "group": rng.integers(0, 50_000, n),
        "region": np.array(["EU", "US", "APAC"])[rng.integers(0, 3, n)],
    }
    for j in range(n_columns - 1):
        if j % 2 == 0:
            columns[f"x{j}"] = rng.normal(size=n)
        elif j % 6 == 1:
            columns[f"c{j}"] = np.array([f"v{k}" for k in range(40)])[rng.integers(0, 40, n)]
        else:
            columns[f"n{j}"] = rng.poisson(3, n)
    return pa.table(columns)


def main() -> None:
    """Measure and print one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--profile", action="store_true", help="list the functions that cost most")
    args = parser.parse_args()
    n_rows = args.rows or (QUICK_ROWS if args.quick else FULL_ROWS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "validation.parquet"
        write_rows(path, n_rows, args.columns)
        model = Model(name="bench", version="1", slices=["region"])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        profiler = cProfile.Profile()
        cpu, wall = time.process_time(), time.perf_counter()
        if args.profile:
            profiler.enable()
        build_baseline(model, path, now_us=0)
        profiler.disable()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{n_rows:,} rows x {args.columns} columns: {cpu:.2f} s CPU, {wall:.2f} s wall, "
        f"{n_rows / cpu:,.0f} rows per CPU second (target {TARGET_ROWS_PER_SECOND:,}), memory +{grown:.0f} MB"
    )
    if args.profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
