"""``sentinel explain``: the verdict of a report and its evidence, in words."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel.cli import access
from sentinel.errors import FatalError

if TYPE_CHECKING:
    from sentinel.diagnosis.report import Report

HELP = "Say in words what a report found, and why."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which report: of a file, or of the daemon that runs."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--report", metavar="FILE", type=Path, help="a report as `sentinel replay` writes it")
    where.add_argument("--config", metavar="FILE", type=Path, help="ask the daemon that runs with this configuration")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page that needs nothing else, of one report")
    parser.add_argument("--runbooks", metavar="URL", help="with --html: folder that holds the runbooks of the alerts")
    parser.add_argument("--model", help="with --config: of this model alone")
    parser.add_argument("--version", help="with --config: of this version alone")
    access.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the report in words.

    Raises
    ------
    SentinelError
        If a file cannot be read or written, the daemon does not answer or refuses, or what it holds is no report of
        this version.
    """
    from sentinel.diagnosis.words import explain

    reports = _reports(args)
    if args.html is not None:
        from sentinel.console.pages import render_file
        from sentinel.whole_files import write_whole

        if len(reports) != 1:
            raise FatalError(f"a page holds one report, not {len(reports)}: choose one with --model and --version")
        write_whole(args.html, render_file(reports[0], runbooks=args.runbooks).encode())
    print("\n".join(explain(report) for report in reports), end="")
    return 0


def _reports(args: argparse.Namespace) -> list[Report]:
    if args.report is not None:
        if args.model is not None or args.version is not None:
            raise FatalError("--model and --version choose among a daemon's reports: a file holds one")
        access.refuse(args)
        from sentinel.app.report_files import load_report

        return [load_report(args.report)]
    from sentinel.app.remote import fetch_reports
    from sentinel.config import load_config

    return fetch_reports(access.access_of(args, load_config(args.config).web), args.model, args.version)
