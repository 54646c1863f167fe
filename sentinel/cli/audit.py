"""``sentinel audit``: find leaks in training and validation files before the model ships."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel.app.gate import EXIT_ALERT
from sentinel.cli import EXIT_FAILED
from sentinel.cli.arguments import add_format, add_model, add_quiet, add_rows
from sentinel.cli.engines import add_engine, opened_engine

if TYPE_CHECKING:
    from sentinel.audit.findings import AuditReport, Severity
    from sentinel.audit.scan import Given
    from sentinel.config.settings import Config

HELP = "Check training and validation rows, their split and its manifest for leakage, before the model ships."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_rows(parser)
    _add_pipeline(parser)
    _add_scoring(parser)
    _add_answers(parser)
    parser.add_argument("--check", action="append", default=[], metavar="NAME", help="make this check; again for more")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="leave this check out; the same")
    parser.add_argument(
        "--log-to-mlflow", metavar="RUN", help="log the audit to this run: JSON, page (without values) and metrics"
    )
    parser.add_argument("--tracking-uri", help="where runs are kept (default: as MLFLOW_TRACKING_URI says)")
    add_engine(parser)
    add_model(parser)
    add_quiet(parser)


def _add_pipeline(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pipeline",
        type=Path,
        help="the fitted scikit-learn pipeline (.skops): what it was fitted to is compared with the rows",
    )
    parser.add_argument(
        "--unpickle-pipeline",
        action="store_true",
        help="with --pipeline: read it even from a pickle (.pkl, .joblib), which can run any code: for your own files",
    )


def _add_scoring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--score-with",
        metavar="MODULE:CALLABLE",
        help="the model itself: takes rows as a pandas frame, returns one score each",
    )
    parser.add_argument(
        "--fit-with",
        metavar="MODULE:CALLABLE",
        help="a fit from scratch: takes training rows with their outcomes and rows to score without, as two pandas "
        "frames, returns one score for each row to score",
    )
    parser.add_argument(
        "--propose-split",
        action="store_true",
        help="propose splits by time, entity or class, each as code; with --fit-with the metric under each",
    )


def _add_answers(parser: argparse.ArgumentParser) -> None:
    add_format(parser)
    parser.add_argument("--html", type=Path, help="write the audit here as a page that needs nothing else")
    parser.add_argument("--json", type=Path, help="write the audit here as JSON")
    parser.add_argument(
        "--show-values",
        action="store_true",
        help="with --html: show the values of the rows to look at, on the page alone; without it no value is written "
        "anywhere",
    )
    parser.add_argument(
        "--fail-on",
        choices=("critical", "warning", "info"),
        help=f"exit with status {EXIT_ALERT} when there is such a finding, or a graver one",
    )


def run(args: argparse.Namespace) -> int:
    """Audit, write, tell; the exit status is that of --fail-on, or says that a check failed.

    Raises
    ------
    SentinelError
        If a file cannot be read or written, or there is no such check.
    """
    from sentinel.audit.choosing import chosen_checks
    from sentinel.audit.estimates.splits import check_installed
    from sentinel.audit.guarded import guarded
    from sentinel.audit.report.document import check_writable, to_json
    from sentinel.audit.scan import audit
    from sentinel.cli.progress import Progress
    from sentinel.clock import SystemClock
    from sentinel.config import load_config
    from sentinel.errors import FatalError
    from sentinel.whole_files import write_whole

    if args.show_values and args.html is None:
        raise FatalError("--show-values shows them on the page alone: name one with --html")
    if args.unpickle_pipeline and args.pipeline is None:
        raise FatalError("--unpickle-pipeline is about the file of --pipeline: name one")
    check_writable({"--html": args.html, "--json": args.json}, _inputs(args))  # found before the work, not after
    checks = guarded(chosen_checks(args.check, args.skip))
    given = _given(load_config(args.config), args)
    if args.propose_split:
        check_installed()
    with opened_engine(args) as engine, Progress("audit", quiet=args.quiet) as progress:
        now_us = SystemClock().now_us()
        report = audit(
            given, now_us=now_us, progress=progress.step, checks=checks, propose=args.propose_split, engine=engine
        )
    if args.json is not None:
        write_whole(args.json, to_json(report))
    if args.html is not None:
        write_whole(args.html, _page(report, given, show_values=args.show_values).encode())
    if args.log_to_mlflow is not None:
        _log(report, given, args)
    _tell(report, args.format)
    return _status(report, args.fail_on)


def _inputs(args: argparse.Namespace) -> Mapping[str, Path | None]:
    names = ("config", "validation", "train", "manifest", "pipeline")
    return {f"--{name}": getattr(args, name) for name in names}


def _given(config: Config, args: argparse.Namespace) -> Given:
    from sentinel.app.models import hash_key_of
    from sentinel.audit.scan import Given
    from sentinel.cli.choose import choose_model
    from sentinel.cli.imported import load_callable

    return Given(
        model=choose_model(config, args.model, args.version),
        validation=args.validation,
        train=args.train,
        manifest=args.manifest,
        pipeline=args.pipeline,
        unpickle_pipeline=args.unpickle_pipeline,
        score_with=None if args.score_with is None else load_callable(args.score_with),
        fit_with=None if args.fit_with is None else load_callable(args.fit_with),
        hash_key=hash_key_of(config),
    )


def _page(report: AuditReport, given: Given, *, show_values: bool) -> str:
    from sentinel.audit.files.values import read_values
    from sentinel.console.offline_audit import render_audit_report

    values = None
    if show_values:
        values = read_values(report, given.model, validation=given.validation, train=given.train)
    return render_audit_report(report, model=given.model, values=values)


def _log(report: AuditReport, given: Given, args: argparse.Namespace) -> None:
    """Log the audit to a run; the page goes there without values, whatever is shown here."""
    from sentinel.app.mlflow_runs import Runs
    from sentinel.audit.report.document import to_json

    page = _page(report, given, show_values=False).encode()
    documents = {"audit.json": to_json(report), "audit.html": page}
    Runs(args.tracking_uri).log_audit(args.log_to_mlflow, report, documents)


def _status(report: AuditReport, fail_on: Severity | None) -> int:
    """A finding that --fail-on names comes before a check that failed; that one is never passed over in silence."""
    from sentinel.audit.report.gate import complaints, failed, failing, unjudged

    for line in (*unjudged(report), *complaints(report)):
        print(f"sentinel: {line}", file=sys.stderr)
    if fail_on is not None and failing(report, fail_on):
        return EXIT_ALERT
    return EXIT_FAILED if failed(report) else 0


def _tell(report: AuditReport, how: str) -> None:
    from sentinel.audit.report.document import to_json
    from sentinel.audit.report.text import explain

    sys.stdout.write(to_json(report).decode() if how == "json" else explain(report))
