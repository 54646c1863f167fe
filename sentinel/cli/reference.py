"""The reference of the command line as Markdown: what this module prints is ``docs/reference/cli.md``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from sentinel.app.gate import EXIT_ALERT
from sentinel.cli import EXIT_BROKEN_PIPE, EXIT_FAILED, EXIT_INTERRUPTED
from sentinel.cli.commands import COMMANDS, load
from sentinel.config.schema_tables import anchor, cell

EXIT_USAGE = 2
"""What argparse exits with."""
_INTRODUCTION = f"""\
# Command line

Every command with its options. This page is generated from the parsers that read them; `sentinel COMMAND --help` says
the same. Options are written in full: no abbreviation of one is taken.

Results go to standard output, progress and errors to standard error; what sentinel can explain begins there with
`sentinel:`.

| Exit status | Means |
| --- | --- |
| 0 | Done. |
| {EXIT_FAILED} | It failed, for the reason on standard error; or what was to be checked does not hold. |
| {EXIT_USAGE} | The arguments make no sense. |
| {EXIT_ALERT} | An alert, or a finding, of the severity that `--fail-on` names, or a graver one. |
| {EXIT_INTERRUPTED} | Interrupted (Ctrl-C). `sentinel run` stops orderly at the first SIGINT or SIGTERM, with 0. |
| {EXIT_BROKEN_PIPE} | Whoever read the output went away. |

"""


def reference() -> str:
    """The page."""
    parsers = list(_parsers())
    listed = "".join(
        f"| [`{parser.prog}`](#{anchor(parser.prog)}) | {cell(parser.description or '')} |\n" for parser in parsers
    )
    sections = "\n".join(_section(parser) for parser in parsers)
    return f"{_INTRODUCTION}| Command | Does |\n| --- | --- |\n{listed}\n{sections}"


def _parsers() -> Iterator[argparse.ArgumentParser]:
    """The parser of each command, and behind it those of its own commands."""
    for name in sorted(COMMANDS):
        module = load(name)
        parser = argparse.ArgumentParser(f"sentinel {name}", description=module.HELP, allow_abbrev=False)
        module.add_arguments(parser)
        yield from _with_children(parser)


def _with_children(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in _actions(parser):
        if isinstance(action, argparse._SubParsersAction):  # argparse has no public way to ask
            for child in dict.fromkeys(action.choices.values()):
                yield from _with_children(child)


def _section(parser: argparse.ArgumentParser) -> str:
    lines = [f"## {parser.prog}\n", f"{parser.description}\n"]
    rows = [_row(action) for action in _actions(parser) if _is_option(action)]
    if rows:
        lines += ["| Argument | Default | Meaning |", "| --- | --- | --- |", *rows, ""]
    lines += [_choice(group) for group in parser._mutually_exclusive_groups]  # as above
    return "\n".join(lines)


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # as above


def _is_option(action: argparse.Action) -> bool:
    return not isinstance(action, argparse._SubParsersAction | argparse._HelpAction)  # as above


def _row(action: argparse.Action) -> str:
    names = ", ".join(f"`{name}{_value(action)}`" for name in action.option_strings) or f"`{_metavar(action)}`"
    return f"| {names} | {_default(action)} | {cell(_help(action))}{_choices(action)} |"


def _value(action: argparse.Action) -> str:
    return "" if action.nargs == 0 else f" {_metavar(action)}"


def _metavar(action: argparse.Action) -> str:
    return str(action.metavar or action.dest.upper())


def _default(action: argparse.Action) -> str:
    if action.required and action.nargs != "?":
        return "required"
    if action.nargs == 0:
        return "off"
    if action.default in (None, argparse.SUPPRESS, []):
        return "none"
    return f"`{action.default}`"


def _help(action: argparse.Action) -> str:
    text = (action.help or "").replace(" (%(default)s)", "").replace("%(default)s", str(action.default))
    text = text.replace("%%", "%")
    is_word = text.partition(" ")[0].rstrip(",;:").isalpha()
    return text[:1].upper() + text[1:] if is_word else text


def _choices(action: argparse.Action) -> str:
    return "" if action.choices is None else f". One of: {', '.join(f'`{choice}`' for choice in action.choices)}"


def _choice(group: argparse._MutuallyExclusiveGroup) -> str:
    names = ", ".join(f"`{action.option_strings[0]}`" for action in group._group_actions)  # as above
    count = "Exactly one" if group.required else "At most one"
    return f"{count} of these is given: {names}.\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
