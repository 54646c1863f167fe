"""An audit in words and tables, for a terminal."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sentinel.audit.findings import (
    SEVERITIES,
    AuditReport,
    CheckResult,
    Finding,
    Inflation,
    Interval,
    RowPair,
    Side,
    SplitProposal,
)
from sentinel.audit.report.gate import failed
from sentinel.audit.report.headlines import Headline, headlines

WIDTH: Final = 100
"""Columns that no line passes, but for a single word that is longer, code, and a table whose first cells are wide."""
_NARROWEST: Final = 30
"""Columns left to the last cell of a table, whatever the others take."""
_ROWS_NAMED: Final = 5
_MARKS: Final = {"yes": "[yes]", "no": "[no] ", "unknown": "[?]  "}
_NAMES: Final = {"auc": "AUC", "rmse": "RMSE"}


def explain(report: AuditReport) -> str:
    """All of an audit in plain text, the worst first.

    Parameters
    ----------
    report : AuditReport

    Returns
    -------
    str
        Lines of at most ``WIDTH`` columns, but for what is said there, ending in a newline.
    """
    sections = (_opening(report), _findings(report), _details(report), _unmade(report))
    more = (_clear(report), _splits(report.splits), _checklist(report), _ignored(report))
    return "\n".join(line for section in (*sections, *more) for line in section) + "\n"


def table(report: AuditReport, findings: Sequence[Finding]) -> str:
    """Some findings as a table: how grave, which cause, what it inflates, the rows, and what."""
    return "\n".join(_table(report, findings))


def headline(report: AuditReport) -> str:
    """One sentence that says what the audit comes to."""
    worst = report.worst
    if worst == "critical":
        return "The offline estimate cannot be trusted."
    if worst == "warning":
        return "The offline estimate may be too good."
    made = [check for check in report.checks if check.state != "not_checked"]
    if not made:
        return "No check could be made."
    n = len(failed(report))
    if n:
        return f"No leak was found, but {n} {'check' if n == 1 else 'checks'} failed: that is no all-clear."
    return "No leak was found." if worst is None else "No leak was found, but something that is good to know."


def tally(report: AuditReport) -> str:
    """How many facts of each severity, and what became of the checks: ``2 critical; 9 checks clear, 3 not made``."""
    lines = headlines(report.findings)
    n = {severity: sum(line.finding.severity == severity for line in lines) for severity in SEVERITIES}
    found = ", ".join(f"{count} {severity}" for severity, count in n.items() if count) or "no finding"
    clear, unmade = (sum(c.state == state for c in report.checks) for state in ("clear", "not_checked"))
    return f"{found}; {clear} {'check' if clear == 1 else 'checks'} clear, {unmade} not made"


def metric_name(metric: str) -> str:
    """A metric as a reader names it."""
    return _NAMES.get(metric, metric.replace("_", " "))


def _opening(report: AuditReport) -> Iterator[str]:
    yield from _wrapped(f"audit       {report.model} {report.version} ({report.task})", "            ")
    yield f"training    {'not given' if report.train is None else _side(report.train)}"
    yield f"validation  {_side(report.validation)}"
    if report.metric is not None:
        known = "not known" if report.offline is None else _interval(report.offline)
        yield f"offline     {metric_name(report.metric)} {known}"
    yield ""
    yield from _wrapped(f"{headline(report)} {tally(report)}.")
    for note in report.notes:
        yield ""
        yield from _wrapped(note)


def _side(side: Side) -> str:
    period = "" if side.start is None or side.end is None else f", {side.start[:19]}Z to {side.end[:19]}Z"
    return f"{side.n_rows:,} rows, {side.n_outcomes:,} with an outcome{period}"


def _findings(report: AuditReport) -> Iterator[str]:
    if report.findings:
        yield ""
        yield from _table(report, report.findings)


def _table(report: AuditReport, findings: Sequence[Finding]) -> Iterator[str]:
    by = f"inflates {metric_name(report.metric)} by" if report.metric else "inflates by"
    header = ("severity", "cause", by, "rows", "what")
    cells = [_cells(line) for line in headlines(findings)]
    widths = [max(len(row[at]) for row in (header, *cells)) for at in range(len(header) - 1)]
    last = max(WIDTH - sum(widths) - 2 * len(widths), _NARROWEST)
    for row in (header, *cells):
        first = "  ".join(text.ljust(width) for text, width in zip(row[:-1], widths, strict=True))
        for at, part in enumerate(textwrap.wrap(row[-1], last, break_on_hyphens=False) or [""]):
            yield f"{first if at == 0 else ' ' * len(first)}  {part}".rstrip()


def _cells(line: Headline) -> tuple[str, ...]:
    finding = line.finding
    also = f" (so {'say' if len(line.also) > 1 else 'says'} {_checks(line.also)})" if line.also else ""
    return (
        finding.severity,
        finding.cause.replace("_", " "),
        _gain(finding.inflation),
        f"{finding.n_rows:,}" if finding.n_rows else "-",
        _plain(finding.title) + also,
    )


def _checks(found: Sequence[tuple[int, Finding]]) -> str:
    return ", ".join(dict.fromkeys(finding.check for _, finding in found))


def _details(report: AuditReport) -> Iterator[str]:
    first = {number: line.number for line in headlines(report.findings) for number, _ in line.also}
    for number, finding in enumerate(report.findings, 1):
        yield ""
        yield from _wrapped(f"{number}. {finding.title} ({finding.severity}, by {finding.check})", "   ")
        if number in first:
            yield f"   The same columns as {first[number]}, seen by another check."
        for text in _told(finding):
            yield from _wrapped(text, "     ", first="   ")


def _told(finding: Finding) -> Iterator[str]:
    yield finding.detail
    if finding.share is not None:
        chance = "" if finding.chance is None else f"; of honest data {_share(finding.chance)}"
        yield f"Share: {_share_interval(finding.share)}{chance}."
    yield f"Worth: {_worth(finding)}."
    yield f"Mend: {finding.mend}"
    if finding.columns:
        yield f"Columns: {', '.join(finding.columns)}."
    if finding.rows:
        yield f"Rows (the first is 0): {_pairs(finding)}."


def _worth(finding: Finding) -> str:
    worth = finding.inflation
    if worth is None:
        return f"not known: {(finding.no_inflation or 'it is not estimated for this kind of finding').rstrip('.')}"
    return (
        f"{metric_name(worth.metric)} {_figure(worth.stated)} as stated, {_figure(worth.repaired)} without it "
        f"({worth.n:,} outcomes): {_gain(worth)}"
    )


def _pairs(finding: Finding) -> str:
    named = "; ".join(_pair(pair) for pair in finding.rows[:_ROWS_NAMED])
    more = max(finding.n_rows, len(finding.rows)) - min(len(finding.rows), _ROWS_NAMED)
    return f"{named}; and {more:,} more" if more else named


def _pair(pair: RowPair) -> str:
    sides = [
        f"{side} {number:,}"
        for side, number in (("validation", pair.validation), ("training", pair.train))
        if number is not None
    ]
    near = len(sides) > 1 and 0.0 < pair.similarity < 1.0
    between = " = " if pair.similarity >= 1.0 else " ~ " if near else " with "
    alike = f", {pair.similarity:.2f} alike" if near else ""
    return between.join(sides) + alike + (f" ({pair.note})" if pair.note else "")


def _unmade(report: AuditReport) -> Iterator[str]:
    broken = failed(report)
    yield from _section("Failed", (_why_not(check) for check in broken))
    lacking = (c for c in report.checks if c.state == "not_checked" and c not in broken)
    yield from _section("Not checked", (_why_not(check) for check in lacking))


def _why_not(check: CheckResult) -> str:
    needs = "" if check.needs is None else f"; give {check.needs}"
    return f"{check.name}: {check.detail}{needs}"


def _clear(report: AuditReport) -> Iterator[str]:
    yield from _section("Clear", (f"{c.name}: {c.detail}" for c in report.checks if c.state == "clear"))


def _splits(proposals: Sequence[SplitProposal]) -> Iterator[str]:
    if proposals:
        yield from ("", "Other splits")
    for proposal in proposals:
        yield from _wrapped(f"{proposal.protocol}: {proposal.why} {_reached(proposal)}", "    ", first="  - ")
        yield from (f"      {_printable(line)}".rstrip() for line in proposal.code.splitlines())


def _reached(proposal: SplitProposal) -> str:
    sizes = f"{proposal.n_train:,} rows to train, {proposal.n_validation:,} to validate"
    if proposal.metric is None:
        return f"({sizes}; metric not known: {proposal.reason or 'no model was fitted'})"
    return f"({sizes}; {metric_name(proposal.metric_name or 'metric')} {_interval(proposal.metric)})"


def _checklist(report: AuditReport) -> Iterator[str]:
    if report.checklist:
        yield from ("", "Checklist of a clean experiment")
    for item in report.checklist:
        yield from _wrapped(f"{item.question} {item.because}", "        ", first=f"  {_MARKS[item.answer]} ")


def _ignored(report: AuditReport) -> Iterator[str]:
    yield from _section("Columns left out", (f"{name}: {why}" for name, why in report.ignored.items()))


def _section(title: str, items: Iterable[str]) -> Iterator[str]:
    lines = [line for item in items for line in _wrapped(item, "    ", first="  - ")]
    if lines:
        yield from ("", title)
        yield from lines


def _wrapped(text: str, rest: str = "", *, first: str = "") -> list[str]:
    return textwrap.wrap(
        _printable(text), WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    ) or [first.rstrip()]


def _plain(text: str) -> str:
    return " ".join(_printable(text).split())


def _printable(text: str) -> str:
    """Names come from files: what would move the cursor of a terminal stays out."""
    return "".join(char if char.isprintable() else " " for char in text)


def _gain(inflation: Inflation | None) -> str:
    if inflation is None:
        return "not known"
    gain = inflation.gain
    return f"{_figure(gain.value, '+')} ({_figure(gain.lower, '+')} to {_figure(gain.upper, '+')})"


def _interval(found: Interval) -> str:
    return f"{_figure(found.value)} [{_figure(found.lower)}, {_figure(found.upper)}]"


def _share_interval(found: Interval) -> str:
    return f"{_share(found.value)} [{_share(found.lower)}, {_share(found.upper)}]"


def _share(value: float) -> str:
    if not math.isfinite(value):
        return "not known"
    return f"{value:.2%}" if abs(value) < 0.1 else f"{value:.1%}"


def _figure(value: float, sign: str = "-") -> str:
    """Three digits after the point, fewer where it is large."""
    if not math.isfinite(value):
        return "not known"
    digits = 0 if abs(value) >= 1_000 else 1 if abs(value) >= 10 else 3
    return format(value + 0.0, f"{sign},.{digits}f")
