"""The kinds of panel that the boards are made of, so that a board reads as a table of what it shows."""

from __future__ import annotations

from typing import TypedDict, Unpack

from sentinel.exposition.panels import Link, Panel, Query, Step


class _Looks(TypedDict, total=False):
    """What may be said of any panel; :class:`Panel` tells what each means."""

    unit: str
    steps: tuple[Step, ...]
    width: int
    height: int
    no_value: str
    opens: Link | None


class _Measured(_Looks, total=False):
    minimum: float | None
    maximum: float | None


class _Drawn(_Measured, total=False):
    stacked: bool


class _Written(_Measured, total=False):
    names: tuple[tuple[int, str], ...]
    legend_only: bool


class _Listed(_Looks, total=False):
    worst: str


def lines(title: str, description: str, *queries: Query, **looks: Unpack[_Drawn]) -> Panel:
    """Values over time that may lie anywhere."""
    return Panel(title=title, description=description, type="timeseries", queries=queries, **looks)


def amounts(title: str, description: str, *queries: Query, **looks: Unpack[_Drawn]) -> Panel:
    """Values over time that are never below 0: counts, unless a unit is named."""
    drawn: _Drawn = {"unit": "short", "minimum": 0, **looks}
    return lines(title, description, *queries, **drawn)


def shares(title: str, description: str, *queries: Query, **looks: Unpack[_Drawn]) -> Panel:
    """Shares over time, from none to all."""
    drawn: _Drawn = {"unit": "percentunit", "minimum": 0, "maximum": 1, **looks}
    return lines(title, description, *queries, **drawn)


def timeline(title: str, description: str, *queries: Query, **looks: Unpack[_Looks]) -> Panel:
    """Which of several things held when."""
    return Panel(title=title, description=description, type="state-timeline", queries=queries, **looks)


def bars(title: str, description: str, *queries: Query, **looks: Unpack[_Measured]) -> Panel:
    """Values now, side by side."""
    return Panel(title=title, description=description, type="bargauge", queries=queries, **looks)


def share_bars(title: str, description: str, *queries: Query, **looks: Unpack[_Measured]) -> Panel:
    """Shares now, from none to all."""
    measured: _Measured = {"unit": "percentunit", "minimum": 0, "maximum": 1, **looks}
    return bars(title, description, *queries, **measured)


def number(title: str, description: str, *queries: Query, **looks: Unpack[_Written]) -> Panel:
    """One value now, or a few."""
    return Panel(title=title, description=description, type="stat", queries=queries, **looks)


def table(title: str, description: str, *queries: Query, **looks: Unpack[_Listed]) -> Panel:
    """A row for each set of labels, a column for each query."""
    return Panel(title=title, description=description, type="table", queries=queries, **looks)
