"""The reference of the report as Markdown: what this module prints is ``docs/reference/report.md``."""

from __future__ import annotations

import sys

from sentinel.config.document_tables import document_sections
from sentinel.diagnosis.report import report_schema

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
    return _INTRODUCTION + document_sections(report_schema(), "Report")


if __name__ == "__main__":
    sys.stdout.write(reference())
