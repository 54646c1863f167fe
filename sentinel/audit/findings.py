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

    value: Annotated[float, Meta(description="the estimate")]
    lower: Annotated[float, Meta(description="lower end of the interval")]
    upper: Annotated[float, Meta(description="upper end of the interval")]


class Inflation(msgspec.Struct, frozen=True, kw_only=True):
    """By how much the offline estimate looks better than it is."""

    metric: Annotated[str, Meta(description="auc, accuracy or rmse")]
    stated: Annotated[float, Meta(description="the metric of all validation rows")]
    repaired: Annotated[float, Meta(description="the metric without what the finding taints")]
    gain: Annotated[
        Interval,
        Meta(
            description="in the unit of the metric; positive where the estimate looks better than it is, whichever way "
            "is up"
        ),
    ]
    n: Annotated[int, Meta(description="outcomes that the repaired metric rests on")]


class RowPair(msgspec.Struct, frozen=True, kw_only=True):
    """Rows to look at, by their number in their file, the first being 0; never their values."""

    train: Annotated[int | None, Meta(description="number of the training row")] = None
    validation: Annotated[int | None, Meta(description="number of the validation row")] = None
    similarity: Annotated[float, Meta(description="1 for rows that are the same, 0 where it was not measured")] = 1.0
    note: Annotated[str, Meta(description="what else they have in common, or how they differ")] = ""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One line or set of bars of a plot; ``lower`` and ``upper`` are empty or as long as ``y``."""

    name: Annotated[str, Meta(description="what it shows")]
    y: Annotated[tuple[float, ...], Meta(description="a number for each place of the plot")]
    lower: Annotated[tuple[float, ...], Meta(description="lower ends of their 95 % intervals, if there are any")] = ()
    upper: Annotated[tuple[float, ...], Meta(description="upper ends of their 95 % intervals, if there are any")] = ()


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """A picture of the evidence."""

    kind: Annotated[Literal["bars", "line"], Meta(description="how it is drawn")]
    title: Annotated[str, Meta(description="what it shows")]
    x_label: Annotated[str, Meta(description="what the places are")]
    y_label: Annotated[str, Meta(description="what the numbers are")]
    x: Annotated[
        tuple[float | str, ...],
        Meta(description="the places: numbers, or names of columns, splits, ranks; never values of a feature"),
    ]
    series: Annotated[tuple[Series, ...], Meta(description="the lines, or sets of bars")]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, or may be."""

    check: Annotated[str, Meta(description="name of the check that found it")]
    cause: Annotated[Cause, Meta(description="what kind of leakage it is, or a fault of the data")]
    severity: Annotated[
        Severity,
        Meta(
            description="critical: the offline estimate cannot be trusted; warning: it may be too good; info: good to "
            "know"
        ),
    ]
    title: Annotated[str, Meta(description="one line: what it is and in which columns")]
    detail: Annotated[str, Meta(description="how much, against what chance alone brings about; no value of a feature")]
    mend: Annotated[str, Meta(description="what to do about it")]
    columns: Annotated[tuple[str, ...], Meta(description="the columns concerned")] = ()
    share: Annotated[Interval | None, Meta(description="share of validation rows concerned, 0 to 1")] = None
    chance: Annotated[float | None, Meta(description="share that honest data would show, 0 to 1")] = None
    inflation: Annotated[Inflation | None, Meta(description="what it is worth; null where that is not known")] = None
    no_inflation: Annotated[str | None, Meta(description="why the inflation is not known")] = None
    rows: Annotated[tuple[RowPair, ...], Meta(description="some of the rows to look at, at most 100")] = ()
    n_rows: Annotated[int, Meta(description="how many there are in all")] = 0
    plots: Annotated[tuple[Plot, ...], Meta(description="pictures of the evidence")] = ()


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one check."""

    name: Annotated[str, Meta(description="name of the check")]
    state: Annotated[State, Meta(description="found: it has findings; clear: it has none; not_checked: not made")]
    detail: Annotated[
        str,
        Meta(
            description="what was looked at, and of a clear one how small a leak it could have seen; of one that was "
            "not made why"
        ),
    ]
    needs: Annotated[str | None, Meta(description="what to give so that it can be made; null where it was")] = None
    findings: Annotated[tuple[Finding, ...], Meta(description="what it found")] = ()
    seconds: Annotated[float, Meta(description="what it took")] = 0.0


MOST_ROWS: Final = 100
"""Rows to look at in one finding: as many as anyone looks at."""


def found(name: str, findings: tuple[Finding, ...] | list[Finding], detail: str) -> CheckResult:
    """A check that was made: ``found`` with findings, ``clear`` without."""
    return CheckResult(name=name, state="found" if findings else "clear", detail=detail, findings=tuple(findings))


def not_checked(name: str, why: str, needs: str) -> CheckResult:
    """A check that could not be made."""
    return CheckResult(name=name, state="not_checked", detail=why, needs=needs)


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One file."""

    n_rows: Annotated[int, Meta(description="its rows")]
    n_outcomes: Annotated[int, Meta(description="rows with an outcome")]
    start: Annotated[str | None, Meta(description="first prediction time, RFC 3339; null where there is none")] = None
    end: Annotated[str | None, Meta(description="last prediction time, RFC 3339; null where there is none")] = None


