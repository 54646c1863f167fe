"""``sentinel simulate``: a world with a planted cause, as the files that the other commands read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sentinel.errors import FatalError

if TYPE_CHECKING:
    from sentinel.simulation.files import Files
    from sentinel.simulation.scenario import SimulatedStream
    from sentinel.simulation.strength import Severity

HELP = "Write a simulated stream with a planted cause: training, validation and live rows, and the truth."
DEFAULT_GENERATOR = "customers"
DEFAULT_SEVERITY = "medium"
DEFAULT_SEED = 0
TRUTH = "truth.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--cause", help="what is wrong, such as target_leakage, or none; --list names them")
    what.add_argument("--scenario", help="a fixed scenario in place of a trial, as sentinel demo --list names them")
    what.add_argument("--list", action="store_true", help="list generators, causes with their variants, and stop")
    parser.add_argument("--generator", help=f"the world to draw from ({DEFAULT_GENERATOR})")
    parser.add_argument("--variant", help="in which way (drawn by the seed)")
    parser.add_argument(
        "--severity", choices=("small", "medium", "large"), help=f"a gap of .02, .05 or .15 AUC ({DEFAULT_SEVERITY})"
    )
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="the same seed, the same rows (%(default)s)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="an empty or new folder for the files")


def run(args: argparse.Namespace) -> int:
    """Play it and write the files.

    Raises
    ------
    FatalError
        If a name is unknown, the folder is not empty, or a file cannot be written.
    """
    if args.list:
        _list()
        return 0
    output = _checked(args)
    simulated = _play(args)
    try:
        files = _write(simulated, output)
    except OSError as error:
        raise FatalError(f"cannot write the files: {error}") from error
    truth = simulated.truth
    again = "" if files.backfills is None else f", values recomputed afterwards in {files.backfills.name}"
    print(
        f"{output}: {len(simulated.train)} training, {len(simulated.validation)} validation and "
        f"{len(simulated.stream)} live rows of model {simulated.model}; AUC {truth.offline_auc:.3f} offline, "
        f"{truth.online_auc:.3f} live{again}; the truth is in {TRUTH}"
    )
    return 0


def _list() -> None:
    from sentinel.simulation.causes import VARIANTS
    from sentinel.simulation.worlds import GENERATORS

    print(f"generators: {', '.join(GENERATORS)}")
    for cause, variants in VARIANTS.items():
        print(f"{cause:22} {', '.join(variants)}")


def _checked(args: argparse.Namespace) -> Path:
    """The folder; everything that is wrong with the arguments is found before anything is drawn."""
    if args.output is None:
        raise FatalError("--output names the folder to write to")
    if args.seed < 0:
        raise FatalError(f"--seed is a whole number of 0 or more, not {args.seed}")
    if args.scenario is not None and (args.generator or args.variant or args.severity):
        raise FatalError("--generator, --variant and --severity belong to --cause: a scenario has its own")
    output: Path = args.output
    try:
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise FatalError(f"{output} is there and not an empty folder: nothing was written")
    except OSError as error:
        raise FatalError(f"cannot look into {output}: {error}") from error
    return output


def _play(args: argparse.Namespace) -> SimulatedStream:
    from sentinel.simulation import simulate
    from sentinel.simulation.trials import plan_trial, play

    if args.scenario is not None:
        return simulate(args.scenario, seed=args.seed)
    severity = cast("Severity", args.severity or DEFAULT_SEVERITY)
    try:
        plan = plan_trial(
            args.generator or DEFAULT_GENERATOR, args.cause, variant=args.variant, severity=severity, seed=args.seed
        )
    except ValueError as error:
        raise FatalError(str(error)) from error
    return play(plan)


def _write(simulated: SimulatedStream, output: Path) -> Files:
    from dataclasses import replace

    from sentinel.simulation.files import write_files, write_truth

    files = write_files(replace(simulated, train_file_given=True), output)
    write_truth(simulated, output / TRUTH)
    return files
