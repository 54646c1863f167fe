"""The JSON of a dashboard, in the form that Grafana imports and provisions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sentinel.exposition.panels import OVER_TIME, Board, Link, Marks, Panel, PanelType, Query, Variable

SCHEMA_VERSION: Final = 42  # of Grafana 12 and 13; 10 and 11 read it too, since nothing here is newer than they are
TAG: Final = "sentinel"
"""By it the boards find one another."""
_DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_GRAFANA: Final = {"type": "grafana", "uid": "-- Grafana --"}  # its own annotations; the same in every installation
_GRID_WIDTH: Final = 24  # Grafana's own unit
Json = dict[str, Any]


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
