"""Asks a Prometheus what Grafana would ask for a board: its variables, then every query of every panel."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from sentinel.exposition.panels import OVER_TIME, Board, Panel, Query
from tests.support.prometheus import PrometheusServer

RATE_INTERVAL = "1m"
STEP_SECONDS = 1.0


def choose(board: Board, prometheus: PrometheusServer) -> dict[str, str]:
    """What Grafana would choose first for each variable: what is preferred, else the first value, or all of them."""
    chosen: dict[str, str] = {}
    for variable in board.variables:
        match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable.query)
        assert match is not None
        values = prometheus.api(f"label/{match[2]}/values", {"match[]": filled(match[1], chosen)})
        assert values, f"{board.uid}: nothing to choose for {variable.name}"
        assert variable.preferred in {"", *values}
        chosen[variable.name] = ".+" if variable.several else variable.preferred or values[0]
    return chosen


def filled(expr: str, chosen: dict[str, str]) -> str:
    """A query with its variables replaced."""
    text = expr.replace("$__rate_interval", RATE_INTERVAL)
    for name, value in chosen.items():
        text = text.replace(f"${name}", value)
    assert "$" not in text
    return text


def queries(board: Board) -> Iterator[tuple[Panel, Query]]:
    """All queries of a board."""
    yield from ((panel, query) for panel in board.panels for query in panel.queries)


def empty_queries(
    board: Board, prometheus: PrometheusServer, chosen: dict[str, str], minutes: float = 1.0
) -> list[tuple[str, str]]:
    """Title and legend of the queries that give no number; every label that a legend names is there.

    What is drawn over time is asked for a range, the rest for now, as Grafana does.
    """
    end = time.time()
    empty = []
    for panel, query in queries(board):
        expr = filled(query.expr, chosen)
        if panel.type in OVER_TIME:
            series = prometheus.query_range(expr, end - 60.0 * minutes, end, STEP_SECONDS)
            numbers = [text for each in series for _, text in each["values"]]
        else:
            series = prometheus.query(expr)
            numbers = [each["value"][1] for each in series]
        if all(text == "NaN" for text in numbers):
            empty.append((panel.title, query.legend))
        for label in re.findall(r"\{\{(\w+)\}\}", query.legend):
            assert all(label in each["metric"] for each in series), (panel.title, label)
    return empty
