"""Charts of a report as SVG that needs nothing else: the console's drawings, with their colours inside."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sentinel.api.chart_style import style_of
from sentinel.console.charts import timeline as over_time
from sentinel.console.charts.axis import Axis
from sentinel.console.charts.dumbbell import dumbbell
from sentinel.console.charts.reliability import reliability
from sentinel.console.markup import Html, element
from sentinel.console.numbers import figure, moment, signed
from sentinel.console.slices import slices_of
from sentinel.diagnosis.report import Report
from sentinel.errors import FatalError
from sentinel.whole_files import write_whole

Kind = Literal["time", "slices", "features", "calibration"]

_WIDTH: Final = 760
_LABEL: Final = 250
_DRAWN: Final = 360
_ROW: Final = 24
_TOP: Final = 34
_SHOWN: Final = 25
"""Rows of a chart; a frame has them all."""
_NAME_CHARS: Final = 36
_NO_ASSOCIATION: Final = 0.5


@dataclass(frozen=True, slots=True, repr=False)
class Chart:
    """A chart; a notebook shows it where it is the last line of a cell.

    Attributes
    ----------
    title : str
    svg : str
        The whole drawing, colours included.
    """

    title: str
    svg: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as an ``.svg`` file.

        Raises
        ------
        FatalError
            If the file cannot be written.
        """
        write_whole(path, self.svg.encode())

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"Chart({self.title!r})"


def plot(report: Report, kind: Kind = "time") -> Chart:
    """Draw one side of a report.

    Parameters
    ----------
    report : Report
    kind : "time", "slices", "features" or "calibration"

    Raises
    ------
    FatalError
        If there is no chart of that name.
    """
    draw = _KINDS.get(kind)
    if draw is None:
        raise FatalError(f"there is no chart {kind!r}: draw one of {', '.join(_KINDS)}")
    return draw(report)


def _time(report: Report) -> Chart:
    drawn = over_time.timeline(report)
    if drawn is None:
        return _empty("Live over time", "no live estimate yet: too few outcomes have come")
    title = f"{drawn.metric} of {report.model} {report.version}: live (line) against offline (dashed)"
    ends = (
        element("text", moment(drawn.first), x=10, y=_TOP + over_time.HEIGHT + 18),
        element("text", moment(drawn.last), x=_WIDTH - 10, y=_TOP + over_time.HEIGHT + 18, text_anchor="end"),
    )
    return _chart(title, _TOP + over_time.HEIGHT + 30, _placed(drawn.drawing, 10, _TOP, _WIDTH - 20), *ends)


def _slices(report: Report) -> Chart:
    tables = slices_of(report.findings).tables
    if not tables:
        return _empty("Slices", "no slice has enough outcomes on both sides")
    table = tables[0]
    rows = [
        (row.finding.slice, row.chart, f"{signed(row.finding.gap)}{' alarm' if row.finding.alarm else ''}")
        for row in table.rows
    ]
    return _rows(f"Gap in {table.metric} by slice: right of the line live is worse", rows)


def _features(report: Report) -> Chart:
    if not report.features:
        return _empty("Features", "the model has no features that are watched")
    known = [value for f in report.features for value in (f.offline_auc.value, f.online_auc.value)]
    axis = Axis.over([*known, _NO_ASSOCIATION], least_span=0.1)
    ranked = sorted(report.features, key=lambda f: (f.collapse is None, -(f.collapse or 0.0), f.name))
    rows = [
        (
            f.name,
            dumbbell(axis, f.offline_auc, f.online_auc, reference=_NO_ASSOCIATION),
            f"{figure(f.offline_auc.value)} to {figure(f.online_auc.value)}",
        )
        for f in ranked
    ]
    return _rows("What each feature alone tells of the outcome (AUC): offline (bar) and live (dot)", rows)


def _calibration(report: Report) -> Chart:
    if not report.reliability:
        return _empty("Calibration", "there is no reliability curve: too few outcomes, or a task without one")
    title = "Outcome rate by score: offline (rings) and live (dots)"
    return _chart(title, _TOP + 340, _placed(reliability(report.reliability), 200, _TOP, 340, 330))


_KINDS: Final[dict[str, Callable[[Report], Chart]]] = {
    "time": _time,
    "slices": _slices,
    "features": _features,
    "calibration": _calibration,
}


def _rows(title: str, rows: Sequence[tuple[str, Html, str]]) -> Chart:
    marks = []
    for at, (name, drawing, words) in enumerate(rows[:_SHOWN]):
        y = _TOP + at * _ROW
        shown = name if len(name) <= _NAME_CHARS else f"{name[: _NAME_CHARS - 1]}…"
        marks += [
            element("text", shown, x=10, y=y + 13, class_="name"),
            _placed(drawing, _LABEL, y, _DRAWN),
            element("text", words, x=_LABEL + _DRAWN + 14, y=y + 13),
        ]
    n, height = min(len(rows), _SHOWN), _TOP + min(len(rows), _SHOWN) * _ROW + 8
    if len(rows) > n:
        marks.append(element("text", f"and {len(rows) - n:,} more", x=10, y=height + 8))
        height += 18
    return _chart(title, height, *marks)


def _empty(title: str, why: str) -> Chart:
    return _chart(f"{title}: {why}", _TOP + 8)


def _placed(drawing: Html, x: int, y: int, width: int, height: int | None = None) -> Html:
    return element("svg", drawing, x=x, y=y, width=width, height=height, overflow="visible")


def _chart(title: str, height: int, *marks: Html) -> Chart:
    inside = Html("".join(marks))
    drawing = element(
        "svg",
        element("title", title),
        style_of(inside),
        element("rect", class_="paper", width=_WIDTH, height=height),
        element("text", title, x=10, y=20, class_="title"),
        inside,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH} {height}",
        width=_WIDTH,
        height=height,
        class_="sentinel",
        role="img",
    )
    return Chart(title, str(drawing))
