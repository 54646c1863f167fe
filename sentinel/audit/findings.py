"""What an audit says: findings with their evidence, what was clear, and what could not be checked and why."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

Severity = Literal["critical", "warning", "info"]
"""``critical``: the offline estimate cannot be trusted. ``warning``: it may be inflated. ``info``: good to know."""
State = Literal["found", "clear", "not_checked"]
SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "warning", "info")
Cause = Literal[
    "target_leakage",
    "temporal_leakage",
    "group_leakage",
    "duplicate_leakage",
    "preprocessing_leakage",
    "selection_optimism",
    "data_quality_fault",
]


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A number with its 95 % interval."""

    value: float
    lower: float
    upper: float


class Inflation(msgspec.Struct, frozen=True, kw_only=True):
    """By how much the offline estimate looks better than it is.

    Parameters
    ----------
    metric : str
    stated, repaired : float
        The metric of all validation rows, and without what the finding taints.
    gain : Interval
        In the unit of the metric; positive where the estimate looks better than it is, whichever way is up.
    n : int
        Outcomes that the repaired metric rests on.
    """

    metric: str
    stated: float
    repaired: float
    gain: Interval
    n: int


class RowPair(msgspec.Struct, frozen=True, kw_only=True):
    """Rows to look at, by their number in their file, the first being 0; never their values.

    ``similarity`` is 1 for rows that are the same; ``note`` says what else they have in common or how they differ.
    """

    train: int | None = None
    validation: int | None = None
    similarity: float = 1.0
    note: str = ""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One line or set of bars of a plot; ``lower`` and ``upper`` are empty or as long as ``y``."""

    name: str
    y: tuple[float, ...]
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """A picture of the evidence. ``x`` holds numbers or names of columns, splits, ranks: never values of a feature."""

    kind: Literal["bars", "line"]
    title: str
    x_label: str
    y_label: str
    x: tuple[float | str, ...]
    series: tuple[Series, ...]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, or may be.

    Parameters
    ----------
    check : str
        Name of the check that found it.
    cause : Cause
    severity : Severity
    title : str
        One line: what it is and in which columns.
    detail : str
        How much, against what chance alone brings about. No value of a feature.
    mend : str
        What to do about it.
    columns : tuple of str
    share, chance : Interval or float, or None
        Share of validation rows concerned, and the share that honest data would show, 0..1.
    inflation : Inflation or None
    no_inflation : str or None
        Why the inflation is not known.
    rows : tuple of RowPair
        At most ``MOST_ROWS``; ``n_rows`` is how many there are.
    plots : tuple of Plot
    """

    check: str
    cause: Cause
    severity: Severity
    title: str
    detail: str
    mend: str
    columns: tuple[str, ...] = ()
    share: Interval | None = None
    chance: float | None = None
    inflation: Inflation | None = None
    no_inflation: str | None = None
    rows: tuple[RowPair, ...] = ()
    n_rows: int = 0
    plots: tuple[Plot, ...] = ()


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one check.

    ``detail`` says of a clear one what was looked at and how small a leak it could have seen, of one that was not made
    why; ``needs`` then says what to give so that it can be.
    """

    name: str
    state: State
    detail: str
    needs: str | None = None
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0


MOST_ROWS: Final = 100
"""Rows to look at in one finding: as many as anyone looks at."""


def found(name: str, findings: tuple[Finding, ...] | list[Finding], detail: str) -> CheckResult:
    """A check that was made: ``found`` with findings, ``clear`` without."""
    return CheckResult(name=name, state="found" if findings else "clear", detail=detail, findings=tuple(findings))


def not_checked(name: str, why: str, needs: str) -> CheckResult:
    """A check that could not be made."""
    return CheckResult(name=name, state="not_checked", detail=why, needs=needs)


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One file: rows, of these with an outcome, and its first and last prediction time (RFC 3339)."""

    n_rows: int
    n_outcomes: int
    start: str | None = None
    end: str | None = None


class SplitProposal(msgspec.Struct, frozen=True, kw_only=True):
    """A way to split the rows anew: ``protocol`` is ``time``, ``group``, ``stratified`` or ``time+group``.

    ``metric`` is what a model fitted anew reaches under it, None where no ``--fit-with`` was given (``reason``);
    ``folds`` holds it fold by fold. ``code`` is the scikit-learn splitter to use.
    """

    protocol: str
    why: str
    n_train: int
    n_validation: int
    code: str
    metric_name: str | None = None
    metric: Interval | None = None
    folds: tuple[float, ...] = ()
    reason: str | None = None


class ChecklistItem(msgspec.Struct, frozen=True, kw_only=True):
    """One question of a clean experiment; ``answer`` is ``yes``, ``no`` or ``unknown``, ``because`` names the check."""

    question: str
    answer: Literal["yes", "no", "unknown"]
    because: str


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of an audit; holds no value of a feature."""

    apiVersion: str = "sentinel/v1"  # noqa: N815 - as in every document of the project
    kind: str = "AuditReport"
    model: str
    version: str
    task: str
    created_at: str
    generated_by: str
    train: Side | None
    validation: Side
    metric: str | None
    offline: Interval | None
    checks: tuple[CheckResult, ...]
    splits: tuple[SplitProposal, ...] = ()
    checklist: tuple[ChecklistItem, ...] = ()
    ignored: dict[str, str] = msgspec.field(default_factory=dict)
    elapsed_seconds: Annotated[float, Meta(ge=0.0)] = 0.0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, the worst first."""
        every = [finding for check in self.checks for finding in check.findings]
        return tuple(sorted(every, key=_rank))

    @property
    def worst(self) -> Severity | None:
        """The severity of the worst finding."""
        found_ones = {finding.severity for finding in self.findings}
        return next((severity for severity in SEVERITIES if severity in found_ones), None)


def _rank(finding: Finding) -> tuple[int, float, str, str]:
    gain = 0.0 if finding.inflation is None else finding.inflation.gain.value
    return SEVERITIES.index(finding.severity), -gain, finding.check, finding.title
