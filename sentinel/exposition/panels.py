"""The parts of a Grafana dashboard as plain values: queries, panels, variables, and the JSON that Grafana imports."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

SCHEMA_VERSION = 42  # of Grafana 12 and 13; 10 and 11 read it too, since nothing here is newer than they are
TAG = "sentinel"
VERDICT_TAGS = ("sentinel", "verdict")
"""On every annotation that the daemon writes; the dashboards look for them."""
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_GRAFANA = {"type": "grafana", "uid": "-- Grafana --"}  # its own annotations; the same in every installation
_GRID_WIDTH = 24  # Grafana's own unit

PanelType = Literal["bargauge", "stat", "state-timeline", "table", "timeseries"]
OVER_TIME = ("timeseries", "state-timeline")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression and how its series are named.

    Attributes
    ----------
    expr : str
        May hold the dashboard's variables and ``$__rate_interval``.
    legend : str
        A Grafana legend: text with ``{{label}}``; in a table the name of the value's column.
    unit : str
        Of a column of a table, where it is not the panel's.
    shows : str
        In a table, the label that the column shows in place of the value.
    """

    expr: str
    legend: str
    unit: str = ""
    shows: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """From this value on a panel has this colour.

    Attributes
    ----------
    value : float or None
        In the panel's unit; None for the first step, which has no lower end.
    color : str
    """

    value: float | None
    color: str


NEUTRAL = (Step(None, "blue"),)


@dataclass(frozen=True, slots=True)
class Link:
    """A way to another board, with the time range and what is chosen here.

    Attributes
    ----------
    uid, title : str
        The board, and what the menu says.
    keeps : tuple of str
        Variables that go along.
    labels : tuple of str
        Labels of what was clicked that become the variables of the same names.
    """

    uid: str
    title: str
    keeps: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What is marked in every panel: the series of a query, or Grafana's own annotations with some tags.

    Attributes
    ----------
    name, color : str
    expr : str
        A query; empty for annotations by tag.
    title, text : str
        Templates of labels, of a query's marks.
    value_is_time : bool
        Whether the value of the query says when, in milliseconds since the epoch.
    tags : tuple of str
        All must be there; may hold the dashboard's variables.
    """

    name: str
    color: str
    expr: str = ""
    title: str = ""
    text: str = ""
    value_is_time: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture or number.

    Attributes
    ----------
    title, description : str
        The description tells what to look for.
    type : str
    queries : tuple of Query
    unit : str
        A unit id of Grafana.
    steps : tuple of Step
        Thresholds; a time series draws a line at each.
    width, height : int, grid units
        24 are the width of the page.
    no_value : str
        What stands there when no series matches.
    minimum, maximum : float or None
        Ends of the axis; None lets the data decide.
    stacked : bool
        Whether the series of a time series add up.
    names : tuple of (value, text)
        Texts in place of numbers.
    legend_only : bool
        Whether a stat shows what its series are called and not their values.
    opens : Link or None
        Where a click on a row or a series leads.
    worst : str
        The column by which a table is sorted, highest first; the first by default.
    """

    title: str
    description: str
    type: PanelType
    queries: tuple[Query, ...]
    unit: str
    steps: tuple[Step, ...] = NEUTRAL
    width: int = 12
    height: int = 8
    no_value: str = "no data"
    minimum: float | None = None
    maximum: float | None = None
    stacked: bool = False
    names: tuple[tuple[int, str], ...] = ()
    legend_only: bool = False
    opens: Link | None = None
    worst: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top of the page, filled from a label.

    Attributes
    ----------
    name, title : str
    query : str
        ``label_values(selector, label)``.
    several : bool
        Whether more than one may be chosen, and all are at first.
    preferred : str
        What is chosen at first, if it is there; else Grafana takes the first.
    """

    name: str
    title: str
    query: str
    several: bool = False
    preferred: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard.

    Attributes
    ----------
    uid : str
        Stays the same for ever: alerts link to it.
    title, description : str
    variables : tuple of Variable
    marks : tuple of Marks
        What is marked in the panels.
    panels : tuple of Panel
        Placed from left to right, and below when a line is full.
    """

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    marks: tuple[Marks, ...]
    panels: tuple[Panel, ...] = field(default_factory=tuple)


def to_json(board: Board) -> str:
    """The file that Grafana imports or provisions; the same board gives the same bytes.

    Parameters
    ----------
    board : Board

    Returns
    -------
    str
        JSON in Grafana's classic form, with a newline at the end.
    """
    return json.dumps(_dashboard(board), indent=2, ensure_ascii=False) + "\n"


def _dashboard(board: Board) -> Json:
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "utc",
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "annotations": {"list": list(map(_annotation, board.marks))},
        "links": [_link_to_the_others()],
        "templating": {"list": [_datasource_variable(), *map(_variable, board.variables)]},
        "panels": list(_placed(board.panels)),
    }


