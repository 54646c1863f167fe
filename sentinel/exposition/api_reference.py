"""The reference of the HTTP port as Markdown: what this module prints is ``docs/reference/http.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from sentinel.config.schema_tables import cell, rows, type_of
from sentinel.exposition.access import PROBES
from sentinel.exposition.openapi import openapi

_LIVE = ", ".join(f"`{path}`" for path in PROBES if "ready" not in path)
_READY = ", ".join(f"`{path}`" for path in PROBES if "ready" in path)
_INTRODUCTION = f"""\
# HTTP

What the one port answers. This page is generated from the description that the daemon itself serves at
`/api/v1/openapi.json` (OpenAPI 3.1), which holds every schema. The port speaks plain HTTP on this machine until you
[secure it](../how-to/secure-the-web.md).

| Path | Answers |
| --- | --- |
| `/`, `/models/MODEL/VERSION`, `/audit` | The pages: an overview, one for each model version, and the audit log. |
| `/metrics` | [Metrics](metrics.md) for Prometheus. |
| {_LIVE} | 200 while the loop turns, even with nothing to read; else 503 with the reason. Open without a login. |
| {_READY} | 200 once baselines are loaded and partitions assigned; else 503, and why. Open without a login. |
| `POST /-/reload` | Reads the configuration again, where `web.reload_endpoint` is on. 500 says why it did not. |

Names in a path are percent-encoded: a model may be called `a/b`. `HEAD` is answered where `GET` is.

## The API

Every answer is JSON. Whoever may read may call the `GET`s; a `POST` takes a name that `web.writers` holds, and one of
events a name that `web.producers` holds: see [posting events](../how-to/post-events.md).
"""


_REFUSED = """\
## Refusals

Under `/api/` and `/v1/` a refusal is JSON: `{"error": {"status": 404, "message": ...}}`.

"""


def reference() -> str:
    """The page."""
    document = openapi()
    operations = "\n".join(
        _operation(method, path, described, document["components"]["schemas"])
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    )
    return f"{_INTRODUCTION}\n{operations}\n{_refusals(document['components']['responses'])}{_EXAMPLE}"


def _operation(method: str, path: str, described: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    answers = next(answer for status, answer in described["responses"].items() if status.startswith("2"))
    lines = [f"### {method.upper()} {path}\n", f"{described['summary']}. Answers {_schema(answers)}.\n"]
    body = described.get("requestBody")
    if body is not None:
        lines.append(f"Takes {_schema(body)}. {body['description']}\n")
        fields = list(_fields(body, schemas))
        lines += ["| Key | Type | Meaning |", "| --- | --- | --- |", *fields, ""] if fields else []
        if "303" in described["responses"]:
            drawn = ", ".join(s for s, each in described["responses"].items() if "text/html" in each.get("content", ()))
            lines += [
                f"A form is answered with 303 to the page of the model version; refused with {drawn}, a browser is "
                "shown a page (`text/html`) that says why and keeps what was filled in.\n"
            ]
    asked = [parameter for parameter in described["parameters"] if parameter["in"] == "query"]
    if asked:
        lines += ["| Asked | Type | Meaning |", "| --- | --- | --- |", *map(_parameter, asked), ""]
    return "\n".join(lines)


def _fields(body: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    name = _schema(body).strip("`")
    for key, value, required in rows(schemas[name]):
        text = cell(value.get("description", ""))
        yield f"| `{key}` | {type_of(value, {})}{', required' if required else ''} | {text} |"


def _schema(answer: Mapping[str, Any]) -> str:
    name = str(answer["content"]["application/json"]["schema"]["$ref"]).rpartition("/")[2]
    return "[Report](report.md)" if name == "Report" else f"`{name}`"


def _parameter(parameter: Mapping[str, Any]) -> str:
    schema = parameter["schema"]
    kind = ", ".join(f"`{each}`" for each in schema["enum"]) if "enum" in schema else _limited(schema)
    return f"| `{parameter['name']}` | {kind} | {cell(parameter['description'])} |"


def _limited(schema: Mapping[str, Any]) -> str:
    words = [str(schema.get("format", schema["type"])).replace("date-time", "RFC 3339 time")]
    if "maximum" in schema:
        words.append(f"{schema['minimum']} to {schema['maximum']}, `{schema['default']}` unless given")
    return ", ".join(words)


def _refusals(responses: Mapping[str, Any]) -> str:
    return "".join([_REFUSED, *_rows(responses)])


def _rows(responses: Mapping[str, Any]) -> Iterator[str]:
    yield "| Status | Means |\n| --- | --- |\n"
    for status, response in sorted(responses.items()):
        yield f"| {status} | {cell(response['description'])} |\n"


_EXAMPLE = """
## An example

```
curl -s http://127.0.0.1:9469/api/v1/models
```

What may be asked of a daemon that runs, in words instead: `sentinel explain --config FILE`.
"""


if __name__ == "__main__":
    sys.stdout.write(reference())
