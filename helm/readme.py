"""Write the chart's README from the comments of its values: ``python helm/readme.py``, with ``--check`` to compare."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "sentinel"
_HEADING = "## "
_LONGEST_DEFAULT = 80

_HEAD = """\
# Helm chart `sentinel`

<!-- Written by helm/readme.py from values.yaml; do not edit. -->

{description}

```
helm install sentinel helm/sentinel --values my-values.yaml --set image.repository=registry.example.com/sentinel
```

`my-values.yaml` names models, brokers, topics and the baselines. Examples, each rendered and held against the schemas
of Kubernetes with every change:

{examples}

- A wrong value is refused before anything is installed: `values.schema.json` knows every key, and takes no password.
- Custom resources (ServiceMonitor, PodMonitor, PrometheusRule, ScaledObject) are made because a value says so, never
  because a cluster happens to know them: what is rendered offline is what is installed.
- Every pod obeys the pod security standard `restricted`, with a read-only root and without a token.
- Alert rules and dashboards are those of the repository, by symbolic links that `helm package` turns into files.

Needs Kubernetes {kubernetes}. This chart: {version}; `sentinel` {app}.
"""


class UndocumentedError(ValueError):
    """A value has no comment above it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One value: its path with dots, what it is by default, and what its comment says."""

    path: str
    default: Any
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """The rows under one ``## Title`` of the values."""

    title: str
    intro: str
    rows: list[Row]


def sections(text: str) -> list[Section]:
    """Read the values and their comments.

    A mapping whose keys have comments is described key by key, any other value as a whole.

    Raises
    ------
    UndocumentedError
        If a value has no comment directly above it.
    """
    lines = text.splitlines()
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError("values.yaml is no mapping")
    heads = [index for index, line in enumerate(lines) if line.startswith(_HEADING)]
    found = []
    for start, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        rows = [
            row
            for key, value in root.value
            if start < key.start_mark.line < end
            for row in _rows(lines, (key.value,), key, value)
        ]
        found.append(Section(lines[start].removeprefix(_HEADING), _comment(lines, start + 1, down=True), rows))
    return found


def _rows(lines: list[str], path: tuple[str, ...], key: yaml.Node, value: yaml.Node) -> Iterator[Row]:
    own = _comment(lines, key.start_mark.line - 1)
    if _is_block(value) and any(_is_described(lines, child, deeper) for child, deeper in value.value):
        for child, deeper in value.value:
            yield from _rows(lines, (*path, child.value), child, deeper)
        return
    if not own:
        raise UndocumentedError(f"values.yaml, line {key.start_mark.line + 1}: {'.'.join(path)} has no comment")
    yield Row(".".join(path), _plain(value), own)


def _is_described(lines: list[str], key: yaml.Node, value: yaml.Node) -> bool:
    if _comment(lines, key.start_mark.line - 1):
        return True
    return _is_block(value) and any(_is_described(lines, *pair) for pair in value.value)


def _is_block(value: yaml.Node) -> bool:
    """A mapping with a key a line; one in braces is a single value."""
    return isinstance(value, yaml.MappingNode) and not value.flow_style


def _comment(lines: list[str], index: int, *, down: bool = False) -> str:
    """The comment lines that end at an index, or start there; a heading is none of them."""
    taken: list[str] = []
    while 0 <= index < len(lines) and lines[index].lstrip().startswith("# "):
        taken.append(lines[index].lstrip().removeprefix("# "))
        index += 1 if down else -1
    return " ".join(taken if down else reversed(taken))


def _plain(node: yaml.Node) -> Any:
    return yaml.safe_load(yaml.serialize(node))


def _table(rows: list[Row]) -> str:
    lines = ["| Value | Default | |", "|---|---|---|"]
    for row in rows:
        default = json.dumps(row.default, ensure_ascii=False)
        shown = f"`{default}`" if len(default) <= _LONGEST_DEFAULT else "see `values.yaml`"
        text = row.text.replace("|", "\\|")
        lines.append(f"| `{row.path}` | {shown} | {text} |")
    return "\n".join(lines)


def readme(chart: Path = CHART) -> str:
    """The README of a chart."""
    about = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    examples = [
        f"- [{file.name}](ci/{file.name}): {file.read_text(encoding='utf-8').splitlines()[0].removeprefix('# ')}"
        for file in sorted((chart / "ci").glob("*-values.yaml"))
    ]
    parts = [
        _HEAD.format(
            description=about["description"],
            examples="\n".join(examples),
            kubernetes=about["kubeVersion"].removeprefix(">=").removesuffix("-0") + " or newer",
            version=about["version"],
            app=about["appVersion"],
        )
    ]
    for section in sections((chart / "values.yaml").read_text(encoding="utf-8")):
        parts.append(f"## {section.title}\n")
        if section.intro:
            parts.append(f"{section.intro}\n")
        parts.append(_table(section.rows) + "\n")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Write the README, or with ``--check`` say whether it is current."""
    file = CHART / "README.md"
    text = readme()
    if arguments == ["--check"]:
        if file.exists() and file.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write(f"{file} is not what values.yaml says: run `python helm/readme.py`\n")
        return 1
    file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
