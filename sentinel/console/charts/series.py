"""A plot of a finding: bars as rows of a table, lines as a drawing; numbers that are not finite are left out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sentinel.audit.findings import Plot, Series
from sentinel.console.charts.axis import Axis
from sentinel.console.charts.row import HEIGHT as ROW_HEIGHT
from sentinel.console.charts.row import row, upright
from sentinel.console.markup import Html, element
from sentinel.console.numbers import bounds, figure

TONES: Final = 4
"""Series that have a colour and a stroke of their own; later ones share them, and the table tells them apart."""
_HEIGHT: Final = 200
_TOP, _BOTTOM = 10.0, 22.0
_WIDTH: Final = 1000.0
"""Of the inner drawing, which is stretched to the width of the page; lines keep their width."""
_MOST_TICKS: Final = 4
_LARGE: Final = 1e9
_LEAST_SPAN: Final = 1e-3
"""Of an axis, also as a share of its largest number: what moves less is drawn flat."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a plot: its name, a bar for each series, and the numbers in words."""

    name: str
    bars: Html | None
    values: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot that is ready to be shown.

    Attributes
    ----------
    plot : Plot
    keys : sequence of (class, name)
        Of the series.
    drawing : Html or None
        Of lines; None where each place has its bars.
    places : sequence of Place
    """

    plot: Plot
    keys: Sequence[tuple[str, str]]
    drawing: Html | None
    places: Sequence[Place]


def picture(plot: Plot) -> Picture:
    """Draw a plot.

    Parameters
    ----------
    plot : Plot
    """
    n = min([len(plot.x), *(len(series.y) for series in plot.series)])
    lines = plot.kind == "line" and n > 1
    axis = _axis(plot, from_zero=not lines)
    places = [
        Place(
            name=_name(plot.x[at]),
            bars=None if lines else _bars(axis, plot.series, at),
            values=[_value(series, at) for series in plot.series],
        )
        for at in range(n)
    ]
    keys = [(f"s{number % TONES}", series.name) for number, series in enumerate(plot.series)]
    return Picture(plot, keys, _lines(plot, axis, n) if lines else None, places)


def _axis(plot: Plot, *, from_zero: bool) -> Axis:
    known = [v for series in plot.series for part in (series.y, series.lower, series.upper) for v in part]
    finite = [value for value in known if math.isfinite(value)]
    if not from_zero:
        largest = max(map(abs, finite), default=1.0)
        return Axis.over(finite or [0.0, 1.0], least_span=max(_LEAST_SPAN, _LEAST_SPAN * largest))
    lower, upper = min([0.0, *finite]), max([0.0, *finite])
    return Axis(lower, upper if upper > lower else lower + 1.0)


def _name(x: float | str) -> str:
    if isinstance(x, str):
        return x
    if not math.isfinite(x):
        return figure(None)
    return f"{x:,.0f}" if x == round(x) and abs(x) < _LARGE else f"{x:.4g}"


def _value(series: Series, at: int) -> tuple[str, str]:
    ends = [part[at] if at < len(part) and math.isfinite(part[at]) else None for part in (series.lower, series.upper)]
    return figure(series.y[at]), bounds(*ends)


def _bars(axis: Axis, many: Sequence[Series], at: int) -> Html:
    thick = (ROW_HEIGHT - 4) / len(many)
    marks = [upright(axis, 0.0, "zero")] if axis.lower < 0.0 else []
    for number, series in enumerate(many):
        top = 2 + number * thick
        if not math.isfinite(series.y[at]):
            continue
        left, right = sorted((axis.share(0.0), axis.share(series.y[at])))
        marks.append(
            element(
                "rect",
                x=f"{100 * left:.2f}%",
                width=f"{100 * (right - left):.2f}%",
                y=round(top, 1),
                height=round(max(thick - 1, 1), 1),
                class_=f"s{number % TONES}-fill",
            )
        )
        marks += _whisker(axis, series, at, round(top + thick / 2, 1))
    return row(*marks)


def _whisker(axis: Axis, series: Series, at: int, y: float) -> Iterator[Html]:
    if at < len(series.lower) and at < len(series.upper):
        ends = series.lower[at], series.upper[at]
        if all(map(math.isfinite, ends)):
            yield element("line", x1=axis.percent(ends[0]), x2=axis.percent(ends[1]), y1=y, y2=y, class_="doubt")


def _lines(plot: Plot, y: Axis, n: int) -> Html:
    numeric = all(isinstance(x, int | float) and math.isfinite(x) for x in plot.x[:n])
    at = [float(x) for x in plot.x[:n]] if numeric else [float(i) for i in range(n)]
    x = Axis(min(at), max(at) if max(at) > min(at) else min(at) + 1.0)
    inner = [mark for number, series in enumerate(plot.series) for mark in _path(x, y, at, series, number % TONES)]
    box = f"0 0 {_WIDTH:g} {_HEIGHT}"
    return element(
        "svg",
        *(
            element("line", x1=0, x2="100%", y1=_y(y, tick), y2=_y(y, tick), class_="grid")
            for tick in y.ticks(_MOST_TICKS)
        ),
        element("svg", *inner, width="100%", height=_HEIGHT, viewBox=box, preserveAspectRatio="none"),
        *(element("text", figure(tick), x=2, y=_y(y, tick) - 4) for tick in y.ticks(_MOST_TICKS)),
        *_feet(plot, x, numeric=numeric, n=n),
        class_="plot",
        width="100%",
        height=_HEIGHT,
        role="img",
        aria_label=f"{plot.title}: {plot.y_label} by {plot.x_label}; the table below has the numbers",
    )


def _path(x: Axis, y: Axis, at: Sequence[float], series: Series, tone: int) -> Iterator[Html]:
    """The line, parted where a number is not known, over the band of its intervals."""
    ends = list(zip(at, series.lower, series.upper, strict=False))
    for known, part in itertools.groupby(ends, lambda end: math.isfinite(end[1]) and math.isfinite(end[2])):
        some = list(part)
        if known and len(some) > 1:
            upper = [f"{_x(x, place):g},{_y(y, top):g}" for place, _, top in some]
            lower = [f"{_x(x, place):g},{_y(y, bottom):g}" for place, bottom, _ in reversed(some)]
            yield element("polygon", points=" ".join([*upper, *lower]), class_=f"s{tone}-band")
    points = zip(at, series.y, strict=False)
    for known, run in itertools.groupby(points, lambda point: math.isfinite(point[1])):
        if known:
            line = " ".join(f"{_x(x, place):g},{_y(y, value):g}" for place, value in run)
            yield element("polyline", points=line, class_=f"s{tone}-path")


def _feet(plot: Plot, x: Axis, *, numeric: bool, n: int) -> Iterator[Html]:
    if numeric:
        marks = [(place, _name(place)) for place in x.ticks(_MOST_TICKS)]
    else:
        step = max(-(-n // (_MOST_TICKS + 1)), 1)
        marks = [(float(i), _name(plot.x[i])) for i in range(0, n, step)]
    for place, words in marks:
        share = x.share(place)
        anchor = "start" if share < 0.1 else "end" if share > 0.9 else "middle"
        yield element("text", words, x=x.percent(place), y=_HEIGHT - 5, text_anchor=anchor)


def _x(axis: Axis, value: float) -> float:
    return round(_WIDTH * axis.share(value), 1)


def _y(axis: Axis, value: float) -> float:
    return round(_TOP + (_HEIGHT - _TOP - _BOTTOM) * (1.0 - axis.share(value)), 1)
