"""The two text formats of Prometheus, by hand: most of their cost is label escaping, so labels are rendered once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from sentinel.exposition.declarations import Metric

Format = Literal["text", "openmetrics"]
CONTENT_TYPES: dict[Format, str] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
OPENMETRICS_END = b"# EOF\n"


def labels_text(names: Sequence[str], values: Sequence[str]) -> str:
    r"""The label part of a sample, braces included; empty without labels.

    Examples
    --------
    >>> labels_text(("slice",), ('city=L"Aquila',))
    '{slice="city=L\\"Aquila"}'
    """
    if not names:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True)) + "}"


def number(value: float) -> str:
    """A number as both formats write it.

    Examples
    --------
    >>> [number(0.5), number(3), number(float("-inf"))]
    ['0.5', '3', '-Inf']
    """
    if math.isfinite(value):
        return f"{value}"
    return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")


def header(metric: Metric, form: Format) -> str:
    """The lines above a family's samples."""
    if form == "text":
        kind = "gauge" if metric.type == "info" else metric.type
        text = metric.help.replace("\\", "\\\\").replace("\n", "\\n")
        return f"# HELP {metric.name} {text}\n# TYPE {metric.name} {kind}\n"
    unit = f"# UNIT {metric.family} {metric.unit}\n" if metric.unit else ""
    return f"# HELP {metric.family} {_escape(metric.help)}\n# TYPE {metric.family} {metric.type}\n{unit}"


def sample(metric: Metric, values: Sequence[str], value: float) -> str:
    """One line of a gauge, counter or info."""
    return f"{metric.name}{labels_text(metric.labels, values)} {number(value)}\n"


def histogram(metric: Metric, values: Sequence[str], edges: Sequence[float], counts: Iterable[int]) -> str:
    """The cumulative buckets of one histogram whose sum is not known, so that it has neither sum nor count.

    Parameters
    ----------
    metric : Metric
    values : sequence of str
        One per label of the metric.
    edges : sequence of float, ascending
    counts : iterable of int
        One more than edges: below the first, between each two, from the last on.
    """
    lines, total = [], 0
    for edge, count in zip((*edges, math.inf), counts, strict=True):
        total += count
        labels = labels_text((*metric.labels, "le"), (*values, number(edge)))
        lines.append(f"{metric.name}_bucket{labels} {total}\n")
    return "".join(lines)


def summary(metric: Metric, values: Sequence[str], n: int, total: float) -> str:
    """Number and sum of what was observed; no quantiles."""
    labels = labels_text(metric.labels, values)
    return f"{metric.name}_count{labels} {n}\n{metric.name}_sum{labels} {number(total)}\n"


def _escape(value: str) -> str:
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return value
