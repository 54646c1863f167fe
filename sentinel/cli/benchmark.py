"""``sentinel benchmark``: the scoreboard of the diagnosis on simulated streams, and the training of its scorecard."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel.errors import FatalError

if TYPE_CHECKING:
    from sentinel.simulation.runner import Watched

HELP = "Judge simulated streams of known truth and print how often the verdict is right, or train the scorecard."
SEED = 777
TRIALS = 300
TRAINING_SEED = 61
TRAINING_TRIALS = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--train", type=Path, metavar="OUT.json", help="train a scorecard and write it here")
    parser.add_argument("--answers", type=Path, metavar="FILE", help="with --train: learn also from answers to "
                        "verdicts, as `sentinel acknowledgements export` writes them")  # fmt: skip
    parser.add_argument("--scorecard", type=Path, metavar="FILE", help="judge by this one instead of the shipped one")
    parser.add_argument("--trials", type=int, metavar="N", help=f"streams a generator ({TRIALS}; to train "
                        f"{TRAINING_TRIALS})")  # fmt: skip
    parser.add_argument("--seed", type=int, help=f"of the streams ({SEED}; to train {TRAINING_SEED})")
    parser.add_argument("--cache", type=Path, metavar="FILE", help="keep what was seen of each stream for the next run")
    parser.add_argument("--processes", type=int, default=2, help="streams played at once (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Print the scoreboard on the held-out generator, or train on the others.

    Raises
    ------
    FatalError
        If a file cannot be read or written.
    """
    for name, value, least in (("trials", args.trials, 1), ("processes", args.processes, 1), ("seed", args.seed, 0)):
        if value is not None and value < least:
            raise FatalError(f"--{name} is a whole number of {least} or more, not {value}")
    if args.answers is not None and args.train is None:
        raise FatalError("--answers belongs to --train: a judgement learns nothing")
    return _train(args) if args.train is not None else _judge(args)


def _train(args: argparse.Namespace) -> int:
    from sentinel.simulation.answers import answered_runs, weighed
    from sentinel.simulation.training import runs_of, train
    from sentinel.simulation.trials import GENERATORS, HELD_OUT

    _check_writable(args.train)
    answers = [] if args.answers is None else answered_runs(args.answers)
    names = [name for name in GENERATORS if name != HELD_OUT]
    n = args.trials or TRAINING_TRIALS
    seed = TRAINING_SEED if args.seed is None else args.seed
    runs = list(runs_of(_watched(args, names, n, seed)))
    if not runs:
        raise FatalError(f"in none of {n * len(names)} streams is there a gap to learn from: play more with --trials")
    command = f"sentinel benchmark --train OUT.json --trials {n} --seed {seed}"
    on = {"generators": names, "trials": n, "seed": seed, "command": command}
    if answers:
        on |= {"runs": len(runs), "answers": len(answers)}
    file = train([*runs, *weighed(answers)], on=on)
    try:
        args.train.write_bytes(file.to_json())
    except OSError as error:
        raise FatalError(f"{args.train}: cannot be written: {error.strerror or error}") from error
    learnt = f"{len(runs)} looks that passed the gate" + (f" and {len(answers)} answers" if answers else "")
    print(f"wrote {args.train}, trained on {learnt}, digest {file.digest}")
    return 0


def _check_writable(path: Path) -> None:
    """Before hours of work, not after."""
    if path.is_dir():
        raise FatalError(f"{path}: cannot be written: it is a folder")
    if not path.parent.is_dir():
        raise FatalError(f"{path}: cannot be written: there is no such folder")


def _judge(args: argparse.Namespace) -> int:
    from sentinel.diagnosis.scorecard import ScorecardError, load, shipped
    from sentinel.simulation.scoreboard import lines
    from sentinel.simulation.trials import HELD_OUT

    try:
        card = shipped() if args.scorecard is None else load(args.scorecard.read_bytes())
    except OSError as error:
        raise FatalError(f"{args.scorecard}: cannot be read: {error.strerror or error}") from error
    except ScorecardError as error:
        raise FatalError(f"{args.scorecard or 'the shipped scorecard'}: {error}") from error
    watched = _watched(args, [HELD_OUT], args.trials or TRIALS, SEED if args.seed is None else args.seed)
    print(f"generator {HELD_OUT}, held out of training; scorecard {card.digest}")
    print("\n".join(lines(watched, card)))
    return 0


def _watched(args: argparse.Namespace, generators: list[str], n: int, seed: int) -> list[Watched]:
    """In the order of their plans: what is learnt does not depend on which process was first."""
    from sentinel.simulation.collection import collect
    from sentinel.simulation.trials import plan_trials

    plans = [plan for name in generators for plan in plan_trials(name, n, seed)]
    watched = collect(plans, cache=args.cache, processes=args.processes, progress=_progress)
    return sorted(watched, key=lambda one: (generators.index(one.planted.generator), one.planted.seed))


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {total} streams", end="" if done < total else "\n", file=sys.stderr, flush=True)
