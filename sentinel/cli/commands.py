"""The table of commands, and what each of their modules offers."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    import argparse

COMMANDS: dict[str, str] = {
    "acknowledgements": "sentinel.cli.acknowledgements",
    "audit": "sentinel.cli.audit",
    "baseline": "sentinel.cli.baseline",
    "benchmark": "sentinel.cli.benchmark",
    "check-config": "sentinel.cli.check_config",
    "dashboards": "sentinel.cli.dashboards",
    "decode": "sentinel.cli.decode",
    "dead-letters": "sentinel.cli.dead_letters",
    "demo": "sentinel.cli.demo",
    "explain": "sentinel.cli.explain",
    "replay": "sentinel.cli.replay",
    "run": "sentinel.cli.run",
    "rules": "sentinel.cli.rules",
    "schema": "sentinel.cli.schema",
    "simulate": "sentinel.cli.simulate",
    "spark": "sentinel.cli.spark",
    "version": "sentinel.cli.version",
}
"""Name on the command line, and the module that is it; imported by :func:`load` alone."""


class CommandModule(Protocol):
    """A module that is a command. Its heavy imports belong into ``run``, since help imports every command."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Do it and return the exit status; a SentinelError becomes one line and status 1."""
        ...


def load(name: str) -> CommandModule:
    """Import the module of one command.

    Raises
    ------
    KeyError
        If there is no such command.
    """
    return cast("CommandModule", importlib.import_module(COMMANDS[name]))
