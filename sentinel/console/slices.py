"""Slices for the page: one row each, the worst first, rows of one metric in one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sentinel.console.charts.whiskers import gap_axis, tone_of, whisker
from sentinel.console.markup import Html
from sentinel.evaluation.findings import Finding

SHOWN: Final = 12
"""Rows of a table before the rest is folded away."""
_PREFERRED: Final = ("auc", "class_auc", "ndcg", "mae", "log_loss", "brier", "accuracy", "class_f1")


@dataclass(frozen=True, slots=True)
class SliceRow:
    """A slice with the finding that tells most about it.

    Attributes
    ----------
    finding : Finding
    chart : Html
    tone : str
        ``worse`` or ``better`` where its bounds exclude no gap, else ``live``.
    also : tuple of str
        Other metrics of the slice with an alarm.
    """

    finding: Finding
    chart: Html
    tone: str
    also: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SliceTable:
    """Rows that share a metric and so an axis."""

    metric: str
    rows: Sequence[SliceRow]

    @property
    def first(self) -> Sequence[SliceRow]:
        """Those to be seen at once."""
        return self.rows[:SHOWN]

    @property
    def rest(self) -> Sequence[SliceRow]:
        """Those to be folded away."""
        return self.rows[SHOWN:]


@dataclass(frozen=True, slots=True)
class Slices:
    """All slices of a report.

    Attributes
    ----------
    tables : sequence of SliceTable
        One a metric; the usual one first.
    unjudged : sequence of Finding
        Slices without enough data in any metric, by name.
    n, n_alarms : int
        Slices, and those with an alarm.
    """

    tables: Sequence[SliceTable]
    unjudged: Sequence[Finding]
    n: int
    n_alarms: int


def slices_of(findings: Iterable[Finding]) -> Slices:
    """Arrange the findings of slices."""
    of_slice: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.slice != "all":
            of_slice.setdefault(finding.slice, []).append(finding)
    told = [(_telling(each), each) for each in of_slice.values()]
    by_metric: dict[str, list[tuple[Finding, list[Finding]]]] = {}
    for finding, each in told:
        if finding.gap is not None:
            by_metric.setdefault(finding.metric, []).append((finding, each))
    tables = [SliceTable(metric, _rows(pairs)) for metric, pairs in by_metric.items()]
    tables.sort(key=lambda table: _rank(table.metric))
    unjudged = sorted((finding for finding, _ in told if finding.gap is None), key=lambda finding: finding.slice)
    return Slices(tables, unjudged, len(told), sum(any(f.alarm for f in each) for _, each in told))


def _telling(findings: Sequence[Finding]) -> Finding:
    """The metric that a slice is shown by: the usual one where its gap is known."""
    return min(findings, key=lambda finding: (finding.gap is None, _rank(finding.metric)))


def _rank(metric: str) -> int:
    return _PREFERRED.index(metric) if metric in _PREFERRED else len(_PREFERRED)


def _rows(pairs: Sequence[tuple[Finding, Sequence[Finding]]]) -> Sequence[SliceRow]:
    axis = gap_axis([finding for finding, _ in pairs])
    rows = [
        SliceRow(
            finding,
            whisker(axis, finding),
            tone_of(finding),
            tuple(other.metric for other in each if other.alarm and other.metric != finding.metric),
        )
        for finding, each in pairs
    ]
    return sorted(rows, key=_worst_first)


def _worst_first(row: SliceRow) -> tuple[bool, float, str]:
    finding = row.finding
    # By what is sure of the gap: a wide gap on few outcomes is no news.
    sure = finding.lower if finding.lower is not None else (finding.gap or 0.0)
    return not (finding.alarm or row.also), -sure, finding.slice
