"""``sentinel replay``: files through the same loop and judge as the daemon, to a report."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel.app.gate import EXIT_ALERT, exit_status
from sentinel.errors import FatalError

if TYPE_CHECKING:
    from sentinel.diagnosis.report import Report

NAME = "replay"
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
    parser.add_argument("--model", help="the model, when the configuration has several")
    parser.add_argument("--version", help="its version, when it has several")
    parser.add_argument(
        "--fail-on",
        choices=("critical", "warning"),
        help=f"exit with status {EXIT_ALERT} when such an alert, or a graver one, is firing at the end of the stream",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")


def _files(args: argparse.Namespace) -> tuple[Path, Path]:
    """The files of predictions and outcomes, one and the same where a stream holds both."""
    if args.stream is not None and args.predictions is None and args.outcomes is None:
        stream: Path = args.stream
        return stream, stream
    if args.stream is None and args.predictions is not None and args.outcomes is not None:
        return args.predictions, args.outcomes
    raise FatalError("give either --stream, or --predictions and --outcomes together")


def _write_report(path: Path, report: Report) -> None:
    from sentinel.diagnosis.report import to_json

    try:
        path.write_bytes(to_json(report))
    except OSError as error:
        raise FatalError(f"cannot write {path}: {error.strerror}") from error


def run(args: argparse.Namespace) -> int:
    """Replay, write, explain; the exit status is that of --fail-on.

    Raises
    ------
    SentinelError
        If a file cannot be read or written, or the baseline is not the model's.
    """
    from sentinel.app.models import hash_key_of, watch
    from sentinel.app.replay import ROWS_PER_LOOK, replay
    from sentinel.baseline.artifact import Baseline
    from sentinel.cli.choose import choose_model
    from sentinel.cli.page import write_page
    from sentinel.cli.progress import Progress
    from sentinel.clock import SystemClock
    from sentinel.config import load_config
    from sentinel.diagnosis.words import explain
    from sentinel.events.codecs.arrow import ArrowCodec, file_limits
    from sentinel.ingest.dead_letters import DeadLetterFile
    from sentinel.ingest.replay import ReplaySource, ScheduledBackfills

    config = load_config(args.config)
    settings = choose_model(config, args.model, args.version)
    path = args.baseline or settings.baseline
    if path is None:
        raise FatalError("no baseline: name one with --baseline or in the configuration")
    key = hash_key_of(config)
    model = watch(settings, Baseline.load(Path(path)), key)
    clock = SystemClock()
    codec = ArrowCodec(model.plan.layout.schema, settings.columns, file_limits(key))
    predictions, outcomes = _files(args)
    for written in (args.report, args.html):
        if written is not None and not written.parent.is_dir():
            raise FatalError(f"cannot write {written}: there is no such folder")  # found before the work, not after
    source = ReplaySource(
        predictions,
        outcomes,
        codec,
        settings.columns,
        rows_per_batch=ROWS_PER_LOOK,
        backfills=None if args.backfills is None else ScheduledBackfills(args.backfills, codec),
    )
    letters = None
    if args.dead_letters is not None:
        kept = config.limits.dead_letter_values == "kept"
        size = int(config.limits.dead_letter_file_bytes)
        letters = DeadLetterFile(args.dead_letters, size, clock, values_kept=kept)
    with Progress("replay", quiet=args.quiet) as progress:
        report = replay(
            model,
            source,
            clock,
            on_dead_letters=letters.append if letters is not None else lambda _: None,
            on_look=lambda r: progress.show(source.fraction(), f"{r.counts['joined']} outcomes, {r.verdict.cause}"),
        )
    if args.report is not None:
        _write_report(args.report, report)
    if args.html is not None:
        write_page(args.html, report, args.runbooks)
    if letters is not None and letters.statistics()["write_failures"]:
        raise FatalError(f"{letters.statistics()['dropped']} dead letters could not be written to {args.dead_letters}")
    print(explain(report))
    return exit_status(report, args.fail_on)
