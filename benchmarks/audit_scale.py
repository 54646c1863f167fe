"""Memory and CPU time of an audit of files that are larger than what it may hold.

python -m benchmarks.audit_scale [--quick] [--rows N] [--profile] [--row-group N] [--spark]

Writes training and validation rows of 20 columns as Parquet, with copies and shared entities planted, and audits them
in a process of its own, which the kernel measures; with --spark once more by Spark's workers on this machine, whose
findings have to be the same.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS: Final = 20_000_000
QUICK_ROWS: Final = 500_000
CHUNK_ROWS: Final = 250_000
TRAIN_SHARE: Final = 0.75
COPIED_SHARE: Final = 0.02
N_NUMERIC, N_COUNTS, N_CATEGORIES = 8, 3, 3
"""With prediction_id, predicted_at, outcome_at, score, outcome and group: 20 columns."""
LIMIT_MB: Final = 2_048


def write_files(folder: Path, n_rows: int, row_group: int) -> None:
    """Write ``train.parquet`` and ``validation.parquet``; every fiftieth validation row is a training row."""
    n_train = int(n_rows * TRAIN_SHARE)
    for side, first, n in (("train", 0, n_train), ("validation", n_train, n_rows - n_train)):
        writer: pq.ParquetWriter | None = None
        waiting: list[pa.Table] = []
        for start in range(first, first + n, CHUNK_ROWS):
            waiting.append(_chunk(start, min(CHUNK_ROWS, first + n - start), copied=side == "validation"))
            writer = writer or pq.ParquetWriter(folder / f"{side}.parquet", waiting[0].schema)
            if sum(len(table) for table in waiting) >= row_group:
                writer.write_table(pa.concat_tables(waiting), row_group_size=row_group)
                waiting.clear()
        if writer is not None:
            if waiting:
                writer.write_table(pa.concat_tables(waiting), row_group_size=row_group)
            writer.close()


def _chunk(start: int, n: int, *, copied: bool) -> pa.Table:
    """Rows that their number alone determines, so that copies are made by asking for the same number again."""
    rng = np.random.default_rng([1, start])
    table = _rows(rng, start, n)
    if not copied:
        return table
    n_copies = int(n * COPIED_SHARE)
    source = _rows(np.random.default_rng([1, 0]), 0, CHUNK_ROWS)
    inputs = source.slice((start // CHUNK_ROWS * n_copies) % (CHUNK_ROWS - n_copies), n_copies)
    fresh = table.slice(0, n_copies)
    for name in ("prediction_id", "predicted_at", "outcome_at"):
        inputs = inputs.set_column(inputs.schema.get_field_index(name), name, fresh.column(name))
    return pa.concat_tables([inputs, table.slice(n_copies)])


def _rows(rng: np.random.Generator, start: int, n: int) -> pa.Table:
    score = rng.beta(2, 5, n)
    numbers = np.arange(start, start + n)
    predicted_at = np.datetime64("2026-01-01", "us") + numbers * np.timedelta64(1, "s")
    columns: dict[str, Any] = {
        "prediction_id": np.char.add("p", numbers.astype(str)),
        "predicted_at": predicted_at,
        "outcome_at": predicted_at + np.timedelta64(3, "D"),
        "score": score,
        "outcome": (rng.random(n) < score).astype(np.int64),
        "group": rng.integers(0, 4_000_000, n),
    }
    columns |= {f"x{j}": rng.normal(size=n) for j in range(N_NUMERIC)}
    columns |= {f"n{j}": rng.poisson(3 + j, n) for j in range(N_COUNTS)}
    words = np.array([f"v{k}" for k in range(40)])
    columns |= {f"c{j}": words[rng.integers(0, 40, n)] for j in range(N_CATEGORIES)}
    return pa.table(columns)


def peak_mb() -> float:
    """Peak resident memory of this process; what the kernel tells its parent may be the parent's own."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def child(folder: Path, *, profile: bool, spark: bool) -> dict[str, Any]:
    """The audit, in a process of its own."""
    from sentinel.audit.scan import Given, audit
    from sentinel.cli.engines import opened_engine
    from sentinel.config.model import Model

    imported = peak_mb()
    peaks: dict[str, float] = {}

    def tell(done: int, total: int, phase: str) -> None:
        del done, total
        peaks[phase] = peak_mb()

    profiler = cProfile.Profile()
    if profile:
        profiler.enable()
    given = Given(Model(name="bench", version="1"), folder / "validation.parquet", folder / "train.parquet")
    asked = argparse.Namespace(engine="spark" if spark else "local", master="local[2]" if spark else None, conf=[])
    with opened_engine(asked) as engine:
        report = audit(given, now_us=0, progress=tell, engine=engine)
    profiler.disable()
    if profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(35)
    return {
        "imported": imported,
        "peak": peak_mb(),
        "peaks": peaks,
        "checks": {check.name: check.seconds for check in report.checks},
        "findings": [f"{one.severity} {one.check}: {one.title}" for one in report.findings],
        "whole": [msgspec.to_builtins(one) for one in report.findings],
    }


def main() -> None:
    """Write, audit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=int, help="of both files together")
    parser.add_argument("--row-group", type=int, default=1_000_000, help="rows of a row group")
    parser.add_argument("--profile", action="store_true", help="list the functions that cost most")
    parser.add_argument("--spark", action="store_true", help="audit with Spark as well, and compare")
    parser.add_argument("--scratch", type=Path, help="where the files are written")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        print(json.dumps(child(args.child, profile=args.profile, spark=args.spark)))
        return
    n_rows = args.rows or (QUICK_ROWS if args.quick else ROWS)
    with tempfile.TemporaryDirectory(dir=args.scratch) as name:
        write_files(Path(name), n_rows, args.row_group)
        size = sum(path.stat().st_size for path in Path(name).iterdir()) / 1e6
        began = time.perf_counter()
        told, usage = _run(name, ["--profile"] if args.profile else [])
        _show(told, n_rows, size, time.perf_counter() - began, usage)
        if args.spark:
            began = time.perf_counter()
            same = _run(name, ["--spark"])[0]["whole"] == told["whole"]
            print(f"Spark, local[2]: {time.perf_counter() - began:.0f} s, findings {'the same' if same else 'DIFFER'}")


def _run(folder: str, options: list[str]) -> tuple[dict[str, Any], resource.struct_rusage]:
    command = [sys.executable, "-m", "benchmarks.audit_scale", "--child", folder, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    answer = (process.stdout.read() if process.stdout else b"").decode().strip().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the audit ended with {process.returncode}")
    return json.loads(answer[-1]), usage


def _show(told: dict[str, Any], n_rows: int, size: float, wall: float, usage: resource.struct_rusage) -> None:
    cpu, peak = usage.ru_utime + usage.ru_stime, told["peak"]
    print(f"{n_rows:,} rows x 20 columns, {size:,.0f} MB of Parquet: {wall:.0f} s, {cpu:.0f} CPU s, ", end="")
    print(f"peak {peak:,.0f} MB ({told['imported']:.0f} MB once imported; limit {LIMIT_MB:,} MB)")
    for phase, peaked in told["peaks"].items():
        print(f"  {phase}: peak so far {peaked:,.0f} MB")
    for name, seconds in sorted(told["checks"].items(), key=lambda item: -item[1]):
        print(f"  {name}: {seconds:.2f} s")
    for finding in told["findings"]:
        print(f"  {finding}")
    if peak > LIMIT_MB:
        raise SystemExit(f"peak memory {peak:,.0f} MB is over {LIMIT_MB:,} MB")


if __name__ == "__main__":
    main()
