"""The JSON Schema of a document that sentinel writes, as Markdown: a section for each kind of object in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sentinel.config.schema_tables import cell, inner_name, rows, type_of


def document_sections(schema: Mapping[str, Any], root: str) -> str:
    """A section with a table for each definition, the document's own first.

    Parameters
    ----------
    schema : mapping
        With its definitions under ``$defs``.
    root : str
        The definition of the document itself.
    """
    definitions: Mapping[str, Any] = schema["$defs"]
    names = list(_reached(definitions, root))
    titles = {name: name for name in names}
    return "\n".join(_section(name, definitions, titles) for name in names)


def _reached(definitions: Mapping[str, Any], root: str) -> Iterator[str]:
    """Each definition before those that it refers to, in the order of the document."""
    seen: list[str] = []

    def walk(name: str) -> None:
        if name in seen:
            return
        seen.append(name)
        for _, value, _ in rows(definitions[name]):
            inside = inner_name(value)
            if inside is not None:
                walk(inside)

    walk(root)
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
