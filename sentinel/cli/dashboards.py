"""``sentinel dashboards``: the Grafana dashboards as files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sentinel.errors import FatalError

NAME = "dashboards"
HELP = "Write the Grafana dashboards, or compare files with them."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to write, or what to compare with."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--output", metavar="DIR", type=Path, help="write one JSON file a dashboard into DIR")
    what.add_argument("--check", metavar="DIR", type=Path, help="write nothing; status 1 if DIR lacks or differs")


def run(args: argparse.Namespace) -> int:
    """Write the files, or compare those of a folder.

    Raises
    ------
    FatalError
        If a file can be neither written nor read.
    """
    from sentinel.exposition.dashboards import files

    folder: Path = args.output or args.check
    status = 0
    for name, text in files().items():
        path = folder / name
        try:
            if args.output:
                folder.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                print(path)
            elif path.read_text(encoding="utf-8") != text:
                fault = "differs from the dashboard of this version; write it with `sentinel dashboards --output`"
                print(f"sentinel: {path} {fault}", file=sys.stderr)
                status = 1
        except (OSError, UnicodeDecodeError) as error:
            verb = "written" if args.output else "read"
            raise FatalError(f"{path} cannot be {verb}: {error}") from error
    return status
