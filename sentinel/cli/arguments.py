"""Arguments that several commands take, so that each means and says the same everywhere."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path


def subcommands(
    parser: argparse.ArgumentParser, dest: str, texts: Mapping[str, str]
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Declare the commands of a command.

    Parameters
    ----------
    parser : ArgumentParser
    dest : str
        The attribute that holds which one was given.
    texts : mapping of str to str
        Name to what it does.

    Yields
    ------
    (name, parser)
        In turn, to be given its arguments.
    """
    commands = parser.add_subparsers(dest=dest, metavar="COMMAND", required=True)
    for name, text in texts.items():
        yield name, commands.add_parser(name, help=text, description=text, allow_abbrev=False)


def add_rows(parser: argparse.ArgumentParser) -> None:
    """The rows of an offline evaluation, and what is known of them."""
    parser.add_argument("--config", type=Path, required=True, help="the configuration (YAML)")
    parser.add_argument(
        "--validation", type=Path, required=True, help="scored rows with their outcomes (Parquet or CSV)"
    )
    parser.add_argument("--train", type=Path, help="the rows that the model was trained on (Parquet or CSV)")
    parser.add_argument("--manifest", type=Path, help="how the rows were split (YAML)")


def add_model(parser: argparse.ArgumentParser) -> None:
    """Which of the configured models is meant."""
    parser.add_argument("--model", help="the model, when the configuration has several")
    parser.add_argument("--version", help="its version, when it has several")


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Whether progress is shown."""
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")


def add_format(parser: argparse.ArgumentParser) -> None:
    """Whether a person or a program reads the answer."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to answer")
