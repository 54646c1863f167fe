"""The audit beside deepchecks' train-test and integrity checks, on one split with planted leaks and on an honest one.

python -m benchmarks.audit_deepchecks [--quick] [--rows N] [--environments FOLDER]

Each side runs in a process of its own over the same two Parquet files (2 x 100,000 rows x 10 columns) and is charged
what the kernel counted for it: CPU seconds of all its threads, and peak resident memory, imports included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.audit_scale import peak_mb
from benchmarks.peers import QUIET, SCRIPTS, environment

ROWS: Final = 100_000
QUICK_ROWS: Final = 10_000
Seen = tuple[str, str]
"""A check, and a word that what it says has to hold."""
Planted = Mapping[str, tuple[tuple[Seen, ...], tuple[Seen, ...]]]
HONEST, LEAKS, REPEATS = "honest", "leaks between the files", "repeated rows, and few validation rows"
FEATURES: Final = ["outcome", "x0", "x1", "x2", "amount", "visits", "made", "one_file", "region", "plan", "fixed"]
PLANTED: Final[Mapping[str, Planted]] = {
    LEAKS: {
        "12 % of validation rows are training rows": (
            (("TrainTestSamplesMix", ""),),
            (("copies", "also training rows"),),
        ),
        "2 % of validation rows are those, a little changed": ((), (("near_copies", ""),)),
        "entities of validation rows were trained on": (
            (("IndexTrainTestLeakage", ""),),
            (("entities", "about entities"),),
        ),
        "validation rows from the time of training": (
            (("DateTrainTestLeakageOverlap", ""), ("DateTrainTestLeakageDuplicates", "")),
            (("period", ""),),
        ),
        "a feature made from the outcome": (
            (("FeatureLabelCorrelation", "made"), ("FeatureLabelCorrelationChange", "made")),
            (("single_features", "made"),),
        ),
        "a feature that holds the outcome in one file": (
            (("FeatureLabelCorrelationChange", "one_file"),),
            (("single_features", "one_file"),),
        ),
        "entity ids that order the rows by outcome": (
            (("IdentifierLabelCorrelation", "'group'"),),
            (("telltale_ids", "group"), ("single_features", "group")),
        ),
        "a category that is new": ((("NewCategoryTrainTest", "plan"),), (("schema_differences", "plan"),)),
        "one word written in two ways": (
            (("StringMismatchComparison", "region"),),
            (("spellings", "region"),),
        ),
        "a feature that has drifted": (
            (("FeatureDrift", "x2"), ("MultivariateDrift", "")),
            (("range_differences", "x2"),),
        ),
        "outcomes that have drifted": (
            (("LabelDrift", ""),),
            (("range_differences", "outcome"),),
        ),
        "a constant column": ((("IsSingleValue", "fixed"),), (("constant_columns", "fixed"),)),
    },
    REPEATS: {
        "the same inputs with contrary outcomes": (
            (("ConflictingLabels", ""),),
            (("conflicting_outcomes", ""),),
        ),
        "training rows that are repeated": (
            (("DataDuplicates", ""),),
            (("copies", "of training rows repeat"), ("oversampled", "")),
        ),
        "files of unlike size": ((("DatasetsSizeComparison", ""),), (("sizes", "as many as training rows"),)),
    },
}
"""What is planted: the checks of deepchecks that speak of it, and ours."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What one side found, by check, and what it cost."""

    found: Mapping[str, str]
    cpu_seconds: float
    peak_mb: float
    check_seconds: float
    imported_mb: float


