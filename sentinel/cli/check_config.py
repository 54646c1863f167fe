"""``sentinel check-config``: whether a configuration is valid, and what it amounts to."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from sentinel.cli.arguments import add_format

if TYPE_CHECKING:
    from sentinel.config import Config, ConfigError

HELP = "Check a configuration: exit status 0 when it is valid, 1 when it is not."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file and how to answer."""
    parser.add_argument("config", metavar="FILE", help="the configuration")
    add_format(parser)
    parser.add_argument(
        "--without-files",
        action="store_true",
        help="leave out web.config_file, what it names, web.bearer_token_file, and schemas of formats: they are on "
        "another machine",
    )
    parser.add_argument(
        "--show", action="store_true", help="print what is in effect, defaults included and secrets redacted"
    )


def run(args: argparse.Namespace) -> int:
    """Load what the start loads; the answer goes to standard output, a fault as text to standard error."""
    from sentinel.config import ConfigError, load_config
    from sentinel.exposition.locks import Locks

    hints: list[str] = []
    try:
        config = load_config(args.config, hints=hints)
        if not args.without_files:
            Locks(config.web)
            _check_formats(config)
    except ConfigError as error:
        _report_fault(error, as_json=args.format == "json")
        return 1
    _report_valid(args.config, config, hints, as_json=args.format == "json", show=args.show)
    return 0


def _check_formats(config: Config) -> None:
    """Prepare to read the formats, as the start does: packages and schemas have to be there."""
    from sentinel.app.sources import read_by

    read_by(config)


def _report_valid(path: str, config: Config, hints: list[str], *, as_json: bool, show: bool) -> None:
    from sentinel.config.loader import config_as_builtins, dump_config

    if as_json:
        answer: dict[str, Any] = {"valid": True, "errors": [], "hints": hints}
        print(json.dumps(answer | ({"config": config_as_builtins(config)} if show else {}), indent=2))
        return
    for hint in hints:
        print(f"hint: {hint}", file=sys.stderr)
    if show:
        print(dump_config(config), end="")
        return
    models = ", ".join(model.key for model in config.models)
    source = _source_of(config)
    print(f"{path}: valid; models: {models}; source: {source}")


def _source_of(config: Config) -> str:
    if config.source is None:
        return "none (files only)"
    return "http" if config.source.kafka is None else "kafka"


def _report_fault(error: ConfigError, *, as_json: bool) -> None:
    if not as_json:
        print(f"sentinel: {error}", file=sys.stderr)
        return
    names = ("source", "line", "column", "path", "message", "hint")
    print(json.dumps({"valid": False, "errors": [{name: getattr(error, name) for name in names}]}, indent=2))