class SplitProposal(msgspec.Struct, frozen=True, kw_only=True):
    """A way to split the rows anew."""

    protocol: Annotated[
        str,
        Meta(description="time, time+group, stratified+group, group, stratified, random; as given: the split as it is"),
    ]
    why: Annotated[str, Meta(description="what it keeps apart, and why that is wanted here")]
    n_train: Annotated[int, Meta(description="rows to train on")]
    n_validation: Annotated[int, Meta(description="rows to validate on")]
    code: Annotated[str, Meta(description="the scikit-learn splitter to use")]
    metric_name: Annotated[str | None, Meta(description="auc, accuracy or rmse; null where none was measured")] = None
    metric: Annotated[
        Interval | None, Meta(description="what a model fitted anew reaches under it; null where none was fitted")
    ] = None
    folds: Annotated[
        tuple[float, ...], Meta(description="the same, fold by fold, of those that could be measured")
    ] = ()
    reason: Annotated[str | None, Meta(description="why the metric is not known")] = None


class ChecklistItem(msgspec.Struct, frozen=True, kw_only=True):
    """One question of a clean experiment."""

    question: Annotated[str, Meta(description="the question; yes is good")]
    answer: Annotated[Literal["yes", "no", "unknown"], Meta(description="what the audit can say to it")]
    because: Annotated[str, Meta(description="the check that says so, and why")]


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of an audit; holds no value of a feature."""

    apiVersion: Annotated[  # noqa: N815 - as in every document of the project
        Literal["sentinel/v1"], Meta(description="the version of this format")
    ] = "sentinel/v1"
    kind: Annotated[Literal["AuditReport"], Meta(description="what this object is")] = "AuditReport"
    model: Annotated[str, Meta(description="the model")]
    version: Annotated[str, Meta(description="its version")]
    task: Annotated[str, Meta(description="binary, multiclass, regression or ranking")]
    created_at: Annotated[str, Meta(description="when the audit was made, RFC 3339")]
    generated_by: Annotated[str, Meta(description="the program and its version")]
    train: Annotated[Side | None, Meta(description="the training rows; null where none were given")]
    validation: Annotated[Side, Meta(description="the validation rows")]
    metric: Annotated[
        str | None, Meta(description="auc, accuracy or rmse; null where the rows have no score, and of a ranking")
    ]
    offline: Annotated[Interval | None, Meta(description="that metric of all validation rows")]
    checks: Annotated[tuple[CheckResult, ...], Meta(description="what became of each check")]
    splits: Annotated[tuple[SplitProposal, ...], Meta(description="ways to split the rows anew")] = ()
    checklist: Annotated[tuple[ChecklistItem, ...], Meta(description="the checklist of a clean experiment")] = ()
    notes: Annotated[tuple[str, ...], Meta(description="what the rows lack, so that nothing was said of it")] = ()
    ignored: Annotated[dict[str, str], Meta(description="columns left out, and why")] = msgspec.field(
        default_factory=dict
    )
    elapsed_seconds: Annotated[float, Meta(ge=0.0, description="what the audit took")] = 0.0

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
