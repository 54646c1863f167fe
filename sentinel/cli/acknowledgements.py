"""``sentinel acknowledgements``: what people answered to verdicts, and whether the audit log is whole."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel.cli.arguments import add_format, subcommands
from sentinel.errors import FatalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sentinel.diagnosis.report import Acknowledgement
    from sentinel.pipeline.audit_log import AuditEntry, ReadLine

HELP = "List what was answered to verdicts, export it to train the scorecard, or verify the audit log."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    texts = {
        "list": "List the answers, the oldest first.",
        "export": "Write what the answers teach as JSON lines, for `sentinel benchmark --train --answers`.",
        "verify": "Check that no line of the audit log was altered, removed or moved: exit status 1 if one was.",
    }
    for name, command in subcommands(parser, "acknowledgements_command", texts):
        command.add_argument("--state", type=Path, required=True, metavar="DIR", help="state.directory of the daemon")
        if name == "list":
            add_format(command)
        if name == "export":
            command.add_argument("--output", type=Path, required=True, metavar="FILE", help="the file to write")


def run(args: argparse.Namespace) -> int:
    """List, export or verify; the daemon may run meanwhile."""
    command = {"list": _list, "export": _export, "verify": _verify}[args.acknowledgements_command]
    return command(args)


def _list(args: argparse.Namespace) -> int:
    import msgspec

    from sentinel.app.register import acknowledgement_of

    found = [answer for entry in _acknowledgements(args.state) if (answer := acknowledgement_of(entry)) is not None]
    if args.format == "json":
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    elif found:
        print("\n".join(_line(each) for each in found))
    else:
        print("nobody has answered yet")
    return 0


def _export(args: argparse.Namespace) -> int:
    from sentinel.app.register import taught_case
    from sentinel.diagnosis.answers import encode_cases

    n_answers, cases = 0, {}
    for entry in _acknowledgements(args.state):
        n_answers += 1
        case = taught_case(entry)
        if case is not None:
            # Of one matter the last answer counts: people correct themselves, and say the same twice.
            cases[case.model, case.version, entry.details["baseline"], case.named] = case
    try:
        args.output.write_bytes(encode_cases(cases.values()))
    except OSError as error:
        raise FatalError(f"{args.output}: cannot be written: {error.strerror or error}") from error
    print(f"wrote {args.output}: {len(cases)} cases from {n_answers} answers")
    if len(cases) < n_answers:
        print("the others were answered again later, tell no cause, or answer a verdict for which nothing was weighed")
    return 0


def _verify(args: argparse.Namespace) -> int:
    n_lines, last, faults = 0, None, []
    for line in _read(args.state):
        n_lines, last = n_lines + 1, line
        if line.fault is not None:
            faults.append(line.fault)
    for fault in faults:
        print(fault)
    if last is None:
        print("the audit log is empty")
    else:
        print(f"{n_lines} entries, {len(faults)} faults; the last is {last.sequence}, sha256 {last.sha256}")
    return 1 if faults else 0


def _acknowledgements(state: Path) -> Iterator[AuditEntry]:
    for line in _read(state):
        if line.fault is not None:
            print(f"sentinel: {line.fault}", file=sys.stderr)
        if line.entry is not None and line.entry.kind == "acknowledgement":
            yield line.entry


def _read(state: Path) -> Iterator[ReadLine]:
    from sentinel.pipeline.audit_log import FILE, read_audit_log

    if not (state / FILE).exists() and not list(state.glob("audit.*.jsonl")):
        raise FatalError(f"{state}: there is no audit log; name the `state.directory` of a daemon that has run")
    return read_audit_log(state)


def _line(answer: Acknowledgement) -> str:
    true_cause = "" if answer.true_cause is None else f" ({answer.true_cause})"
    text = (
        f"{answer.at}  {answer.model} {answer.version}  {answer.cause} {answer.confidence:.2f}  "
        f"{answer.answer}{true_cause}  {answer.who}: {answer.note}"
    )
    return "".join(character if character.isprintable() else " " for character in text)
