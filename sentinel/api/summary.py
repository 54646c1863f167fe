"""The short HTML of a report, for the last line of a notebook's cell."""

from __future__ import annotations

from typing import Final

from sentinel.console.fleet import firing_of, headline_of
from sentinel.console.markup import Html, element
from sentinel.console.numbers import bounds, count, figure, percent, signed
from sentinel.diagnosis.report import Report
from sentinel.diagnosis.words import MEANINGS

_TONES: Final = {"leakage": "#b3261e", "pipeline": "#8f4f00", "drift": "#6244a3", "none": "#1a7a45"}
_UNKNOWN: Final = "#566170"
_REASONS: Final = 3
_METRICS: Final = 6


def summary(report: Report) -> Html:
    """The verdict, why, the headline metrics and what is firing. It holds no script and loads nothing."""
    verdict = report.verdict
    tone = _TONES.get(verdict.family, _UNKNOWN)
    counts = report.counts
    title = f"{verdict.cause.value.replace('_', ' ')}, {percent(verdict.confidence)}"
    return element(
        "div",
        element("div", f"{report.model} {report.version}", style="color:#566170"),
        element("div", title, style=f"color:{tone};font-size:1.2em;font-weight:600"),
        element("div", MEANINGS[verdict.cause.value]),
        _list(verdict.reasons[:_REASONS]),
        _metrics(report),
        _list([f"{a.name} ({a.severity}, {a.slice}) since {a.fired_at}" for a in firing_of(report)]),
        element(
            "div",
            f"{count(counts.get('predictions', 0))} predictions, {count(counts.get('joined', 0))} with an outcome; "
            f"baseline {report.baseline.digest[:12]}",
            style="color:#566170",
        ),
        style=f"border-left:4px solid {tone};padding:2px 12px",
    )


def _metrics(report: Report) -> Html:
    headline = headline_of(report)
    overall = [f for f in report.findings if f.slice == "all" and f.gap is not None]
    first = [f for f in overall if headline is not None and f.metric == headline.metric]
    shown = [*first, *(f for f in overall if f not in first)][:_METRICS]
    if not shown:
        return Html("")
    head = element(
        "tr", *(element("th", name) for name in ("metric", "offline", "live", "gap (above 0: live is worse)"))
    )
    rows = [
        element(
            "tr",
            element("td", f.metric),
            element("td", figure(f.offline.value)),
            element("td", figure(f.online.value)),
            element("td", f"{signed(f.gap)} ({bounds(f.lower, f.upper)}){' alarm' if f.alarm else ''}"),
        )
        for f in shown
    ]
    return element("table", head, *rows)


def _list(items: list[str] | tuple[str, ...]) -> Html:
    return element("ul", *(element("li", item) for item in items)) if items else Html("")
