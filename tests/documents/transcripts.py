"""What the documents show of a terminal: commands behind a dollar sign, and what they print."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from sentinel.cli import main
from tests.documents.fences import ROOT, blocks

_COMMAND = re.compile(r"^\$ ((?:[^\n\\]|\\\n)+)\n", re.MULTILINE)
_VARYING = re.compile(r"\([\d,]+ bytes, sha256 \w+\)|(?<=baseline )[0-9a-f]{12}|(?<=\"parent\": \")[0-9a-f]{64}")
"""A baseline holds the moment of its making, so its size and its digest differ from build to build."""


class Shown(NamedTuple):
    """One command of a document."""

    command: str
    lines: tuple[str, ...]
    """What the document shows of its output; ``...`` stands for any lines."""


def transcript(document: str) -> Iterator[Shown]:
    """Each command of a document's blocks, in their order."""
    for block in blocks(""):
        if block.document == ROOT / document:
            _, *parts = _COMMAND.split(block.text)
            for command, output in zip(parts[::2], parts[1::2], strict=True):
                yield Shown(re.sub(r"\s*\\\n\s*", " ", command), tuple(output.splitlines()))


def missing(lines: tuple[str, ...], said: str) -> str | None:
    """The first run of lines, between two ellipses, that is not in what was said, in this order and unbroken."""
    found = "\n" + _VARYING.sub("*", said)
    for run in _VARYING.sub("*", "\n".join(lines)).split("..."):
        wanted = "\n" + run.strip("\n") + "\n"
        if not run.strip():
            continue
        _, at, found = found.partition(wanted)
        if not at:
            return wanted
        found = "\n" + found
    return None


class Terminal:
    """Runs the commands that need nothing but sentinel and a folder; others are passed over.

    Parameters
    ----------
    here : Path
        Where the commands run.
    patch : pytest.MonkeyPatch
    capture : pytest.CaptureFixture
    """

    def __init__(self, here: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._patch = patch
        self._capture = capture
        self._status = 0
        patch.chdir(here)

    def said(self, command: str) -> str | None:
        """What a command prints, errors included; None for one that is not run."""
        name, *words = shlex.split(command, comments=True)
        run: dict[str, Callable[[list[str]], str]] = {
            "sentinel": self._sentinel,
            "cd": self._cd,
            "ls": lambda _: "  ".join(sorted(path.name for path in Path().iterdir())) + "\n",
            "cat": lambda names: "".join(Path(name).read_text(encoding="utf-8") for name in names),
            "echo": lambda words: f"{self._status}\n" if words == ["$?"] else " ".join(words) + "\n",
        }
        return run[name](words) if name in run else None

    def _sentinel(self, words: list[str]) -> str:
        self._capture.readouterr()
        self._status = main(words)
        printed = self._capture.readouterr()
        return printed.out + printed.err

    def _cd(self, words: list[str]) -> str:
        self._patch.chdir(words[0])
        return ""


def untrue(document: str, terminal: Terminal) -> list[str]:
    """What a document shows of its commands and they do not print, each with its command."""
    found = []
    for command, lines in transcript(document):
        said = terminal.said(command)
        lacking = None if said is None else missing(lines, said)
        if lacking is not None:
            found.append(f"{document}: $ {command}{lacking}instead: {said}")
    return found
