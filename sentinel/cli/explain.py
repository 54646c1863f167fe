"""``sentinel explain``: the verdict of a report and its evidence, in words."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel.errors import CorruptArtifactError, FatalError

if TYPE_CHECKING:
    from sentinel.diagnosis.report import Report

NAME = "explain"
HELP = "Say in words what a report found, and why."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which report: of a file, or of the daemon that runs."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--report", metavar="FILE", type=Path, help="a report as `sentinel replay` writes it")
    where.add_argument("--config", metavar="FILE", type=Path, help="ask the daemon that runs with this configuration")
    parser.add_argument("--model", help="with --config: of this model alone")
    parser.add_argument("--version", help="with --config: of this version alone")


def run(args: argparse.Namespace) -> int:
    """Print the report in words.

    Raises
    ------
    SentinelError
        If the file cannot be read or the daemon does not answer, or if it is no report of this version.
    """
    from sentinel.diagnosis.words import explain

    print("\n".join(explain(report) for report in _reports(args)), end="")
    return 0


def _reports(args: argparse.Namespace) -> list[Report]:
    if args.report is not None:
        if args.model is not None or args.version is not None:
            raise FatalError("--model and --version choose among a daemon's reports: a file holds one")
        return [_read(args.report)]
    from sentinel.app.remote import fetch_reports
    from sentinel.config import load_config

    return fetch_reports(load_config(args.config).web.address, args.model, args.version)


def _read(path: Path) -> Report:
    import msgspec

    from sentinel.diagnosis.report import from_json

    try:
        return from_json(path.read_bytes())
    except OSError as error:
        raise FatalError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptArtifactError(f"{path} is no sentinel report: {error}") from error
