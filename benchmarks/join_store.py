"""What a join store costs a row, and how that grows with the rows it holds.

Run with `python -m benchmarks.join_store [--rows 10_000_000] [--quick] [--store lmdb]`.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.pipeline.store.memory_store import MemoryJoinStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from sentinel.pipeline.store.protocol import JoinStore, U64Array

ROW_BYTES = 96
BATCH_ROWS = 10_000
BATCHES_PER_COMMIT = 10
FEW_ROWS = 100_000
STEPS = ("put", "get", "update", "expire", "commit")
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # odd, so that numbers 0, 1, 2, ... become unique scattered keys
MIB = 1 << 20


def keys_numbered(numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> U64Array:
    """Scattered keys, unique by number, in no order that the index could profit from."""
    mixed = (numbers.astype(np.uint64) + np.uint64(1)) * _SPREAD
    mixed ^= mixed >> np.uint64(29)
    return mixed * np.uint64(0xBF58476D1CE4E5B9)


class Bench:
    """One store under a steady load: as many rows enter as leave."""

    def __init__(self, store: JoinStore, seed: int) -> None:
        self.store = store
        self.rng = np.random.default_rng(seed)
        self.rows = self.rng.integers(0, 255, (BATCH_ROWS, store.row_bytes), np.uint8)
        self.n_put = 0
        self.n_expired = 0
        self.cpu_seconds = dict.fromkeys(STEPS, 0.0)
        self.wall_seconds = dict.fromkeys(STEPS, 0.0)

    def timed(self, step: str, work: Callable[[], object]) -> None:
        """Charge work to a step."""
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        self.cpu_seconds[step] += time.process_time() - cpu
        self.wall_seconds[step] += time.perf_counter() - wall

    def put(self) -> None:
        """Put one batch; row i expires at i."""
        numbers = np.arange(self.n_put, self.n_put + BATCH_ROWS)
        keys = keys_numbered(numbers)
        self.timed("put", lambda: self.store.put(keys, numbers, self.rows))
        self.n_put += BATCH_ROWS

    def some_keys(self) -> U64Array:
        """Unique keys of rows that are held, at random over all of them."""
        held = self.n_put - self.n_expired
        strata = np.linspace(0, held, BATCH_ROWS + 1).astype(np.int64)
        numbers = self.n_expired + self.rng.integers(strata[:-1], strata[1:])
        return self.rng.permutation(keys_numbered(numbers))

    def fill(self, n_rows: int) -> None:
        """Put rows until so many are held."""
        while len(self.store) < n_rows:
            self.put()
            if self.n_put % (BATCH_ROWS * BATCHES_PER_COMMIT) == 0:
                self.timed("commit", self.store.commit)
        self.store.commit()

    def churn(self, n_batches: int) -> dict[str, tuple[float, float]]:
        """Put, look up, update and expire a batch each in turn; CPU and wall microseconds a row by step."""
        self.cpu_seconds = dict.fromkeys(STEPS, 0.0)
        self.wall_seconds = dict.fromkeys(STEPS, 0.0)
        for turn in range(n_batches):
            self.put()
            looked_up, updated = self.some_keys(), self.some_keys()
            self.timed("get", lambda keys=looked_up: self.store.get(keys))  # type: ignore[misc]
            self.timed("update", lambda keys=updated: self.store.update(keys, self.rows))  # type: ignore[misc]
            self.n_expired += BATCH_ROWS
            self.timed("expire", lambda: self.store.expire(self.n_expired))
            if turn % BATCHES_PER_COMMIT == BATCHES_PER_COMMIT - 1:
                self.timed("commit", self.store.commit)
        per_row = 1e6 / (n_batches * BATCH_ROWS)
        return {step: (self.cpu_seconds[step] * per_row, self.wall_seconds[step] * per_row) for step in STEPS}


def resident_mib() -> dict[str, float]:
    """Resident memory by kind: anonymous is the process's own, file is page cache that can be taken back."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines if line.startswith("Rss"))
    return {kind: int(size.split()[0]) / 1024 for kind, size in found.items()}


def opened(kind: str, directory: Path, fsync: bool) -> JoinStore:
    """Open a store of the kind asked for."""
    return LmdbJoinStore.open(directory, ROW_BYTES, fsync=fsync) if kind == "lmdb" else MemoryJoinStore(ROW_BYTES)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows held (default: 10 million)")
    parser.add_argument("--quick", action="store_true", help="a million rows and fewer batches")
    parser.add_argument("--store", choices=("lmdb", "memory"), default="lmdb")
    parser.add_argument("--no-fsync", action="store_true", help="survive the end of the process only")
    parser.add_argument("--directory", type=Path, help="where to put the store (default: the temporary directory)")
    chosen = parser.parse_args()
    n_rows = min(chosen.rows, 1_000_000) if chosen.quick else chosen.rows
    n_batches = 30 if chosen.quick else 100
    home = Path(tempfile.mkdtemp(dir=chosen.directory))
    try:
        measure(chosen.store, home, n_rows, n_batches, fsync=not chosen.no_fsync)
    finally:
        shutil.rmtree(home)


def measure(kind: str, home: Path, n_rows: int, n_batches: int, fsync: bool) -> None:
    """Measure few and many rows in one run, then reopening."""
    before = resident_mib()
    few = Bench(opened(kind, home / "few", fsync), seed=1)
    few.fill(FEW_ROWS)
    few.churn(n_batches)  # twice: the first round warms caches and page allocation up
    at_few = few.churn(n_batches)
    few.store.close()

    many = Bench(opened(kind, home / "many", fsync), seed=2)
    many.fill(n_rows)
    filled = many.store.statistics()
    print(f"{kind} store, rows of {ROW_BYTES} bytes, batches of {BATCH_ROWS}, fsync={fsync}")
    print(f"fill: {filled.disk_bytes / n_rows:.0f} disk bytes a row")
    for step in ("put", "commit"):
        cpu, wall = many.cpu_seconds[step] / n_rows * 1e6, many.wall_seconds[step] / n_rows * 1e6
        print(f"fill: {step:6} {cpu:6.3f} us CPU, {wall:6.3f} us wall a row")
    at_many = many.churn(n_batches)
    print(f"{'us CPU (wall) a row':22}{f'{FEW_ROWS:,} rows':>20}{f'{n_rows:,} rows':>20}{'ratio':>8}")
    for step in STEPS:
        (cpu, wall), (cpu_many, wall_many) = at_few[step], at_many[step]
        few_cell, many_cell = f"{cpu:.3f} ({wall:.3f})", f"{cpu_many:.3f} ({wall_many:.3f})"
        print(f"{step:22}{few_cell:>20}{many_cell:>20}{cpu_many / cpu:>8.2f}")
    sums = [sum(cpu for cpu, _ in at.values()) for at in (at_few, at_many)]
    print(f"{'all':22}{sums[0]:>20.3f}{sums[1]:>20.3f}{sums[1] / sums[0]:>8.2f}")
    seen, now = many.store.statistics(), resident_mib()
    disk_bytes, own_mib = seen.disk_bytes / seen.rows, seen.memory_bytes / MIB
    print(f"after churn: {disk_bytes:.0f} disk bytes a row, {own_mib:.0f} MiB own memory")
    print("resident, MiB: " + ", ".join(f"{kind} {before[kind]:.0f} -> {now[kind]:.0f}" for kind in now))
    many.store.close()
    if kind == "lmdb":
        started = time.perf_counter()
        opened(kind, home / "many", fsync).close()
        print(f"reopen: {time.perf_counter() - started:.2f} s for {seen.rows:,} rows")


if __name__ == "__main__":
    main()
