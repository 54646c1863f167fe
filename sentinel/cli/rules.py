"""``sentinel rules``: the alert and recording rules for Prometheus."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sentinel.errors import FatalError

HELP = "Print the alert and recording rules for Prometheus."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What differs between installations, and a file to compare with."""
    parser.add_argument("--selector", metavar="MATCHERS", help="of sentinel's targets; 'job=\"sentinel\"' if not given")
    parser.add_argument(
        "--runbooks",
        metavar="URL",
        help="folder that holds the runbooks, linked from each alert; or an address with {alert} in it",
    )
    parser.add_argument("--dashboards", metavar="URL", help="where Grafana shows a dashboard by uid: https://.../d")
    parser.add_argument("--check", metavar="FILE", type=Path, help="print nothing; status 1 if FILE is not these rules")


def run(args: argparse.Namespace) -> int:
    """Print the rules, or compare a file with them.

    Raises
    ------
    FatalError
        If the file to compare with cannot be read.
    """
    from sentinel.exposition.alerts import GROUPS
    from sentinel.exposition.rules import RuleOptions, to_yaml

    given = {"selector": args.selector, "runbooks": args.runbooks, "dashboards": args.dashboards}
    text = to_yaml(GROUPS, RuleOptions(**{key: value.rstrip("/") for key, value in given.items() if value is not None}))
    if args.check is None:
        print(text, end="")
        return 0
    try:
        found = args.check.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(f"{args.check} cannot be read: {error}") from error
    if found == text:
        return 0
    print(
        f"sentinel: {args.check} differs from the rules of this version; write it with `sentinel rules`",
        file=sys.stderr,
    )
    return 1
