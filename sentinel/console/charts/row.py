"""Charts of one table row: as wide as their cell, a line high. Their numbers stand beside them, in words."""

from __future__ import annotations

from typing import Final

from sentinel.console.charts.axis import Axis
from sentinel.console.markup import Html, element

HEIGHT: Final = 18
MIDDLE: Final = HEIGHT / 2


def row(*marks: Html) -> Html:
    """The canvas. It says nothing to those who cannot see it: the cells beside it do."""
    return element("svg", *marks, class_="row", width="100%", height=HEIGHT, aria_hidden="true")


def upright(axis: Axis, value: float, class_: str) -> Html:
    """A line from top to bottom."""
    x = axis.percent(value)
    return element("line", x1=x, x2=x, y1=0, y2=HEIGHT, class_=class_)


def tick(axis: Axis, value: float, class_: str) -> Html:
    """A short upright line."""
    x = axis.percent(value)
    return element("line", x1=x, x2=x, y1=3, y2=HEIGHT - 3, class_=class_)


def span(axis: Axis, one: float, other: float, class_: str) -> Html:
    """A line between two values."""
    return element("line", x1=axis.percent(one), x2=axis.percent(other), y1=MIDDLE, y2=MIDDLE, class_=class_)


def dot(axis: Axis, value: float, class_: str) -> Html:
    """A point."""
    return element("circle", cx=axis.percent(value), cy=MIDDLE, r=4, class_=class_)


def block(axis: Axis, one: float, other: float, class_: str) -> Html:
    """A bar between two values."""
    left, right = sorted((axis.share(one), axis.share(other)))
    width = f"{round(100 * (right - left), 2):g}%"
    return element("rect", x=f"{round(100 * left, 2):g}%", width=width, y=3, height=HEIGHT - 6, class_=class_)
