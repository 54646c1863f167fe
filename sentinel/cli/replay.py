"""``sentinel replay``: files through the same loop and judge as the daemon, to a report."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel.app.gate import EXIT_ALERT, exit_status
from sentinel.cli.arguments import add_model, add_quiet
from sentinel.errors import FatalError

if TYPE_CHECKING:
    from sentinel.app.models import WatchedModel
    from sentinel.clock import Clock
    from sentinel.config.limits import Limits
    from sentinel.events.hash_key import HashKey
    from sentinel.ingest.dead_letters import DeadLetterFile
    from sentinel.ingest.replay import ReplaySource

HELP = "Replay a stream from files against a baseline and write the report."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--config", type=Path, required=True, help="the configuration (YAML)")
    parser.add_argument("--baseline", type=Path, help="the baseline, instead of the one that the configuration names")
    parser.add_argument("--stream", type=Path, help="predictions with their outcomes (Parquet or CSV)")
    parser.add_argument("--predictions", type=Path, help="predictions alone; needs --outcomes")
    parser.add_argument("--outcomes", type=Path, help="outcomes alone; needs --predictions")
    parser.add_argument("--backfills", type=Path, help="features recomputed for the moment of prediction, by its id")
    parser.add_argument("--report", type=Path, help="write the report here as JSON")
    parser.add_argument("--html", type=Path, help="write the report here as a page that needs nothing else")
    parser.add_argument("--runbooks", metavar="URL", help="with --html: folder that holds the runbooks of the alerts")
    parser.add_argument("--dead-letters", type=Path, help="write what was refused here, one JSON object a line")
    add_model(parser)
    parser.add_argument(
        "--fail-on",
        choices=("critical", "warning"),
        help=f"exit with status {EXIT_ALERT} when such an alert, or a graver one, is firing at the end of the stream",
    )
    add_quiet(parser)


def _files(args: argparse.Namespace) -> tuple[Path, Path]:
    """The files of predictions and outcomes, one and the same where a stream holds both."""
    if args.stream is not None and args.predictions is None and args.outcomes is None:
        stream: Path = args.stream
        return stream, stream
    if args.stream is None and args.predictions is not None and args.outcomes is not None:
        return args.predictions, args.outcomes
    raise FatalError("give either --stream, or --predictions and --outcomes together")


def _source(args: argparse.Namespace, model: WatchedModel, key: HashKey | None) -> ReplaySource:
    from sentinel.app.replay import ROWS_PER_LOOK
    from sentinel.events.codecs.arrow import ArrowCodec, file_limits
    from sentinel.ingest.replay import ReplaySource
    from sentinel.ingest.replay_schedules import ScheduledBackfills

    columns = model.settings.columns
    codec = ArrowCodec(model.plan.layout.schema, columns, file_limits(key))
    backfills = None if args.backfills is None else ScheduledBackfills(args.backfills, codec)
    return ReplaySource(*_files(args), codec, columns, rows_per_batch=ROWS_PER_LOOK, backfills=backfills)


def _letters(path: Path | None, limits: Limits, clock: Clock) -> DeadLetterFile | None:
    from sentinel.ingest.dead_letters import DeadLetterFile

    if path is None:
        return None
    kept = limits.dead_letter_values == "kept"
    return DeadLetterFile(path, int(limits.dead_letter_file_bytes), clock, values_kept=kept)


def run(args: argparse.Namespace) -> int:
    """Replay, write, explain; the exit status is that of --fail-on.

    Raises
    ------
    SentinelError
        If a file cannot be read or written, or the baseline is not the model's.
    """
    from sentinel.app.models import hash_key_of, watch
    from sentinel.app.replay import replay
    from sentinel.baseline.artifact import Baseline
    from sentinel.cli.choose import choose_model
    from sentinel.cli.progress import Progress
    from sentinel.clock import SystemClock
    from sentinel.config import load_config
    from sentinel.console.pages import render_file
    from sentinel.diagnosis.report import to_json
    from sentinel.diagnosis.words import explain
    from sentinel.whole_files import write_whole

    config = load_config(args.config)
    settings = choose_model(config, args.model, args.version)
    path = args.baseline or settings.baseline
    if path is None:
        raise FatalError("no baseline: name one with --baseline or in the configuration")
    key, clock = hash_key_of(config), SystemClock()
    model = watch(settings, Baseline.load(Path(path)), key)
    source = _source(args, model, key)
    for written in (args.report, args.html):
        if written is not None and not written.parent.is_dir():
            raise FatalError(f"cannot write {written}: there is no such folder")  # found before the work, not after
    letters = _letters(args.dead_letters, config.limits, clock)
    with Progress("replay", quiet=args.quiet) as progress:
        report = replay(
            model,
            source,
            clock,
            on_dead_letters=letters.append if letters is not None else lambda _: None,
            on_look=lambda r: progress.show(source.fraction(), f"{r.counts['joined']} outcomes, {r.verdict.cause}"),
        )
    if args.report is not None:
        write_whole(args.report, to_json(report))
    if args.html is not None:
        write_whole(args.html, render_file(report, runbooks=args.runbooks).encode())
    if letters is not None and letters.statistics()["write_failures"]:
        raise FatalError(f"{letters.statistics()['dropped']} dead letters could not be written to {args.dead_letters}")
    print(explain(report))
    return exit_status(report, args.fail_on)
