"""Live against offline over time: the offline estimate with its interval, the live one with the bounds of the gap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sentinel.config.times import parse_time_us
from sentinel.console.charts.axis import Axis
from sentinel.console.markup import Html, element
from sentinel.console.numbers import figure, moment
from sentinel.diagnosis.report import Alert, Report, TimelinePoint
from sentinel.evaluation.findings import Value

HEIGHT: Final = 260
_TOP, _BOTTOM = 14.0, 8.0
_WIDTH: Final = 1000.0
"""Of the inner drawing, which is stretched to the width of the page; lines keep their width."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """A drawn timeline.

    Attributes
    ----------
    drawing : Html
    metric : str
    first, last : str
        Event times of its ends, RFC 3339.
    launch, onset : bool
        Whether the launch window and a later onset are marked.
    fired, resolved : bool
        Whether alerts are marked that fired, and that were resolved.
    points : sequence of TimelinePoint
        Some of those that were drawn, the newest first, to be read as a table.
    """

    drawing: Html
    metric: str
    first: str
    last: str
    launch: bool
    onset: bool
    fired: bool
    resolved: bool
    points: Sequence[TimelinePoint]


_MOST_READ: Final = 12
_LIKELIER: Final = 0.5
"""Probability from which a gap is told to have begun after launch."""
_LEAST_SPAN: Final = 0.02
"""Of the axis of the metric: what moves less is drawn flat."""


def timeline(report: Report) -> Timeline | None:
    """Draw the report's timeline; None where no live estimate was ever made."""
    timed = [(at, point) for point in report.timeline if point.online is not None and (at := _at(point.at)) is not None]
    if not timed:
        return None
    times, points = [at for at, _ in timed], [point for _, point in timed]
    metric = points[-1].metric
    offline = next((f.offline for f in report.findings if f.metric == metric and f.slice == "all"), None)
    first, last = times[0], times[-1]
    marks = _marks_of(report, first, last)
    bands = [_band(point) for point in points]
    x, y = Axis(float(first), float(max(last, first + 1))), _scale_of(points, bands, offline)
    drawing = element(
        "svg",
        *_launch(x, marks.launch),
        *_grid(y),
        _stretched(*_offline(y, offline), *_live(x, y, times, points, bands)),
        *(() if marks.onset is None else _marker(x, marks.onset, "onset", "began")),
        *_last(x, y, times, points),
        *(_dot(x, at, "fired", words) for at, words in marks.fired.items()),
        *(_dot(x, at, "resolved", words) for at, words in marks.resolved.items()),
        *_scale(y),
        class_="plot",
        width="100%",
        height=HEIGHT,
        role="img",
        aria_label=_words(points, offline),
    )
    return Timeline(
        drawing=drawing,
        metric=metric,
        first=points[0].at,
        last=points[-1].at,
        launch=marks.launch is not None,
        onset=marks.onset is not None,
        fired=bool(marks.fired),
        resolved=bool(marks.resolved),
        points=_thinned(points),
    )


@dataclass(frozen=True, slots=True)
class _Marks:
    """Moments inside the chart, microseconds since the epoch; those of alerts with their names."""

    launch: int | None
    onset: int | None
    fired: dict[int, str]
    resolved: dict[int, str]


def _marks_of(report: Report, first: int, last: int) -> _Marks:
    change = report.change
    alerts = [alert for alert in report.alerts if alert.severity != "info"]
    return _Marks(
        launch=_inside(report.launch.through, first, last),
        onset=None if change is None or change.later < _LIKELIER else _inside(change.onset, first, last),
        fired=_moments(alerts, "fired", [alert.fired_at for alert in alerts], first, last),
        resolved=_moments(alerts, "resolved", [alert.resolved_at for alert in alerts], first, last),
    )


