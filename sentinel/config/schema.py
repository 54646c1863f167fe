"""The JSON Schema of the configuration, for editors and for checks without sentinel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec

from sentinel.config import durations, sizes
from sentinel.config.durations import Duration
from sentinel.config.fields import BOUNDS
from sentinel.config.secrets import Secret
from sentinel.config.settings import Config
from sentinel.config.sizes import Bytes

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = "EnvironmentReference"
_REFERENCE_SCHEMA = {
    "title": _REFERENCE,
    "description": "A value from the environment: ${NAME} or ${NAME:-default}.",
    "type": "string",
    "pattern": r"\$\{[^}]+\}",
}
_ANNOTATIONS = ("title", "description", "default", "examples")


def config_schema() -> dict[str, Any]:
    """The configuration's JSON Schema (draft 2020-12), derived from the Structs that read it.

    Every property carries its description, range and default. A schema sees a file before ``${NAME}`` is
    filled in, so it accepts a reference in place of any single value but ``apiVersion``.

    Returns
    -------
    dict
        Ready for ``json.dumps``.
    """
    schema: dict[str, Any] = msgspec.json.schema(Config, schema_hook=_own_type)
    definitions = schema.pop("$defs")
    for struct in _structs(Config):
        _complete(definitions[struct.__name__], struct)
    root = definitions.pop("Config")
    definitions[_REFERENCE] = _REFERENCE_SCHEMA
    return {
        "$schema": DIALECT,
        **root,
        "title": "sentinel configuration",
        "$defs": dict(sorted(definitions.items())),
    }


def _own_type(kind: type) -> dict[str, Any]:
    if kind is Duration:
        return {"type": "string", "pattern": durations.PATTERN}
    if kind is Bytes:
        text = {"type": "string", "pattern": sizes.PATTERN}
        return {"anyOf": [{"type": "integer", "minimum": 0}, text]}
    if kind is Secret:
        return {"type": "string", "minLength": 1, "writeOnly": True}
    raise NotImplementedError(f"{kind.__name__} has no JSON Schema")


def _structs(root: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    seen: set[type[msgspec.Struct]] = set()
    waiting: list[Any] = [root]
    while waiting:
        hint = waiting.pop()
        waiting.extend(get_args(hint))
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct) and hint not in seen:
            seen.add(hint)
            waiting.extend(get_type_hints(hint, include_extras=True).values())
            yield hint


def _complete(definition: dict[str, Any], struct: type[msgspec.Struct]) -> None:
    """Add what msgspec cannot know: defaults made by a factory, and the ranges of our own types."""
    hints = get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        schema = definition["properties"][field.encode_name]
        if field.encode_name != "apiVersion":  # decides what the rest means
            definition["properties"][field.encode_name] = schema = _with_reference(schema)
        if field.default_factory is not msgspec.NODEFAULT:
            schema["default"] = msgspec.to_builtins(field.default_factory(), enc_hook=str)
        hint = hints[field.name]
        for meta in get_args(hint)[1:] if get_origin(hint) is Annotated else ():
            low, high = (meta.extra or {}).get(BOUNDS, (None, None))
            if low is not None and high is not None:
                schema["description"] += f" From {low} to {high}."


def _with_reference(schema: dict[str, Any]) -> dict[str, Any]:
    """Accept ``${NAME}`` where a single value that is not free text is wanted."""
    if "items" in schema:
        return schema | {"items": _with_reference(schema["items"])}
    alternatives = schema.get("anyOf", [schema])
    if not any(_is_restricted(alternative) for alternative in alternatives):
        return schema
    annotations = {name: value for name, value in schema.items() if name in _ANNOTATIONS}
    plain = [{k: v for k, v in each.items() if k not in _ANNOTATIONS} for each in alternatives]
    return annotations | {"anyOf": [*plain, {"$ref": f"#/$defs/{_REFERENCE}"}]}


def _is_restricted(schema: dict[str, Any]) -> bool:
    is_scalar = schema.get("type") in ("integer", "number", "boolean")
    return is_scalar or "enum" in schema or "pattern" in schema
