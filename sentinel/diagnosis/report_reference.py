"""The reference of the report as Markdown: what this module prints is ``docs/reference/report.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from sentinel.config.schema_tables import cell, inner_name, rows, type_of
from sentinel.diagnosis.report import report_schema

_ROOT = "Report"
_INTRODUCTION = """\
# The report

One JSON object for a model version: `sentinel replay --report FILE` writes it, the daemon serves it at
`/api/v1/models/{model}/{version}/report`, and `sentinel explain --report FILE` says it in words. This page is generated
from the types that are written; [the JSON Schema](report.schema.json) is made from the same.

- What cannot be told is `null`, with a `reason` where an estimate was asked for; nothing is NaN or infinite.
- A gap above 0 says that live is worse than offline, whatever the metric.
- Times are RFC 3339 in UTC, of events unless said otherwise. Shares are from 0 to 1, logarithms natural.
- Keys may be added within `sentinel/v1`; readers should pass over those that they do not know.

What the numbers mean: [an explanation with an example](../explanation/numbers.md).

"""


def reference() -> str:
    """The page."""
    definitions: Mapping[str, Any] = report_schema()["$defs"]
    names = [_ROOT, *(name for name in _reached(definitions) if name != _ROOT)]
    titles = {name: name for name in names}
    return _INTRODUCTION + "\n".join(_section(name, definitions, titles) for name in names)


def _reached(definitions: Mapping[str, Any]) -> Iterator[str]:
    """Each definition before those that it refers to, in the order of the report."""
    seen: list[str] = []

    def walk(name: str) -> None:
        if name in seen:
            return
        seen.append(name)
        for _, value, _ in rows(definitions[name]):
            inside = inner_name(value)
            if inside is not None:
                walk(inside)

    walk(_ROOT)
    yield from seen


def _section(name: str, definitions: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    definition = definitions[name]
    lines = [f"## {name}\n", f"{cell(definition['description'])}\n"]
    if "enum" in definition:
        lines += ["One of " + ", ".join(f"`{value}`" for value in definition["enum"]) + ".", ""]
    else:
        lines += [*_table(definition, definitions, titles), ""]
    return "\n".join(lines)


def _table(definition: Mapping[str, Any], definitions: Mapping[str, Any], titles: Mapping[str, str]) -> Iterator[str]:
    yield "| Key | Type | Meaning |"
    yield "| --- | --- | --- |"
    for key, value, _ in rows(definition):
        null = " or null" if {"type": "null"} in value.get("anyOf", ()) else ""
        yield f"| `{key}` | {type_of(value, titles)}{null} | {cell(_meaning(value, definitions))} |"


def _meaning(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """What is said of the key, or else of what it holds."""
    inside = inner_name(value)
    text = str(value.get("description") or (definitions[inside]["description"] if inside else ""))
    text = text.replace(" -> ", ": ")
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


if __name__ == "__main__":
    sys.stdout.write(reference())
