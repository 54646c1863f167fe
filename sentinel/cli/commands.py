"""The commands by name, and what each of their modules offers."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    import argparse

COMMANDS = (
    "acknowledgements",
    "audit",
    "baseline",
    "benchmark",
    "check-config",
    "dashboards",
    "decode",
    "dead-letters",
    "demo",
    "explain",
    "replay",
    "run",
    "rules",
    "schema",
    "simulate",
    "spark",
    "version",
)
"""Names on the command line; each is a module of this package, with ``_`` for ``-``, imported by :func:`load` alone."""


class CommandModule(Protocol):
    """A module that is a command. Its heavy imports belong into ``run``, since help imports every command."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Do it and return the exit status; a SentinelError becomes one line and status 1."""
        ...


def load(name: str) -> CommandModule:
    """Import the module of one of the commands."""
    return cast("CommandModule", importlib.import_module(f"sentinel.cli.{name.replace('-', '_')}"))
