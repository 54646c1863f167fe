"""The scoreboard of the diagnosis on the generator that its scorecard was not trained on."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Final

from sentinel.cli.benchmark import SEED
from sentinel.diagnosis.scorecard import shipped
from sentinel.simulation.collection import collect
from sentinel.simulation.scoreboard import lines
from sentinel.simulation.trials import HELD_OUT, plan_trials

TRIALS: Final = 600
QUICK_TRIALS: Final = 60


def main(arguments: list[str] | None = None) -> int:
    """Print the scoreboard."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_TRIALS} streams, for every commit")
    parser.add_argument("--trials", type=int, help=f"streams ({TRIALS})")
    parser.add_argument("--seed", type=int, default=SEED, help="of the streams")
    parser.add_argument("--cache", type=Path, help="keep what was seen of each stream for the next run")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(arguments)
    n = options.trials or (QUICK_TRIALS if options.quick else TRIALS)
    started = time.perf_counter()
    plans = plan_trials(HELD_OUT, n, options.seed)
    watched = list(collect(plans, cache=options.cache, processes=options.processes))
    print(f"generator {HELD_OUT}, held out of training; scorecard {shipped().digest}")
    print("\n".join(lines(watched)))
    times = os.times()
    cpu = times.user + times.system + times.children_user + times.children_system
    print(f"\n{time.perf_counter() - started:.0f} s, {cpu:.0f} s of CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
