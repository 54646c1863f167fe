"""``sentinel schema``: JSON Schemas for editors and other programs."""

from __future__ import annotations

import argparse
import json

from sentinel.errors import FatalError

NAME = "schema"
HELP = "Print the JSON Schema of the configuration or of the report."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which schema."""
    parser.add_argument("document", choices=("config", "report"), nargs="?", default="config")


def run(args: argparse.Namespace) -> int:
    """Print the schema as JSON.

    Raises
    ------
    FatalError
        If this version has no schema of that document.
    """
    if args.document == "report":
        raise FatalError("this version has no schema of the report yet; `sentinel schema config` prints the other")
    from sentinel.config.schema import config_schema

    print(json.dumps(config_schema(), indent=2, ensure_ascii=False))
    return 0
