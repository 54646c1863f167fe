"""``sentinel schema``: JSON Schemas for editors and other programs."""

from __future__ import annotations

import argparse
import json
from typing import Any

HELP = "Print the JSON Schema of the configuration, of the report or of the audit."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which schema."""
    choices = ("config", "report", "audit")
    parser.add_argument("document", choices=choices, nargs="?", default="config", help="which of them")


def run(args: argparse.Namespace) -> int:
    """Print the schema as JSON."""
    print(json.dumps(_schema(args.document), indent=2, ensure_ascii=False))
    return 0


def _schema(document: str) -> dict[str, Any]:
    if document == "report":
        from sentinel.diagnosis.report import report_schema

        return report_schema()
    if document == "audit":
        from sentinel.audit.report.document import audit_schema

        return audit_schema()
    from sentinel.config.schema import config_schema

    return config_schema()
