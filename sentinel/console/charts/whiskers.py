"""A gap with its bounds: a dot on a line, and where no gap would be."""

from __future__ import annotations

from collections.abc import Sequence

from sentinel.console.charts.axis import Axis
from sentinel.console.charts.row import dot, row, span, upright
from sentinel.console.markup import Html
from sentinel.evaluation.findings import Finding


def gap_axis(findings: Sequence[Finding]) -> Axis:
    """One axis for the rows of a table; bounds far beyond the gaps do not squeeze them."""
    gaps = [finding.gap for finding in findings if finding.gap is not None]
    widest = max(map(abs, gaps), default=0.0)
    room = 2.0 * widest
    bounds = [
        min(max(bound, -room), room)
        for finding in findings
        for bound in (finding.lower, finding.upper)
        if bound is not None
    ]
    return Axis.over([0.0, *gaps, *bounds])


def whisker(axis: Axis, finding: Finding) -> Html:
    """The row of one finding; only the line of no gap where its gap is not known."""
    marks = [upright(axis, 0.0, "zero")]
    if finding.gap is not None:
        tone = tone_of(finding)
        if finding.lower is not None and finding.upper is not None:
            marks.append(span(axis, finding.lower, finding.upper, f"{tone}-line"))
        marks.append(dot(axis, finding.gap, f"{tone}-fill"))
    return row(*marks)


def tone_of(finding: Finding) -> str:
    """``worse`` or ``better`` where the bounds exclude no gap, else ``live``."""
    if finding.lower is not None and finding.lower > 0.0:
        return "worse"
    if finding.upper is not None and finding.upper < 0.0:
        return "better"
    return "live"