def write_split(folder: Path, n: int, kind: str, seed: int = 0) -> None:
    """Write ``train.parquet`` and ``validation.parquet``: ten features, and what is planted."""
    rng = np.random.default_rng(seed)
    train, validation = _rows(rng, n, 0), _rows(rng, n, n)
    if kind == LEAKS:
        train, validation = _plant(rng, train, validation)
    if kind == REPEATS:
        train, validation = _repeat(train), validation.iloc[: n // 100]
    for part, frame in (("train", train), ("validation", validation)):
        frame.to_parquet(folder / f"{part}.parquet", index=False)


def _rows(rng: np.random.Generator, n: int, first: int) -> pd.DataFrame:
    numbers = np.arange(first, first + n)
    x = rng.normal(size=(4, n))
    chance = 1.0 / (1.0 + np.exp(-(x[0] + 0.5 * x[1])))
    return pd.DataFrame(
        {
            "prediction_id": [f"p{number}" for number in numbers],
            "predicted_at": np.datetime64("2026-01-01", "us") + numbers * np.timedelta64(60, "s"),
            "group": numbers,
            "score": chance,
            "outcome": (rng.random(n) < chance).astype(np.int64),
            "x0": x[0],
            "x1": x[1],
            "x2": x[2],
            "amount": np.round(np.exp(x[3]), 2),
            "visits": rng.poisson(3, n),
            "made": rng.normal(size=n),
            "one_file": rng.normal(size=n),
            "region": np.array(["north", "south", "east", "west"])[rng.integers(0, 4, n)],
            "plan": np.array(["free", "basic", "pro"])[rng.integers(0, 3, n)],
            "fixed": rng.integers(0, 2, n),
        }
    )


def _plant(
    rng: np.random.Generator, train: pd.DataFrame, validation: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    n = len(train)
    train["made"] = train["outcome"] + rng.normal(0, 0.3, n)
    validation["made"] = validation["outcome"] + rng.normal(0, 0.3, n)
    train["one_file"] = train["outcome"] + rng.normal(0, 0.3, n)
    order = np.argsort(train["outcome"].to_numpy(), kind="stable")
    train.loc[order, "group"] = np.arange(n)
    train["fixed"], validation["fixed"] = 1, 1
    validation.loc[rng.random(n) < 0.02, "plan"] = "enterprise"
    validation.loc[rng.random(n) < 0.05, "region"] = "North "
    validation["x2"] += 1.0
    flipped = rng.random(n) < 0.5
    validation.loc[flipped, "outcome"] = 1
    copies, near = n * 12 // 100, n * 2 // 100
    _copy(validation, 0, train, 0, copies + near, FEATURES)
    validation.loc[copies : copies + near - 1, "amount"] += 0.01
    _copy(validation, 0, train, 0, n // 10, ["group", "predicted_at"])
    return train, validation


def _repeat(train: pd.DataFrame) -> pd.DataFrame:
    """Write some rows twice, and the inputs of some others with the other outcome."""
    few, n = len(train) * 6 // 100, len(train)
    _copy(train, n - few, train, 0, few, FEATURES)
    _copy(train, n - 2 * few, train, few, few, FEATURES)
    train.loc[n - 2 * few : n - few - 1, "outcome"] = 1 - train.loc[few : 2 * few - 1, "outcome"].to_numpy()
    return train


def _copy(to: pd.DataFrame, at: int, source: pd.DataFrame, first: int, n: int, columns: list[str]) -> None:
    """Write some columns of n rows over those of others."""
    for name in columns:
        to.loc[at : at + n - 1, name] = source.loc[first : first + n - 1, name].to_numpy()


def run(command: list[str], env: Mapping[str, str]) -> Ran:
    """Run one side to its end; its last line of output says what it found."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env={**os.environ, **env})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            raise SystemExit(f"{command[1]} failed:\n{err.read().decode()[-2_000:]}")
        answer = json.loads(out.read().decode().strip().splitlines()[-1])
    cpu = usage.ru_utime + usage.ru_stime
    return Ran(answer["found"], cpu, answer["peak"], answer["seconds"], answer["imported"])


def child(folder: Path) -> dict[str, Any]:
    """Our side, in a process of its own."""
    from sentinel.audit.scan import Given, audit
    from sentinel.config.model import Model

    imported = peak_mb()
    began = time.process_time()
    given = Given(Model(name="bench", version="1"), folder / "validation.parquet", folder / "train.parquet")
    report = audit(given, now_us=0)
    found: dict[str, str] = {}
    for finding in report.findings:
        found[finding.check] = "; ".join(
            filter(None, [found.get(finding.check), f"{finding.severity}: {finding.title}"])
        )
    return {"found": found, "seconds": time.process_time() - began, "imported": imported, "peak": peak_mb()}


def sides(folder: Path, python: Path | None) -> dict[str, Ran]:
    """Both sides on one split; without an environment of deepchecks, ours alone."""
    ran = {"sentinel": run([sys.executable, "-m", "benchmarks.audit_deepchecks", "--child", str(folder)], {})}
    if python is not None:
        ran["deepchecks"] = run([str(python), str(SCRIPTS / "run_deepchecks_split.py"), str(folder)], QUIET)
    return ran


def show(title: str, ran: Mapping[str, Ran]) -> None:
    """Everything that was found, and what it cost."""
    print(f"\n## {title}")
    for side, one in ran.items():
        cpu = f"{one.cpu_seconds:.1f} CPU s ({one.check_seconds:.1f} without imports)"
        print(f"\n{side}: {cpu}, peak {one.peak_mb:,.0f} MB ({one.imported_mb:,.0f} once imported)")
        for check, said in sorted(one.found.items()):
            print(f"  {check}: {said}")


def table(ran: Mapping[str, Ran], planted: Planted) -> None:
    """What was planted, and which side saw it."""
    print(f"\n| planted | {' | '.join(ran)} |\n|---|{'---|' * len(ran)}")
    for what, (theirs, ours) in planted.items():
        names = {"sentinel": ours, "deepchecks": theirs}
        seen = {side: [name for name, word in names[side] if _found(one, name, word)] for side, one in ran.items()}
        print(f"| {what} | {' | '.join(', '.join(some) or '-' for some in seen.values())} |")


def _compare(ours: Ran, theirs: Ran) -> None:
    """How many times our cost theirs is: in all, and beyond what importing takes."""
    cpu = theirs.cpu_seconds / ours.cpu_seconds, theirs.check_seconds / ours.check_seconds
    beyond = [max(one.peak_mb - one.imported_mb, 1.0) for one in (theirs, ours)]
    print(f"\ndeepchecks: {cpu[0]:.1f} times the CPU time ({cpu[1]:.1f} without imports), ", end="")
    print(f"{theirs.peak_mb / ours.peak_mb:.1f} times the memory ({beyond[0] / beyond[1]:.1f} beyond imports)")


def _found(one: Ran, name: str, word: str) -> bool:
    said = one.found.get(name, "ERROR")
    return not said.startswith("ERROR") and word in said


def main() -> None:
    """Write the files, run both sides, print what they found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rows, and deepchecks only where it is installed")
    parser.add_argument("--rows", type=int, help="of each file")
    parser.add_argument("--environments", type=Path, default=Path(".cache/peers"), help="where the tools are installed")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        print(json.dumps(child(args.child)))
        return
    root = args.environments.absolute()
    python: Path | None = root / "deepchecks" / "bin" / "python"
    if not args.quick:
        python = environment("deepchecks", root)
    elif not (root / "deepchecks" / "bin" / "python").exists():
        print("deepchecks is not installed; ours alone (without --quick it is installed first)")
        python = None
    n = args.rows or (QUICK_ROWS if args.quick else ROWS)
    for kind in (HONEST, LEAKS, REPEATS):
        with tempfile.TemporaryDirectory() as name:
            write_split(Path(name), n, kind)
            ran = sides(Path(name), python)
        show(f"{kind}: training rows {n:,} x 10 columns", ran)
        if kind in PLANTED:
            table(ran, PLANTED[kind])
        if "deepchecks" in ran:
            _compare(ran["sentinel"], ran["deepchecks"])


if __name__ == "__main__":
    main()
