"""Mutation testing: how many small faults in the statistics, summaries, evaluation and diagnosis a test sees.

Collects the tests once, notes which test reaches which line, then tries each mutant in a forked process with the
tests of its package that reach it: the quick ones first, of the module's own file and those that have killed others
of it before all. The operators are those of cosmic-ray, which gets an environment of its own, made on first use. What
was found stays in a file: a second call goes on where the first ended.
"""

from __future__ import annotations

import argparse
import collections
import importlib.util
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from benchmarks._mutant_trials import Trial, read_rows
from benchmarks._mutants import Mutant, mutants

PACKAGES: Final = ("stats", "summaries", "evaluation", "diagnosis")
TOO_SLOW: Final = (
    "tests/evaluation/test_tasks.py::test_no_gate_cries_more_often_than_it_says",
    "tests/evaluation/test_maturity.py::test_gate_is_quiet_over_ages_at_the_null",
    "tests/diagnosis/test_alerts.py::test_leak_pages_within_the_first_fifth",
    "tests/stats/test_error_parts.py::test_parts_sum_to_the_change",
    "tests/evaluation/test_expected.py::test_intervals_hold_what_is_measured_later",
)
"""Rates over many streams: they see a law that is wrong, seldom a line."""
QUICK: Final = ("chisquare", "confusion", "intervals", "multiplicity", "paired", "pooling", "rates")
"""Modules of `stats` that a quick run takes, with the tests of their own."""
QUICK_MUTANTS: Final = 40
LEAST_SCORE: Final = 0.8
"""Share of mutants below which the run ends with an error: of forty at .95 so few happens once in a thousand runs."""


def find_operators(root: Path) -> None:
    """Make cosmic-ray importable, from an environment of its own where it is not: its requirements stay out of ours."""
    if importlib.util.find_spec("cosmic_ray") is None:
        from benchmarks.peers import environment  # which loads what no test of these packages needs

        python = environment("cosmic-ray", root)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        sys.path.append(str(python.parent.parent / "lib" / version / "site-packages"))


def sample(paths: Sequence[Path], seed: int) -> list[Mutant]:
    """All mutants in an order in which every module has its share of each beginning."""
    rng = random.Random(seed)
    places: list[tuple[float, Mutant]] = []
    for path in paths:
        own = list(mutants(path))
        rng.shuffle(own)
        places += [((rank + rng.random()) / len(own), mutant) for rank, mutant in enumerate(own)]
    return [mutant for _, mutant in sorted(places, key=lambda place: place[0])]


def table(results: Path) -> Iterator[str]:
    """The score of each package, line by line."""
    yield "| package | mutants | killed | survived | timeouts | score |"
    yield "|---" * 6 + "|"
    counts: dict[str, collections.Counter[str]] = {}
    for row in read_rows(results):
        counts.setdefault(row["mutant"].split("/")[1], collections.Counter())[row["outcome"]] += 1
    for package, of in counts.items():
        killed, survived = of["killed"] + of["broken"], of["survived"] + of["cut"]
        score = 1.0 - survived / of.total()
        yield f"| {package} | {of.total()} | {killed} | {survived} | {of['timeout']} | {score:.1%} |"


def survivors(results: Path) -> Iterator[str]:
    """Each mutant that no test saw, with its change."""
    for row in read_rows(results):
        if row["outcome"] in ("survived", "cut"):
            yield f"{row['mutant']} ({row['outcome']}, {row['n_tests']} tests)\n  - {row['before']}\n  + {row['after']}"


def run(chosen: list[Mutant], tests: Sequence[str], results: Path, budget_seconds: int, minutes: float) -> None:
    """Try mutants with these tests."""
    options = ["-q", "-s", "--doctest-modules", "-p", "no:randomly", "-p", "no:cacheprovider", "-o", "timeout=0"]
    trial = Trial(chosen, results, budget_seconds, time.monotonic() + 60.0 * minutes)
    if pytest.main([*options, *(f"--deselect={test}" for test in TOO_SLOW), *tests], [trial]) != 0:
        raise SystemExit("the tests do not pass as they are")


def run_quick(results: Path) -> None:
    """Forty mutants of small modules, by the tests of their own."""
    paths = [Path("sentinel/stats", f"{name}.py") for name in QUICK]
    tests = [path for name in QUICK for path in (f"tests/stats/test_{name}.py", f"sentinel/stats/{name}.py")]
    run(sample(paths, 7)[:QUICK_MUTANTS], tests, results, 10, 10.0)


def main() -> None:
    """Try mutants and print what survived, and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="forty mutants of small modules, by their own tests")
    parser.add_argument("--seed", type=int, default=7, help="of the order in which mutants are tried")
    parser.add_argument("--minutes", type=float, default=600.0, help="stop after so long")
    parser.add_argument("--budget", type=int, default=10, help="processor seconds that the tests of one may take")
    parser.add_argument("--only", default="", help="mutants whose name holds this regular expression")
    parser.add_argument(
        "--results", type=Path, default=Path(".cache/mutation.jsonl"), help="where the findings are kept"
    )
    parser.add_argument("--environments", type=Path, default=Path(".cache/peers"), help="where the tool is installed")
    parser.add_argument("packages", nargs="*", default=PACKAGES)
    args = parser.parse_args()
    find_operators(args.environments.absolute())
    os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1"))
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "quick.jsonl") if args.quick else args.results
        if args.quick:
            run_quick(results)
        else:
            paths = [path for name in args.packages for path in sorted(Path("sentinel", name).rglob("*.py"))]
            chosen = [mutant for mutant in sample(paths, args.seed) if re.search(args.only, str(mutant))]
            tests = [f"{root}/{package}" for root in ("tests", "sentinel") for package in PACKAGES]
            run(chosen, tests, results, args.budget, args.minutes)
        print("\n".join([*survivors(results), "", *table(results)]))
        assert_score(results)


def assert_score(results: Path) -> None:
    """End with an error where too many mutants have survived.

    Raises
    ------
    SystemExit
    """
    rows = read_rows(results)
    seen = sum(row["outcome"] in ("killed", "broken", "timeout") for row in rows)
    if seen < LEAST_SCORE * len(rows):
        raise SystemExit(f"of {len(rows)} mutants only {seen} were seen by a test: {LEAST_SCORE:.0%} are wanted")


if __name__ == "__main__":
    main()
