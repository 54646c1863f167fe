"""All models for the overview: the worst first, and which of them a reader wants to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.times import parse_time_us
from sentinel.console.numbers import span
from sentinel.diagnosis.report import Alert, Culprit, Report, is_acknowledged
from sentinel.evaluation.findings import Finding
from sentinel.exposition.reports import path_of

_GRAVITY: Final = {"critical": 0, "warning": 1, "info": 2}
_FAMILY_ORDER: Final = ("leakage", "pipeline", "drift", "insufficient_evidence", "none")
FILTERS: Final = {
    "": "all",
    "firing": "alerts firing",
    "leakage": "leakage",
    "pipeline": "pipeline",
    "drift": "drift",
    "insufficient_evidence": "not enough evidence",
    "none": "no gap",
}
"""Values of the query ``show`` and what the links say."""


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One model version.

    Attributes
    ----------
    report : Report
    headline : Finding or None
    firing : sequence of Alert
        Not resolved, the gravest first.
    culprit : Culprit or None
        The first suspect.
    path : str
        Of its page.
    acknowledged : bool
        Whether somebody has answered to the verdict that stands.
    behind : str or None
        How far its events lie behind the clock; None where either is not known.
    """

    report: Report
    headline: Finding | None
    firing: Sequence[Alert]
    culprit: Culprit | None
    path: str
    acknowledged: bool
    behind: str | None


@dataclass(frozen=True, slots=True)
class Filter:
    """A link that narrows the overview down."""

    name: str
    words: str
    n: int
    chosen: bool


def fleet(reports: Sequence[Report], now_us: int | None) -> list[FleetRow]:
    """Every model version, the worst first."""
    return sorted((_row(report, now_us) for report in reports), key=_badness)


def filters(rows: Sequence[FleetRow], chosen: str) -> list[Filter]:
    """The links, with how many models each shows; those that show none are left out unless chosen."""
    found = [
        Filter(name, words, sum(belongs(row, name) for row in rows), name == chosen) for name, words in FILTERS.items()
    ]
    return [each for each in found if each.n or each.chosen or not each.name]


def belongs(row: FleetRow, name: str) -> bool:
    """Whether a model is shown under a filter."""
    if name == "firing":
        return any(alert.severity != "info" for alert in row.firing)
    return not name or row.report.verdict.family == name


def headline_of(report: Report) -> Finding | None:
    """The finding over all traffic that stands for the model: its AUC where it has one."""
    overall = {finding.metric: finding for finding in report.findings if finding.slice == "all"}
    return overall.get("auc", next(iter(overall.values()), None))


def firing_of(report: Report) -> list[Alert]:
    """Alerts that are not resolved, the gravest first, then the newest."""
    active = sorted((a for a in report.alerts if a.resolved_at is None), key=lambda a: a.fired_at, reverse=True)
    return sorted(active, key=lambda alert: _GRAVITY[alert.severity])


def _row(report: Report, now_us: int | None) -> FleetRow:
    return FleetRow(
        report,
        headline_of(report),
        firing_of(report),
        max(report.verdict.culprits, key=lambda each: each.weight, default=None),
        f"/models/{path_of(report.model, report.version)}",
        is_acknowledged(report),
        _behind(report.through, now_us),
    )


def _behind(through: str | None, now_us: int | None) -> str | None:
    if through is None or now_us is None:
        return None
    late = (now_us - parse_time_us(through)) / MICROSECONDS_PER_SECOND
    return "up to date" if late < 1 else f"{span(late)} ago"


def _badness(row: FleetRow) -> tuple[int, int, float, str, str]:
    verdict = row.report.verdict
    gravest = min((_GRAVITY[alert.severity] for alert in row.firing), default=len(_GRAVITY))
    family = _FAMILY_ORDER.index(verdict.family) if verdict.family in _FAMILY_ORDER else len(_FAMILY_ORDER)
    return gravest, family, -verdict.confidence, row.report.model, row.report.version
