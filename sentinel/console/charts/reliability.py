"""The reliability curve: how often the outcome came at each score, offline and live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sentinel.console.charts.axis import Axis
from sentinel.console.markup import Html, element
from sentinel.evaluation.findings import Rate, ReliabilityBin

_SIDE: Final = 240.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 44.0, 10.0, 14.0, 44.0


def reliability(bins: Sequence[ReliabilityBin]) -> Html:
    """A square chart of the curves, with the diagonal of perfect calibration.

    Parameters
    ----------
    bins : sequence of ReliabilityBin
        Not empty.
    """
    offline = [one.offline for one in bins if one.offline is not None]
    online = [one.online for one in bins if one.online is not None]
    most = max(max(rate.score, rate.upper) for rate in (*offline, *online))
    axis = Axis(0.0, min(max(most * 1.05, 1e-4), 1.0))
    title = f"Outcome rate by score: {len(offline)} points offline, {len(online)} live; the table below has the numbers"
    return element(
        "svg",
        *_grid(axis),
        element("line", x1=_LEFT, y1=_TOP + _SIDE, x2=_LEFT + _SIDE, y2=_TOP, class_="ideal"),
        *_curve(axis, offline, "offline"),
        *_curve(axis, online, "live"),
        class_="square",
        viewBox=f"0 0 {_LEFT + _SIDE + _RIGHT:g} {_TOP + _SIDE + _BOTTOM:g}",
        role="img",
        aria_label=title,
    )


def _x(axis: Axis, value: float) -> float:
    return round(_LEFT + _SIDE * axis.share(value), 1)


def _y(axis: Axis, value: float) -> float:
    return round(_TOP + _SIDE * (1.0 - axis.share(value)), 1)


def _grid(axis: Axis) -> list[Html]:
    marks = []
    for at in axis.ticks(4):
        x, y, label = _x(axis, at), _y(axis, at), f"{at:.3g}"
        marks += [
            element("line", x1=_LEFT, x2=_LEFT + _SIDE, y1=y, y2=y, class_="grid"),
            element("text", label, x=_LEFT - 6, y=y + 4, text_anchor="end"),
            element("text", label, x=x, y=_TOP + _SIDE + 16, text_anchor="middle"),
        ]
    marks.append(element("text", "score", x=_LEFT + _SIDE / 2, y=_TOP + _SIDE + 36, text_anchor="middle"))
    return marks


def _curve(axis: Axis, rates: Sequence[Rate], side: str) -> list[Html]:
    points = " ".join(f"{_x(axis, rate.score)},{_y(axis, rate.rate)}" for rate in rates)
    marks = [element("polyline", points=points, class_=f"{side}-path")] if len(rates) > 1 else []
    for rate in rates:
        x = _x(axis, rate.score)
        marks.append(
            element("line", x1=x, x2=x, y1=_y(axis, rate.lower), y2=_y(axis, rate.upper), class_=f"{side}-line")
        )
        marks.append(element("circle", cx=x, cy=_y(axis, rate.rate), r=3.5, class_=f"{side}-dot"))
    return marks
