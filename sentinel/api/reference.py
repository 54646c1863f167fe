"""The reference of the Python interface as Markdown: what this module prints is ``docs/reference/python.md``."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, Final

from sentinel import api

_INTRODUCTION: Final = """\
# Python

For notebooks, scripts and pipelines: `import sentinel`. The import is light; what a name needs is loaded when it is
first used. This page is generated from the docstrings. How to use it: [in a notebook](../how-to/notebook.md),
[as a gate](../how-to/gate.md), [before the model ships](../how-to/audit.md).

Rows are a pandas DataFrame, an Arrow table, anything that exports one (polars), or the path of a Parquet or CSV file.
Whatever is wrong with rows or settings is a `sentinel.SentinelError` whose message names the column or the argument,
and the mend.

"""
_FUNCTIONS: Final = ("check_leakage", "read_audit", "build_baseline", "load_baseline", "replay", "read_report")
_CLASSES: Final = (
    "AuditResult",
    "Baseline",
    "Result",
    "Chart",
    "LeakageFoundError",
    "AlertFiringError",
    "DataWarning",
)
_UNDERLINE: Final = re.compile(r"^-{3,}$")


def reference() -> str:
    """The page."""
    parts = [_INTRODUCTION]
    for name in _FUNCTIONS:
        parts += [f"## {name}\n\n", *_callable(f"sentinel.{name}", getattr(api, name))]
    for name in _CLASSES:
        parts += [f"## {name}\n\n", *_class(getattr(api, name))]
    return "".join(parts).rstrip("\n") + "\n"


def _class(kind: type[Any]) -> Iterator[str]:
    yield from _prose(kind)
    for name, member in vars(kind).items():
        if name.startswith("_") or not inspect.getdoc(member):
            continue
        if isinstance(member, property):
            yield f"### {kind.__name__}.{name}\n\n"
            yield from _prose(member)
        elif inspect.isfunction(member):
            yield f"### {kind.__name__}.{name}\n\n"
            yield from _callable(f"{kind.__name__.lower()}.{name}", member)


def _callable(name: str, function: Callable[..., Any]) -> Iterator[str]:
    yield f"```text\n{_signature(name, function)}\n```\n\n"
    yield from _prose(function)


def _signature(name: str, function: Callable[..., Any]) -> str:
    """Names and defaults; the types are told in words."""
    signature = inspect.signature(function)
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values() if p.name != "self"]
    line = f"{name}{signature.replace(parameters=bare, return_annotation=signature.empty)}"
    return "\n".join(textwrap.wrap(line, 100, subsequent_indent="    ", break_on_hyphens=False))


def _prose(documented: object) -> Iterator[str]:
    """A docstring: its sections with their entries as lists."""
    lines = (inspect.getdoc(documented) or "").splitlines()
    at = 0
    text: list[str] = []
    while at < len(lines):
        if at + 1 < len(lines) and _UNDERLINE.match(lines[at + 1]):
            yield _paragraphs(text)
            end = next((i for i in range(at + 2, len(lines) - 1) if _UNDERLINE.match(lines[i + 1])), len(lines))
            yield f"**{lines[at]}**\n\n"
            yield from _entries(lines[at + 2 : end])
            text, at = [], end
        else:
            text.append(lines[at])
            at += 1
    yield _paragraphs(text)


def _paragraphs(lines: list[str]) -> str:
    text = "\n".join(lines).strip().replace("``", "`")
    return f"{text}\n\n" if text else ""


def _entries(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if not line.strip():
            continue
        if line.startswith(" "):
            yield f"  {line.strip()}\n".replace("``", "`")
            continue
        name, colon, kind = line.partition(" : ")
        yield f"- `{name}`: {kind}\n" if colon else f"- `{name}`\n"
    yield "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
