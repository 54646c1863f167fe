"""The reference of the configuration as Markdown: what this module prints is ``docs/reference/configuration.md``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from sentinel.config.compare import RESTART_PREFIXES
from sentinel.config.schema import config_schema
from sentinel.config.schema_tables import cell, default_of, inner_name, rows, type_of

TOP = "top level"
_INTRODUCTION = """\
# Configuration

Every key, with its default, its range and the reason for it. This page is generated from the types that read the
configuration; [the JSON Schema](config.schema.json) is made from the same, for editors. `sentinel check-config FILE
--show` prints what is in effect, defaults included.

- The file is YAML. A key that is not listed here is an error that names file, line and column.
- **Text** that looks like a number needs quotes: `version: "7"`.
- **Durations** are written `90s`, `1h30m`, `14d`: whole numbers of `w`, `d`, `h`, `m`, `s`, `ms`, the largest first.
- **Sizes** are whole numbers of bytes, or with a unit: `64KiB` is 65,536 bytes, `64kB` is 64,000.
- **Secrets** have a `..._file` or come from the environment; they are redacted wherever the configuration is shown.
- **The environment**: `${NAME}`, or `${NAME:-default}`, stands for a value or a part of one, but in `apiVersion`.
- A relative path starts from the folder of the configuration.
- A reload (SIGHUP, or `POST /-/reload`) takes all of it but {restart}, which need a restart.

Examples: [the smallest](../../configs/minimal.yaml), [Kafka](../../configs/kafka.yaml),
[Kafka with tokens over TLS](../../configs/secure-kafka.yaml),
[collectors and an evaluator](../../configs/scale-out.yaml),
[Avro with a schema registry](../../configs/schema-registry.yaml), [KServe](../../configs/kserve.yaml),
[events posted over HTTP](../../configs/http.yaml).

"""


def reference() -> str:
    """The page."""
    schema = config_schema()
    paths = _paths(schema)
    titles = {name: path for path, name in paths.items() if name is not None}
    sections = (_section(path, _definition(schema, name), titles) for path, name in paths.items())
    restart = ", ".join(f"`{prefix}`" for prefix in RESTART_PREFIXES)
    return _INTRODUCTION.replace("{restart}", restart) + "\n".join(sections)


def _definition(schema: Mapping[str, Any], name: str | None) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema if name is None else schema["$defs"][name]
    return found


def _paths(schema: Mapping[str, Any]) -> dict[str, str | None]:
    """Where each section stands in the file, and its definition; in the order of the file."""
    found: dict[str, str | None] = {TOP: None}

    def walk(definition: Mapping[str, Any], prefix: str) -> None:
        for key, value, _ in rows(definition):
            name = inner_name(value)
            if name is None or name in found.values():
                continue
            path = f"{prefix}{key}{_suffix(value)}"
            found[path] = name
            walk(schema["$defs"][name], f"{path}.")

    walk(schema, "")
    return found


def _suffix(value: Mapping[str, Any]) -> str:
    if value.get("type") == "array":
        return "[]"
    return ".NAME" if "additionalProperties" in value else ""


def _section(path: str, definition: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    lines = [f"## {path}\n", f"{definition['description']}\n", *_table(definition, titles), ""]
    return "\n".join(lines)


def _table(definition: Mapping[str, Any], titles: Mapping[str, str]) -> Iterator[str]:
    yield "| Key | Type | Default | Meaning |"
    yield "| --- | --- | --- | --- |"
    for key, value, required in rows(definition):
        kind, default = type_of(value, titles), default_of(value, required=required)
        yield f"| `{key}` | {kind} | {default} | {cell(value.get('description', ''))}{_examples(value)} |"


def _examples(value: Mapping[str, Any]) -> str:
    examples = value.get("examples", ())
    return f" Example: {', '.join(f'`{_written(each)}`' for each in examples)}." if examples else ""


def _written(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)


if __name__ == "__main__":
    sys.stdout.write(reference())
