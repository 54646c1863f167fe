"""The two text formats of Prometheus, by hand: most of their cost is label escaping, so labels are rendered once."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Literal

from sentinel.exposition.metric import Metric

Format = Literal["text", "openmetrics"]
CONTENT_TYPES: dict[Format, str] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
OPENMETRICS_END = b"# EOF\n"
MAX_LABEL_CHARS = 200
"""Of one label's value: below a kilobyte in every script, and longer than a person reads."""
_DIGEST_BYTES = 6  # among a thousand shortened names two are alike once in 500 million times


def labels_text(names: Sequence[str], values: Sequence[str]) -> str:
    r"""The label part of a sample, braces included; empty without labels.

    Examples
    --------
    >>> labels_text(("slice",), ('city=L"Aquila',))
    '{slice="city=L\\"Aquila"}'
    """
    if not names:
        return ""
    pairs = zip(names, values, strict=True)
    return "{" + ",".join(f'{name}="{_escape(label_value(value))}"' for name, value in pairs) + "}"


def label_value(value: str) -> str:
    r"""A label's value before it is escaped: valid UTF-8, without NUL, no longer than :data:`MAX_LABEL_CHARS`.

    What has to be changed keeps its beginning and gets a digest, so that names that differ stay apart.

    Examples
    --------
    >>> label_value("city=naïve")
    'city=naïve'
    >>> label_value("half=\udc80"), len(label_value("x" * 5_000))
    ('half=?~8ae5677ffca7', 200)
    """
    if len(value) <= MAX_LABEL_CHARS and "\0" not in value and (value.isascii() or _is_text(value)):
        return value
    digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
    head = value[: MAX_LABEL_CHARS - len(digest) - 1].encode("utf-8", "replace").decode().replace("\0", "?")
    return f"{head}~{digest}"


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
    """One line of a gauge, counter or info; none for what is no finite number."""
    if not math.isfinite(value):
        return ""
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
    """Number and, where it is finite, sum of what was observed; no quantiles."""
    labels = labels_text(metric.labels, values)
    total_line = f"{metric.name}_sum{labels} {total}\n" if math.isfinite(total) else ""
    return f"{metric.name}_count{labels} {n}\n{total_line}"


def _is_text(value: str) -> bool:
    """Whether it is Unicode throughout: half a surrogate pair is not."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _escape(value: str) -> str:
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return value
