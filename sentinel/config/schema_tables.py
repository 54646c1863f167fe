"""JSON Schemas as Markdown: a table for each object, with types, ranges, defaults and descriptions in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sentinel.config import durations, sizes

ENVIRONMENT = "EnvironmentReference"
"""The definition that stands for ``${NAME}``; where a value may be one is said once, not in every row."""
_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
}
_LONGEST_DEFAULT = 40


def anchor(title: str) -> str:
    """The anchor of a heading, as forges and mkdocs make it.

    Examples
    --------
    >>> anchor("models[].slices[]")
    'modelsslices'
    """
    kept = "".join(character for character in title.lower() if character.isalnum() or character in "-_ ")
    return kept.strip().replace(" ", "-")


def cell(text: str) -> str:
    """Text that may stand in a cell of a table: no pipe parts it, no tag opens in it.

    Examples
    --------
    >>> cell("<c>")
    '&lt;c&gt;'
    """
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")


def name_of(schema: Mapping[str, Any]) -> str | None:
    """The definition that a schema refers to, alone or beside null or a reference to the environment."""
    for each in [schema, *schema.get("anyOf", ())]:
        name = str(each.get("$ref", "")).rpartition("/")[2]
        if name and name != ENVIRONMENT:
            return name
    return None


def inner_name(schema: Mapping[str, Any]) -> str | None:
    """The definition inside: of the schema, of its items, or of the values of its object."""
    inside = [schema, schema.get("items"), schema.get("additionalProperties"), *_item_choices(schema)]
    names = (name_of(each) for each in inside if isinstance(each, Mapping))
    return next((name for name in names if name), None)


def type_of(schema: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """What a value may be, in words.

    Parameters
    ----------
    schema : mapping
        Of the value.
    titles : mapping
        Definition to the heading of its section, for links; what is not in it is described in place.

    Examples
    --------
    >>> type_of({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, {})
    'number, above 0, at most 1'
    """
    choices = [each for each in schema.get("anyOf", [schema]) if name_of(each) or "$ref" not in each]
    words = [word for word in (_choice(each, titles) for each in choices) if word != "null"]
    if any("pattern" in each and each["pattern"] == sizes.PATTERN for each in choices):
        return "size"
    return " or ".join(dict.fromkeys(words))


def default_of(schema: Mapping[str, Any], *, required: bool) -> str:
    """The default as it is written in YAML; what is long or empty in words."""
    if required:
        return "required"
    value = schema.get("default")
    if value is None:
        return "unset"
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict) and value:
        return "see there"
    return f"`{value if isinstance(value, str) and value else text}`" if len(text) <= _LONGEST_DEFAULT else "see there"


def rows(definition: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """(name, schema, required) of each property, in the order of the declaration."""
    required = definition.get("required", ())
    for name, schema in definition.get("properties", {}).items():
        yield name, schema, name in required


def _choice(schema: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    name = name_of(schema)
    if name is not None:
        return f"[{titles[name]}](#{anchor(titles[name])})" if name in titles else name
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("pattern") == durations.PATTERN:
        return "duration"
    if schema.get("type") == "array":
        return _list_of(schema, titles)
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"map to {type_of(values, titles)}" if isinstance(values, Mapping) else "map"
    return _scalar(schema)


def _list_of(schema: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    pair = schema.get("prefixItems")
    if pair:
        return f"list of {len(pair)}: " + ", ".join(type_of(each, titles) for each in pair)
    items = schema.get("items")
    words = type_of(items, titles) if isinstance(items, Mapping) else "anything"
    low, high = schema.get("minItems"), schema.get("maxItems")
    count = f"{low} " if low == high and low is not None else f"{low} to {high} " if low and high else ""
    return f"list of {count}{f'({words})' if ' or ' in words else words}"


def _scalar(schema: Mapping[str, Any]) -> str:
    words = str(schema.get("type", "anything")).replace("string", "text")
    bounds = [text.format(_number(schema[key])) for key, text in _BOUNDS.items() if key in schema]
    if "maxLength" in schema:
        bounds.append(f"{schema.get('minLength', 0)} to {schema['maxLength']} characters")
    return ", ".join([words, *bounds])


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _item_choices(schema: Mapping[str, Any]) -> list[Any]:
    items = schema.get("items")
    found = items.get("anyOf", []) if isinstance(items, Mapping) else []
    return [*found, *(each.get("items") for each in schema.get("anyOf", ()) if "items" in each)]
