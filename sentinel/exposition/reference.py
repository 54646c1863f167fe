"""The reference of metrics as Markdown: what this module prints is ``docs/reference/metrics.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from sentinel.exposition.metric import declared
from sentinel.exposition.metrics.daemon import FAMILIES
from sentinel.exposition.metrics.models import all_modules

_INTRODUCTION = """\
# Metrics

What `/metrics` exposes, in Prometheus's text format 0.0.4 or OpenMetrics 1.0.0, whichever the scraper prefers. This
page is generated from the declarations in the code.

- A value that is not known for lack of data has no series; it is never 0, NaN or infinite. Every cause always has its
  series.
- Never add up or average over the label `metric`: an AUC and a log loss share a name, not a scale.
- The slice is `all` or `column=value`. When a model version leaves the configuration, its series leave with it.
- Labels hold 200 characters. A longer name, or one with NUL or half a character, keeps its beginning and ends in `~`
  and a digest. The reports over HTTP have the whole names.
- `limits.max_series` bounds the series of reports, `limits.max_series_per_model` those of one model version. Verdicts,
  alerts and the metrics over all traffic are never cut; after them come features that lost most and slices with an
  alert or the most evidence ([which, and what a scrape costs](../explanation/series.md)).
  `sentinel_series_dropped_total` counts what was left out, once per evaluation.
- Each process also exposes the usual `process_*` and `python_gc_*` metrics.

"""


def reference() -> str:
    """The page."""
    parts = [
        _INTRODUCTION,
        "## Models\n\nRendered from the reports, once per evaluation.\n",
        *(line for module in all_modules() for line in _subject(module)),
        "\n## Daemon\n\nRendered at each scrape.\n",
        *(line for module in FAMILIES for line in _subject(module)),
        "\nWhat is made of them: [alerts and recording rules](alerts.md).\n",
    ]
    return "".join(parts)


def _subject(module: object) -> Iterator[str]:
    """What its module says of it, and its metrics."""
    yield f"\n**{module.__doc__}**\n\n"
    yield "| Metric | Type | Labels | Meaning |\n| --- | --- | --- | --- |\n"
    for metric in declared(module):
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
        yield f"| `{metric.name}` | {metric.type} | {labels} | {metric.help} |\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
