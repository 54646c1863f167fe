"""``sentinel explain``: the verdict of a report and its evidence, in words."""

from __future__ import annotations

import argparse
from pathlib import Path

from sentinel.errors import CorruptArtifactError, FatalError

NAME = "explain"
HELP = "Say in words what a report found, and why."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which report."""
    parser.add_argument("--report", metavar="FILE", required=True, help="a report as `sentinel replay` writes it")


def run(args: argparse.Namespace) -> int:
    """Print the report in words.

    Raises
    ------
    FatalError
        If the file cannot be read.
    CorruptArtifactError
        If it holds no report of this version.
    """
    import msgspec

    from sentinel.diagnosis.report import from_json
    from sentinel.diagnosis.words import explain

    try:
        report = from_json(Path(args.report).read_bytes())
    except OSError as error:
        raise FatalError(f"cannot read {args.report}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptArtifactError(f"{args.report} is no sentinel report: {error}") from error
    print(explain(report), end="")
    return 0