def _annotation(marks: Marks) -> Json:
    common = {"name": marks.name, "enable": True, "hide": False, "iconColor": marks.color}
    if marks.tags:
        target = {"type": "tags", "tags": list(marks.tags), "matchAny": False, "limit": 100}
        return common | {"datasource": _GRAFANA, "target": target}
    return common | {
        "datasource": _DATASOURCE,
        "expr": marks.expr,
        "titleFormat": marks.title,
        "textFormat": marks.text,
        "useValueForTime": marks.value_is_time,
    }


def _link_to_the_others() -> Json:
    return {
        "type": "dashboards",
        "title": "Sentinel",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }


def _datasource_variable() -> Json:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0}


def _variable(variable: Variable) -> Json:
    several = {"includeAll": True, "multi": True, "allValue": ".+", "current": {"text": ["All"], "value": ["$__all"]}}
    return {
        "name": variable.name,
        "label": variable.title,
        "type": "query",
        "datasource": _DATASOURCE,
        "definition": variable.query,
        "query": {"query": variable.query, "refId": f"variable-{variable.name}"},
        "refresh": 2,  # with the time range, so that a model of last week can be chosen
        "sort": 1,
        **(several if variable.several else {"includeAll": False, "multi": False}),
        **({"current": {"text": variable.preferred, "value": variable.preferred}} if variable.preferred else {}),
    }


def _placed(panels: Sequence[Panel]) -> Iterator[Json]:
    x = y = line_height = 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > _GRID_WIDTH:
            x, y, line_height = 0, y + line_height, 0
        yield _panel(panel, number, {"h": panel.height, "w": panel.width, "x": x, "y": y})
        x, line_height = x + panel.width, max(line_height, panel.height)


def _panel(panel: Panel, number: int, place: dict[str, int]) -> Json:
    return {
        "id": number,
        "type": panel.type,
        "title": panel.title,
        "description": panel.description,
        "datasource": _DATASOURCE,
        "gridPos": place,
        "targets": [_target(panel, query, chr(ord("A") + i)) for i, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": list(_columns(panel))},
        "options": _OPTIONS[panel.type] | ({"textMode": "name"} if panel.legend_only else {}),
        **({"transformations": _one_table(panel)} if panel.type == "table" else {}),
    }


def _target(panel: Panel, query: Query, letter: str) -> Json:
    over_time = panel.type in OVER_TIME
    return {
        "refId": letter,
        "datasource": _DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend,
        "format": "table" if panel.type == "table" else "time_series",
        "instant": not over_time,
        "range": over_time,
    }


def _defaults(panel: Panel) -> Json:
    texts = {str(value): {"text": text, "index": index} for index, (value, text) in enumerate(panel.names)}
    ends = {"min": panel.minimum, "max": panel.maximum}
    return {
        "unit": panel.unit,
        "noValue": panel.no_value,
        "thresholds": {"mode": "absolute", "steps": [{"value": s.value, "color": s.color} for s in panel.steps]},
        "mappings": [{"type": "value", "options": texts}] if texts else [],
        **{key: end for key, end in ends.items() if end is not None},
        **({"links": [_click(panel)]} if panel.opens else {}),
        **({"custom": _drawing(panel)} if panel.type == "timeseries" else {}),
    }


def _click(panel: Panel) -> Json:
    link = panel.opens or Link("", "")
    of_click = "__data.fields" if panel.type == "table" else "__field.labels"
    chosen = [f"${{{name}:queryparam}}" for name in ("datasource", "job", *link.keeps)]
    clicked = [f"var-{label}=${{{of_click}.{label}:percentencode}}" for label in link.labels]
    query = "&".join([*chosen, *clicked, "${__url_time_range}"])
    return {"title": link.title, "url": f"/d/{link.uid}?{query}", "targetBlank": False}


def _columns(panel: Panel) -> Iterator[Json]:
    """Units of the columns of a table that have one of their own."""
    if panel.type != "table":
        return
    for query in panel.queries:
        if query.unit:
            yield {
                "matcher": {"id": "byName", "options": query.legend},
                "properties": [{"id": "unit", "value": query.unit}],
            }


def _drawing(panel: Panel) -> Json:
    return {
        "lineWidth": 1,
        "fillOpacity": 30 if panel.stacked else 0,
        "showPoints": "never",
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if len(panel.steps) > 1 else "off"},
    }


def _one_table(panel: Panel) -> list[Json]:
    values = {f"Value #{chr(ord('A') + i)}": query for i, query in enumerate(panel.queries)}
    columns = {query.shows or value: query.legend for value, query in values.items()}
    hidden = dict.fromkeys(["Time", *(value for value, query in values.items() if query.shows)], True)
    return [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": hidden, "renameByName": columns}},
        {"id": "sortBy", "options": {"sort": [{"field": panel.worst or panel.queries[0].legend, "desc": True}]}},
    ]


_REDUCE = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: dict[PanelType, Json] = {
    "bargauge": {"displayMode": "gradient", "orientation": "horizontal", "reduceOptions": _REDUCE},
    "stat": {"colorMode": "value", "graphMode": "none", "textMode": "auto", "reduceOptions": _REDUCE},
    "state-timeline": {
        "mergeValues": True,
        "showValue": "never",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        "tooltip": {"mode": "single", "sort": "none"},
    },
    "table": {"showHeader": True},
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
}
