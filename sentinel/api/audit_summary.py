"""The short HTML of an audit, for the last line of a notebook's cell."""

from __future__ import annotations

from typing import Final

from sentinel.audit.findings import AuditReport, Finding
from sentinel.audit.report.headlines import headlines
from sentinel.audit.report.text import headline, metric_name, tally
from sentinel.console.markup import Html, element
from sentinel.console.numbers import bounds, count, figure, signed

_TONES: Final = {"critical": "#b3261e", "warning": "#8f4f00", "info": "#566170", None: "#1a7a45"}
_MOST: Final = 10


def summary(report: AuditReport) -> Html:
    """What it comes to, and the worst findings. It holds no script, no value of a feature, and loads nothing."""
    tone = _TONES[report.worst]
    trained = "no training rows" if report.train is None else f"{count(report.train.n_rows)} training rows"
    return element(
        "div",
        element("div", f"{report.model} {report.version}", style="color:#566170"),
        element("div", headline(report), style=f"color:{tone};font-size:1.2em;font-weight:600"),
        element("div", f"{tally(report)}; {trained}, {count(report.validation.n_rows)} validation rows"),
        _offline(report),
        *(element("div", note) for note in report.notes),
        _table(report.findings),
        style=f"border-left:4px solid {tone};padding:2px 12px",
    )


def _offline(report: AuditReport) -> Html:
    if report.metric is None or report.offline is None:
        return Html("")
    offline = report.offline
    interval = bounds(offline.lower, offline.upper)
    return element("div", f"{metric_name(report.metric)} offline {figure(offline.value)} ({interval})")


def _table(findings: tuple[Finding, ...]) -> Html:
    if not findings:
        return Html("")
    head = element("tr", *(element("th", name) for name in ("severity", "cause", "inflates by", "rows", "what")))
    lines = headlines(findings)
    rows = [element("tr", *(element("td", text) for text in _cells(line.finding))) for line in lines[:_MOST]]
    more = len(lines) - _MOST
    return Html(element("table", head, *rows) + (element("div", f"and {more} more") if more > 0 else ""))


def _cells(finding: Finding) -> tuple[str, ...]:
    worth = finding.inflation
    gain = "not known" if worth is None else f"{metric_name(worth.metric)} {signed(worth.gain.value)}"
    return (finding.severity, finding.cause.replace("_", " "), gain, count(finding.n_rows), finding.title)