def _scale_of(
    points: Sequence[TimelinePoint], bands: Sequence[tuple[float, float] | None], offline: Value | None
) -> Axis:
    # Early bounds are as wide as the axis: the later half of the points sets the scale, the rest is cut.
    settled = [bound for band in bands[len(bands) // 2 :] if band is not None for bound in band]
    sides = () if offline is None else (offline.value, offline.lower, offline.upper)
    return Axis.over([*(point.online for point in points), *sides, *settled], least_span=_LEAST_SPAN)


def _thinned(points: Sequence[TimelinePoint]) -> Sequence[TimelinePoint]:
    step = max(-(-len(points) // _MOST_READ), 1)
    return points[::-1][::step]


def _at(text: str | None) -> int | None:
    """None also for what a file from elsewhere may hold in place of a time."""
    try:
        return None if text is None else parse_time_us(text)
    except ValueError:
        return None


def _inside(text: str | None, first: int, last: int) -> int | None:
    at = _at(text)
    return at if at is not None and first <= at <= last else None


def _band(point: TimelinePoint) -> tuple[float, float] | None:
    """Where the live estimate may lie, if all of the gap's doubt were its own."""
    if point.online is None or point.gap is None or point.lower is None or point.upper is None:
        return None
    return point.online + point.gap - point.upper, point.online + point.gap - point.lower


def _y(axis: Axis, value: float) -> float:
    return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1.0 - axis.share(value)), 1)


def _x(axis: Axis, at: int) -> float:
    return round(_WIDTH * axis.share(at), 1)


def _stretched(*marks: Html) -> Html:
    box = f"0 0 {_WIDTH:g} {HEIGHT}"
    return element("svg", *marks, width="100%", height=HEIGHT, viewBox=box, preserveAspectRatio="none")


def _grid(axis: Axis) -> Iterator[Html]:
    for at in axis.ticks(4):
        yield element("line", x1=0, x2="100%", y1=_y(axis, at), y2=_y(axis, at), class_="grid")


def _scale(axis: Axis) -> Iterator[Html]:
    for at in axis.ticks(4):
        yield element("text", figure(at), x=2, y=_y(axis, at) - 4)


def _offline(axis: Axis, offline: Value | None) -> Iterator[Html]:
    if offline is None or offline.value is None:
        return
    if offline.lower is not None and offline.upper is not None:
        top, bottom = _y(axis, offline.upper), _y(axis, offline.lower)
        yield element("rect", x=0, width=_WIDTH, y=top, height=round(bottom - top, 1), class_="offline-band")
    y = _y(axis, offline.value)
    yield element("line", x1=0, x2=_WIDTH, y1=y, y2=y, class_="offline-path")


def _live(
    x: Axis,
    y: Axis,
    times: Sequence[int],
    points: Sequence[TimelinePoint],
    bands: Sequence[tuple[float, float] | None],
) -> Iterator[Html]:
    known = [(_x(x, at), band) for at, band in zip(times, bands, strict=True) if band is not None]
    upper = [f"{at:g},{_y(y, band[1]):g}" for at, band in known]
    lower = [f"{at:g},{_y(y, band[0]):g}" for at, band in reversed(known)]
    if len(known) > 1:
        yield element("polygon", points=" ".join([*upper, *lower]), class_="live-band")
    line = _line(x, y, times, points)
    yield element("polyline", points=" ".join(line), class_="live-path")


def _line(x: Axis, y: Axis, times: Sequence[int], points: Iterable[TimelinePoint]) -> Iterator[str]:
    for at, point in zip(times, points, strict=True):
        if point.online is not None:
            yield f"{_x(x, at):g},{_y(y, point.online):g}"


def _last(x: Axis, y: Axis, times: Sequence[int], points: Sequence[TimelinePoint]) -> Iterator[Html]:
    online = points[-1].online
    if online is not None:
        yield element("circle", cx=x.percent(times[-1]), cy=_y(y, online), r=4, class_="live-fill")


def _launch(x: Axis, until: int | None) -> Iterator[Html]:
    if until is not None:
        yield element("rect", x=0, y=0, width=x.percent(until), height=HEIGHT, class_="launch")


def _marker(x: Axis, at: int, class_: str, word: str) -> Iterator[Html]:
    place, late = x.percent(at), x.share(at) > 0.8
    yield element("line", x1=place, x2=place, y1=0, y2=HEIGHT, class_=class_)
    yield element("text", word, x=place, y=12, dx=-4 if late else 4, text_anchor="end" if late else "start")


def _moments(alerts: Sequence[Alert], verb: str, times: Sequence[str | None], first: int, last: int) -> dict[int, str]:
    """Moments inside the chart at which alerts did that, each with their names."""
    found: dict[int, str] = {}
    for alert, text in zip(alerts, times, strict=True):
        at = _inside(text, first, last)
        if at is not None:
            words = f"{alert.name} {verb}" + ("" if alert.slice == "all" else f" ({alert.slice})")
            found[at] = f"{found[at]}\n{words}" if at in found else words
    return found


def _dot(x: Axis, at: int, class_: str, words: str) -> Html:
    return element("circle", element("title", words), cx=x.percent(at), cy=HEIGHT - 6, r=4.5, class_=class_)


def _words(points: Sequence[TimelinePoint], offline: Value | None) -> str:
    last = points[-1]
    promised = "" if offline is None or offline.value is None else f", offline {figure(offline.value)}"
    span = f"from {moment(points[0].at)} to {moment(last.at)}"
    return f"{last.metric} live {span}: {figure(points[0].online)} at first, {figure(last.online)} at last{promised}"
