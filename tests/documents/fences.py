"""The fenced blocks of the documents, and the programs beside them."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCUMENTS = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """One fenced block."""

    document: Path
    language: str
    text: str


def blocks(*languages: str) -> Iterator[Block]:
    """Every block of these languages, in all documents."""
    for document in DOCUMENTS:
        for language, text in _FENCE.findall(document.read_text(encoding="utf-8")):
            if language in languages:
                yield Block(document, language, text)


def named(path: Path) -> str:
    """A document as people name it."""
    return path.relative_to(ROOT).as_posix()


def load(path: Path) -> ModuleType:
    """A program that is in no package, as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
