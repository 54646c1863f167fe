"""The reference of the audit as Markdown: what this module prints is ``docs/reference/audit.md``."""

from __future__ import annotations

import sys

from sentinel.audit.report.document import audit_schema
from sentinel.config.document_tables import document_sections

_INTRODUCTION = """\
# The audit

One JSON object: `sentinel audit --json FILE` writes it, `sentinel audit --format json` prints it, and
`sentinel.read_audit(FILE)` reads it back. This page is generated from the types that are written;
[the JSON Schema](audit.schema.json) is made from the same.

- It holds no value of a feature: names of columns, numbers of rows, counts and shares alone.
- Rows are numbered as they stand in their file, the first being 0.
- A gain above 0 says that the offline estimate looks better than it is, whatever the metric.
- What cannot be told is `null`, with a reason beside it. Shares are from 0 to 1.
- Keys may be added within `sentinel/v1`; readers should pass over those that they do not know.

How to read it: [the offline audit](../how-to/audit.md). What each check does: [the checks](../explanation/audit.md).

"""


def reference() -> str:
    """The page."""
    return _INTRODUCTION + document_sections(audit_schema(), "AuditReport")


if __name__ == "__main__":
    sys.stdout.write(reference())
