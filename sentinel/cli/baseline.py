"""``sentinel baseline``: build the offline estimate from files, or show one."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "baseline"
HELP = "Build the offline estimate that live metrics are held against, or show one."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the two subcommands."""
    commands = parser.add_subparsers(dest="baseline_command", metavar="COMMAND", required=True)
    build_help = "Build a baseline from validation rows."
    build = commands.add_parser("build", help=build_help, description=build_help, allow_abbrev=False)
    build.add_argument("--config", type=Path, required=True, help="the configuration (YAML)")
    build.add_argument(
        "--validation", type=Path, required=True, help="scored rows with their outcomes (Parquet or CSV)"
    )
    build.add_argument("--train", type=Path, help="the rows that the model was trained on (Parquet or CSV)")
    build.add_argument("--manifest", type=Path, help="how the rows were split (YAML)")
    build.add_argument("--output", type=Path, required=True, help="the baseline to write")
    build.add_argument("--model", help="the model, when the configuration has several")
    build.add_argument("--version", help="its version, when it has several")
    build.add_argument("--quiet", action="store_true", help="no progress on standard error")
    show_help = "Show what a baseline promises, and what speaks against it."
    show = commands.add_parser("show", help=show_help, description=show_help, allow_abbrev=False)
    show.add_argument("baseline", type=Path, metavar="FILE", help="the baseline")
    show.add_argument("--format", choices=("text", "json"), default="text", help="how to answer")


def run(args: argparse.Namespace) -> int:
    """Build or show."""
    return _build(args) if args.baseline_command == "build" else _show(args)


def _build(args: argparse.Namespace) -> int:
    from sentinel.baseline.build import build_baseline
    from sentinel.baseline.show import summary_lines
    from sentinel.cli.choose import choose_model
    from sentinel.cli.progress import Progress
    from sentinel.clock import SystemClock
    from sentinel.config import load_config

    model = choose_model(load_config(args.config), args.model, args.version)
    with Progress("baseline", quiet=args.quiet) as progress:

        def show(done: int, total: int, phase: str) -> None:
            progress.show(done / max(total, 1), phase)

        baseline = build_baseline(
            model, args.validation, args.train, args.manifest, now_us=SystemClock().now_us(), progress=show
        )
    baseline.save(args.output)
    print(f"wrote {args.output} ({args.output.stat().st_size:,} bytes, sha256 {baseline.digest[:12]})")
    print("\n".join(summary_lines(baseline)))
    return 0


def _show(args: argparse.Namespace) -> int:
    import json

    from sentinel.baseline.artifact import Baseline
    from sentinel.baseline.show import as_builtins, lines

    baseline = Baseline.load(args.baseline)
    if args.format == "json":
        print(json.dumps(as_builtins(baseline), indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines(baseline)))
    return 0
