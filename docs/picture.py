"""Draw the README's picture from a report of the demonstration: ``python docs/picture.py REPORT.json``.

The report is that of the scenario ``target_leakage`` replayed from files; ``tests/documents/test_tutorial.py`` makes it
and compares the picture in ``docs/images`` with what this prints.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

LEFT, RIGHT, DAYS = 58, 610, 30
BOTTOM, LOWEST, PIXELS_PER_UNIT = 256, 0.6, 605.0
GROWTH = 1.06
"""A point is drawn once there are so many times the outcomes of the one before: early ones differ, late ones do not."""

STYLE = """\
  <style>
    text { fill: #1f2328 }
    .soft { fill: #59636e }
    .grid { stroke: #d1d9e0 }
    .offline { stroke: #1a5fb4 }
    .promise { fill: #1a5fb4; fill-opacity: .18 }
    .named-offline { fill: #1a5fb4 }
    .live { stroke: #c64600; fill: none }
    .bounds { fill: #c64600; fill-opacity: .16 }
    .named-live { fill: #c64600 }
    .gap { stroke: #1f2328 }
    .alert { fill: #c01c28 }
    .alert-line { stroke: #c01c28 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc }
      .soft { fill: #9198a1 }
      .grid { stroke: #3d444d }
      .offline { stroke: #78aeed }
      .promise { fill: #78aeed; fill-opacity: .25 }
      .named-offline { fill: #78aeed }
      .live { stroke: #ffa348 }
      .bounds { fill: #ffa348; fill-opacity: .2 }
      .named-live { fill: #ffa348 }
      .gap { stroke: #f0f6fc }
      .alert { fill: #ff7b72 }
      .alert-line { stroke: #ff7b72 }
    }
  </style>"""


def draw(report: Mapping[str, Any]) -> str:
    """The picture of one model's report.

    Parameters
    ----------
    report : mapping
        As ``sentinel replay --report`` writes it.

    Returns
    -------
    str
        SVG.
    """
    (headline,) = (f for f in report["findings"] if (f["metric"], f["slice"]) == ("auc", "all"))
    began = _time(report["timeline"][0]["at"])
    points = list(_thinned([p for p in report["timeline"] if p["gap"] is not None]))
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 330" role="img" aria-labelledby="title what" '
            'font-family="system-ui, sans-serif" font-size="13">',
            '  <title id="title">What validation promised, and what production delivers</title>',
            f'  <desc id="what">Over the first month live AUC settles at {_short(headline["online"]["value"])}, while '
            f"validation promised {_short(headline['offline']['value'])}. The bounds of the gap leave zero on the "
            "second day, and the alarm follows.</desc>",
            STYLE,
            *_axes(),
            *_promise(headline["offline"]),
            *_live(points, headline, began),
            *_alerts(report["alerts"], began),
            "</svg>",
            "",
        ]
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _x(at: str, began: datetime) -> float:
    days = (_time(at) - began).total_seconds() / 86_400
    return round(LEFT + (RIGHT - LEFT) * min(days / DAYS, 1.0))


def _y(value: float) -> float:
    return round(BOTTOM - (value - LOWEST) * PIXELS_PER_UNIT)


def _short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _thinned(points: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    shown = 0.0
    for point in points:
        if point["n_outcomes"] >= shown * GROWTH or point is points[-1]:
            shown = point["n_outcomes"]
            yield point


def _axes() -> Iterator[str]:
    for tenths in (6, 7, 8, 9):
        y = _y(tenths / 10)
        yield f'  <line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y}" y2="{y}"/>'
        yield f'  <text class="soft" x="{LEFT - 8}" y="{y + 4}" text-anchor="end">.{tenths}0</text>'
    for day in range(0, DAYS + 1, 5):
        x = round(LEFT + (RIGHT - LEFT) * day / DAYS)
        yield f'  <text class="soft" x="{x}" y="304" text-anchor="middle">{day}</text>'
    yield '  <text class="soft" x="334" y="322" text-anchor="middle">days since launch</text>'
    yield '  <text class="soft" x="22" y="24">AUC</text>'


def _promise(offline: Mapping[str, Any]) -> Iterator[str]:
    top, bottom, y = _y(offline["upper"]), _y(offline["lower"]), _y(offline["value"])
    yield f'  <rect class="promise" x="{LEFT}" y="{top}" width="{RIGHT - LEFT}" height="{bottom - top}"/>'
    yield f'  <line class="offline" x1="{LEFT}" x2="{RIGHT}" y1="{y}" y2="{y}" stroke-width="2"/>'
    yield f'  <text class="named-offline" x="618" y="{y - 2}">offline: {_short(offline["value"])}</text>'
    yield f'  <text class="soft" x="618" y="{y + 14}">promised, ± its error</text>'


def _live(points: Sequence[Mapping[str, Any]], headline: Mapping[str, Any], began: datetime) -> Iterator[str]:
    offline, online, gap = headline["offline"]["value"], headline["online"]["value"], headline["gap"]
    upper = [f"{_x(p['at'], began)},{_y(offline - p['lower'])}" for p in points]
    lower = [f"{_x(p['at'], began)},{min(_y(offline - p['upper']), BOTTOM + 26)}" for p in points]
    line = [f"{_x(p['at'], began)},{_y(p['online'])}" for p in points]
    yield f'  <polygon class="bounds" points="{" ".join([*upper, *reversed(lower)])}"/>'
    yield f'  <polyline class="live" points="{" ".join(line)}" stroke-width="2"/>'
    yield f'  <line class="gap" x1="573" x2="573" y1="{_y(offline) + 2}" y2="{_y(online) - 2}"/>'
    yield f'  <text x="565" y="{(_y(offline) + _y(online)) // 2 + 3}" text-anchor="end">gap {_short(gap)}</text>'
    yield f'  <text class="named-live" x="618" y="{_y(online) - 2}">live: {_short(online)}</text>'
    yield f'  <text class="soft" x="618" y="{_y(online) + 14}">bounds that hold at</text>'
    yield f'  <text class="soft" x="618" y="{_y(online) + 30}">every look at once</text>'


def _alerts(alerts: Sequence[Mapping[str, Any]], began: datetime) -> Iterator[str]:
    said = (("SentinelOfflineOnlineGap", "warning", 18), ("SentinelLeakageSuspected", "critical", 42))
    for name, severity, y in said:
        (alert,) = (a for a in alerts if (a["name"], a["severity"], a["slice"]) == (name, severity, "all"))
        x, day = _x(alert["fired_at"], began), (_time(alert["fired_at"]) - began).days + 1
        yield f'  <line class="alert-line" x1="{x}" x2="{x}" y1="{y + 5}" y2="286" stroke-dasharray="4 4"/>'
        yield f'  <circle class="alert" cx="{x}" cy="{y}" r="5"/>'
        words = f"{name}, {severity}: day {day}, {alert['n_outcomes']:,} outcomes"
        yield f'  <text class="alert" x="{x + 10}" y="{y + 4}">{words}</text>'


if __name__ == "__main__":
    sys.stdout.write(draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
