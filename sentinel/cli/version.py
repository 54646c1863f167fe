"""``sentinel version``."""

from __future__ import annotations

import argparse
import platform

from sentinel import __version__

HELP = "Print the version."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Print the versions of sentinel and of Python."""
    del args
    print(f"sentinel {__version__} (Python {platform.python_version()})")
    return 0
