"""The command line: one module a command, imported only when it is asked for."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence

from sentinel import __version__
from sentinel.cli.commands import COMMANDS, CommandModule, load
from sentinel.errors import SentinelError

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Without the program's name; the process's own arguments by default.

    Returns
    -------
    int
        The exit status: the command's own, 1 for an error that sentinel explains in one line, 2 for arguments
        that make no sense, 130 when interrupted, 141 when the reader of the output went away.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except SentinelError as error:
        print(f"sentinel: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return EXIT_BROKEN_PIPE
    except SystemExit as stop:  # argparse: help, version, wrong arguments
        return stop.code if isinstance(stop.code, int) else EXIT_FAILED
    return status


def _discard_output() -> None:
    """Lead what is still buffered nowhere: Python 3.14 writes it again at its end, and complains of the closed pipe."""
    with contextlib.suppress(io.UnsupportedOperation):  # an output that is no file has no pipe behind it
        output = sys.stdout.fileno()
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)


def _run(arguments: list[str]) -> int:
    chosen = arguments[0] if arguments and arguments[0] in COMMANDS else None
    names = [chosen] if chosen else list(COMMANDS)
    parser = _parser({name: load(name) for name in names})
    parsed = parser.parse_args(arguments)
    module: CommandModule = parsed.command_module
    return module.run(parsed)


def _parser(modules: dict[str, CommandModule]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sentinel", description="Watches models in production for leakage.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"sentinel {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, module in modules.items():
        command = commands.add_parser(name, help=module.HELP, description=module.HELP, allow_abbrev=False)
        module.add_arguments(command)
        command.set_defaults(command_module=module)
    return parser
