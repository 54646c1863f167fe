"""What the daemon says of itself is filled by somebody: a field that nobody sets stays at its default for ever."""

from __future__ import annotations

import ast
import inspect
from dataclasses import fields

from sentinel.app import daemon, statistics
from sentinel.exposition import collector
from sentinel.exposition.statistics import DaemonStatistics

BY_DEFAULT = {"build", "python"}
"""Of the installation, which does not change."""


def test_every_field_is_filled() -> None:
    """The gathering, the daemon or the collector names each field as a keyword or a key."""
    sources = (inspect.getsource(module) for module in (statistics, daemon, collector))
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    keys = {key.value for node in nodes if isinstance(node, ast.Dict) for key in node.keys
            if isinstance(key, ast.Constant)}  # fmt: skip
    named = keys | {node.arg for node in nodes if isinstance(node, ast.keyword)} | BY_DEFAULT
    unfilled = [field.name for field in fields(DaemonStatistics) if field.name not in named]
    assert unfilled == [], f"sentinel/app/statistics.py does not fill {unfilled} of DaemonStatistics"
