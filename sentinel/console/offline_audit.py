"""The page of an offline audit: one file that needs nothing else, from the templates of the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sentinel.audit.choosing import titles
from sentinel.audit.files.rows import SideName
from sentinel.audit.files.values import RowValues, shown_columns
from sentinel.audit.findings import SEVERITIES, AuditReport, Finding, RowPair
from sentinel.audit.report.gate import failed
from sentinel.audit.report.headlines import Headline, headlines
from sentinel.audit.report.text import headline
from sentinel.config.model import Model
from sentinel.console.charts.axis import Axis
from sentinel.console.charts.forest import forest
from sentinel.console.charts.row import block, row
from sentinel.console.charts.series import Picture, picture
from sentinel.console.markup import Html
from sentinel.console.pages import environment

_TONES: Final = {"critical": "leakage", "warning": "pipeline", "info": "unknown", None: "none"}
_ROWS_SHOWN: Final = 10
"""Rows of a finding that are not folded away."""
_PLACES_SHOWN: Final = 15
"""Places of a plot that are not folded away."""
_STATES: Final = (*SEVERITIES, "clear", "not_checked")
_WORDS: Final = {"critical": "critical", "warning": "with a warning", "info": "with a note", "clear": "clear"}


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One line of the table of rows: where it stands, and its values where they are shown.

    ``similarity`` is None beside a row that stands alone, or whose likeness was not measured (0 in the report).
    ``values`` holds for each column the text and whether it differs from that of the other row of the pair.
    """

    side: str
    number: int
    first: bool
    similarity: float | None
    note: str
    values: Sequence[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """A finding with its drawings and the lines of its rows; whether any has a partner, a likeness to it, or a note.

    ``also`` are the numbers and checks of findings that tell the same; ``leads`` is False where one before it did.
    """

    finding: Finding
    number: int
    leads: bool
    also: Sequence[tuple[int, str]]
    worth: Html | None
    pictures: Sequence[Picture]
    columns: Sequence[str]
    rows: Sequence[Sequence[ShownRow]]
    paired: bool
    likened: bool
    noted: bool


def render_audit_report(report: AuditReport, *, model: Model | None = None, values: RowValues | None = None) -> str:
    """The page of one audit.

    Parameters
    ----------
    report : AuditReport
    model : Model, optional
        Whose settings say which columns name a row; needed where values are shown.
    values : mapping, optional
        Of the rows to look at, as `sentinel.audit.files.values` reads them. Without it the page holds no value.
    """
    worths = forest([finding.inflation for finding in report.findings])
    facts = headlines(report.findings)
    shown = [
        _shown(f, number, worth, facts, model, values)
        for number, (f, worth) in enumerate(zip(report.findings, worths, strict=True), 1)
    ]
    counts = {state: _count(report, state) for state in _STATES}
    broken = failed(report)
    return (
        environment()
        .get_template("offline_audit.html")
        .render(
            r=report,
            headline=headline(report),
            tone=_TONES[report.worst],
            counts=counts,
            made=[(state, _WORDS.get(state, "not made"), n) for state, n in _by_check(report).items() if n],
            stacked=_stacked(_by_check(report)),
            shown=shown,
            charted=any(each.worth for each in shown if each.leads),
            rows_shown=_ROWS_SHOWN,
            places_shown=_PLACES_SHOWN,
            clear=[check for check in report.checks if check.state == "clear"],
            broken=broken,
            unmade=[check for check in report.checks if check.state == "not_checked" and check not in broken],
            titles=titles(),
            with_values=values is not None,
            build=report.generated_by,
            served=False,
            live=False,
            audited=False,
        )
    )


def _count(report: AuditReport, state: str) -> int:
    if state in SEVERITIES:
        return sum(line.finding.severity == state for line in headlines(report.findings))
    return sum(check.state == state for check in report.checks)


def _by_check(report: AuditReport) -> Mapping[str, int]:
    """Checks by the gravest thing that each found."""
    n = dict.fromkeys(_STATES, 0)
    for check in report.checks:
        gravest = next((s for s in SEVERITIES if any(f.severity == s for f in check.findings)), None)
        n[gravest or ("clear" if check.state == "found" else check.state)] += 1
    return n


def _stacked(counts: Mapping[str, int]) -> Html:
    """All checks as one bar, parted by what became of them."""
    axis, at, blocks = Axis(0.0, float(max(sum(counts.values()), 1))), 0.0, []
    for state, n in counts.items():
        if n:
            blocks.append(block(axis, at, at + n, f"{state.replace('_', '-')}-fill"))
        at += n
    return row(*blocks)


def _shown(
    finding: Finding,
    number: int,
    worth: Html | None,
    facts: Sequence[Headline],
    model: Model | None,
    values: RowValues | None,
) -> ShownFinding:
    columns: list[str] = []
    if values is not None and model is not None and finding.rows:
        columns = shown_columns(finding, model, values)
    return ShownFinding(
        finding=finding,
        number=number,
        leads=any(fact.number == number for fact in facts),
        also=_told_too(number, facts),
        worth=worth,
        pictures=[picture(plot) for plot in finding.plots if plot.series and plot.x],
        columns=columns,
        rows=[lines for pair in finding.rows if (lines := _lines(pair, columns, values or {}))],
        paired=any(pair.train is not None and pair.validation is not None for pair in finding.rows),
        likened=any(pair.similarity > 0.0 for pair in finding.rows),
        noted=any(pair.note for pair in finding.rows),
    )


def _told_too(number: int, facts: Sequence[Headline]) -> list[tuple[int, str]]:
    """The other findings of the same fact."""
    for fact in facts:
        same = ((fact.number, fact.finding), *fact.also)
        if any(number == other for other, _ in same):
            return [(other, found.check) for other, found in same if other != number]
    return []


def _lines(pair: RowPair, columns: Sequence[str], values: RowValues) -> list[ShownRow]:
    sides: list[tuple[SideName, int]] = []
    if pair.validation is not None:
        sides.append(("validation", pair.validation))
    if pair.train is not None:
        sides.append(("train", pair.train))
    held = [[values.get(key, {}).get(name, "") for name in columns] for key in sides]
    differs = [len({row[at] for row in held}) > 1 for at in range(len(columns))]
    return [
        ShownRow(
            side="training" if side == "train" else side,
            number=number,
            first=at == 0,
            similarity=pair.similarity if at == 0 and len(sides) > 1 and pair.similarity > 0.0 else None,
            note=pair.note if at == 0 else "",
            values=list(zip(held[at], differs, strict=True)),
        )
        for at, (side, number) in enumerate(sides)
    ]
