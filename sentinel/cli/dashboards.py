"""``sentinel dashboards``: the Grafana dashboards as files, or straight into a Grafana."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel.errors import FatalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sentinel.config.grafana import Grafana
    from sentinel.config.secrets import Secret

HELP = "Write the Grafana dashboards, compare files with them, or push them to a Grafana."
TOKEN_VARIABLE = "SENTINEL_GRAFANA_TOKEN"  # noqa: S105 # the name of a variable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to write, what to compare with, or which Grafana."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--output", metavar="DIR", type=Path, help="write one JSON file a dashboard into DIR")
    what.add_argument("--check", metavar="DIR", type=Path, help="write nothing; status 1 if DIR lacks or differs")
    push = parser.add_subparsers(dest="action", metavar="push").add_parser(
        "push", help="write them into a Grafana", description="Write the dashboards into a folder of a Grafana."
    )
    push.add_argument("--config", metavar="FILE", type=Path, help="take the address and the rest from its `grafana`")
    push.add_argument("--url", help="Grafana's address, with the path below which it is served")
    push.add_argument(
        "--token-file", metavar="FILE", type=Path, help=f"holds a service account's token (else ${TOKEN_VARIABLE})"
    )
    push.add_argument("--folder", metavar="TITLE", help="the folder to write to (Sentinel)")
    push.add_argument("--ca-file", metavar="FILE", type=Path, help="certificates of the authorities to trust")
    parser.set_defaults(usage_error=parser.error)


def run(args: argparse.Namespace) -> int:
    """Write the files, compare those of a folder, or push.

    Raises
    ------
    FatalError
        If a file can be neither written nor read.
    SentinelError
        If Grafana does not take the dashboards.
    """
    from sentinel.exposition.dashboards import files

    if args.action is not None:
        if args.output or args.check:
            args.usage_error("push goes with neither --output nor --check")
        return _push(args, files())
    if args.output is None and args.check is None:
        args.usage_error("one of --output, --check and push is needed")
    return _check(args.check, files()) if args.output is None else _write(args.output, files())


def _write(folder: Path, files: Mapping[str, str]) -> int:
    for name, text in files.items():
        path = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise FatalError(f"{path} cannot be written: {error}") from error
        print(path)
    return 0


def _check(folder: Path, files: Mapping[str, str]) -> int:
    status = 0
    for name, text in files.items():
        path = folder / name
        try:
            found = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise FatalError(f"{path} cannot be read: {error}") from error
        if found != text:
            fault = "differs from the dashboard of this version; write it with `sentinel dashboards --output`"
            print(f"sentinel: {path} {fault}", file=sys.stderr)
            status = 1
    return status


def _push(args: argparse.Namespace, files: Mapping[str, str]) -> int:
    import time
    from random import Random

    from sentinel.exposition.grafana.client import GrafanaClient
    from sentinel.exposition.grafana.push import Push

    settings = _settings(args)
    client = GrafanaClient(settings)
    try:
        for uid, url, changed in Push(client, settings.folder, time.sleep, Random()).boards(files):
            print(f"{uid}: {'pushed' if changed else 'unchanged'} {url}", flush=True)
    finally:
        client.close()
    return 0


def _settings(args: argparse.Namespace) -> Grafana:
    """What the configuration says, and over it what the flags say."""
    import msgspec

    from sentinel.config import load_config
    from sentinel.config.grafana import Grafana

    given = {"url": args.url, "folder": args.folder, "token": _token(args.token_file)}
    given["ca_file"] = None if args.ca_file is None else str(args.ca_file)
    chosen = {key: value for key, value in given.items() if value is not None}
    if args.config is None:
        if args.url is None:
            raise FatalError("which Grafana? Give --url, or a --config with a section `grafana`")
        if chosen.get("token") is None:
            raise FatalError(f"a token is needed: --token-file FILE, or ${TOKEN_VARIABLE}")
        return Grafana(**chosen)
    known = load_config(args.config).grafana
    if known is None:
        raise FatalError(f"{args.config} has no section `grafana`")
    return msgspec.structs.replace(known, **chosen)


def _token(file: Path | None) -> Secret | None:
    from sentinel.config.secrets import Secret, read_secret

    if file is None:
        text = os.environ.get(TOKEN_VARIABLE)
        return Secret(text) if text else None
    try:
        return read_secret(file)
    except (OSError, ValueError) as error:
        raise FatalError(f"the token cannot be read: {file}: {error}") from error
