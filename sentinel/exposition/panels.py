"""The parts of a Grafana dashboard as plain values: queries, panels, variables, boards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VERDICT_TAGS = ("sentinel", "verdict")
"""On every annotation that the daemon writes; the dashboards look for them."""

PanelType = Literal["bargauge", "stat", "state-timeline", "table", "timeseries"]
OVER_TIME = ("timeseries", "state-timeline")
"""Those that draw a span of time; the others show what is now."""


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
    unit: str = "none"
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
    panels: tuple[Panel, ...]
