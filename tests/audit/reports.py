"""Audits as fakes: whole ones, empty ones, with holes, with hostile names; for what renders them."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from sentinel.audit.findings import (
    AuditReport,
    ChecklistItem,
    CheckResult,
    Finding,
    Inflation,
    Interval,
    Plot,
    RowPair,
    Series,
    Severity,
    Side,
    SplitProposal,
)

EVIL = "<img src=x onerror=alert(1)>\"'&\x1b[31m"
"""What no page may take for a tag and no terminal for a colour."""


def interval(value: float, half: float = 0.01) -> Interval:
    """An estimate with an interval of that half width."""
    return Interval(value=value, lower=value - half, upper=value + half)


def inflation(gain: float, *, metric: str = "auc", stated: float = 0.909) -> Inflation:
    """What a finding is worth."""
    return Inflation(metric=metric, stated=stated, repaired=stated - gain, gain=interval(gain), n=2_000)


def bars(n: int = 3, n_series: int = 1) -> Plot:
    """Features by their AUC alone, with intervals."""
    y = tuple(0.95 - 0.02 * at for at in range(n))
    many = tuple(
        Series(name=f"side {number}", y=y, lower=tuple(v - 0.02 for v in y), upper=tuple(v + 0.02 for v in y))
        for number in range(n_series)
    )
    names = tuple(f"feature_{at}" for at in range(n))
    return Plot(kind="bars", title="AUC of each feature alone", x_label="feature", y_label="AUC", x=names, series=many)


def line(*, holes: bool = False) -> Plot:
    """Shares over quantiles, on both sides."""
    x = tuple(float(at) for at in range(0, 101, 10))
    y = tuple(math.nan if holes and at == 50 else at / 100 for at in x)
    train = Series(name="training", y=tuple(at / 120 for at in x))
    validation = Series(name="validation", y=y, lower=tuple(v - 0.05 for v in y), upper=tuple(v + 0.05 for v in y))
    title, words = "Validation rows by when training ends", {"x_label": "day", "y_label": "share of rows"}
    return Plot(kind="line", title=title, x=x, series=(train, validation), **words)


def finding(severity: Severity = "critical", **changed: Any) -> Finding:
    """Copies between the files."""
    told: dict[str, Any] = {
        "check": "copies",
        "cause": "duplicate_leakage",
        "severity": severity,
        "title": "50.0% of validation rows are also training rows",
        "detail": "2,000 of 4,000 validation rows agree with a training row in every feature; chance would be 0.10%.",
        "mend": "Remove duplicates before the split, or split by a hash of the inputs; then estimate again.",
        "share": interval(0.5, 0.015),
        "chance": 0.001,
        "inflation": inflation(0.12),
        "rows": tuple(RowPair(train=7 * at, validation=at) for at in range(12)),
        "n_rows": 2_000,
    }
    return Finding(**{**told, **changed})


def report(*findings: Finding, **changed: Any) -> AuditReport:
    """An audit with these findings, all of one check, a clear check and one that was not made."""
    found = CheckResult(
        name="copies", state="found" if findings else "clear", detail="4,000 rows looked up", findings=findings
    )
    clear = CheckResult(name="entity_overlap", state="clear", detail="3 of 900 entities are in both files")
    unmade = CheckResult(
        name="preprocessing", state="not_checked", detail="no fit statistic is stated", needs="--manifest"
    )
    told: dict[str, Any] = {
        "model": "churn",
        "version": "7",
        "task": "binary",
        "created_at": "2026-11-20T12:00:00Z",
        "generated_by": "sentinel 0.1.0",
        "train": Side(n_rows=8_000, n_outcomes=8_000, start="2026-01-01T00:00:00Z", end="2026-06-30T23:59:59Z"),
        "validation": Side(n_rows=4_000, n_outcomes=3_990, start="2026-07-01T00:00:00Z", end="2026-07-31T23:59:59Z"),
        "metric": "auc",
        "offline": interval(0.909),
        "checks": (found, clear, unmade),
        "elapsed_seconds": 1.25,
    }
    return AuditReport(**{**told, **changed})


def clean() -> AuditReport:
    """Nothing was found."""
    return report()


def bare() -> AuditReport:
    """No training rows, no score, no check made, nothing proposed."""
    unmade = CheckResult(name="copies", state="not_checked", detail="there are no training rows", needs="--train")
    alone = Side(n_rows=4, n_outcomes=0)
    return report(train=None, validation=alone, metric=None, offline=None, checks=(unmade,), task="ranking")


def whole() -> AuditReport:
    """Findings of every severity and every plot, splits, a checklist, columns left out."""
    target = finding(
        check="single_features",
        cause="target_leakage",
        title="cancellation_calls alone tells the outcome: AUC 0.991",
        columns=("cancellation_calls",),
        inflation=inflation(0.071),
        plots=(bars(20, 2), line()),
        rows=(RowPair(validation=17, note="the furthest from the rest"),),
        n_rows=1,
    )
    unknown = finding(
        "warning", check="order", cause="temporal_leakage", inflation=None, no_inflation="no score", rows=(), n_rows=0
    )
    near = tuple(RowPair(train=at, validation=at + 1, similarity=0.97, note="one field differs") for at in range(3))
    note = finding("info", check="constant", cause="data_quality_fault", inflation=inflation(-0.002), rows=near)
    made = report(finding(), target, unknown, note)
    code = "from sklearn.model_selection import GroupKFold\n\nfolds = GroupKFold(5).split(X, y, groups)"
    splits = (
        SplitProposal(
            protocol="time+group",
            why="Customers return, and rows have times: keep both apart.",
            n_train=9_000,
            n_validation=3_000,
            code=code,
            metric_name="auc",
            metric=interval(0.78),
            folds=(0.77, 0.79),
        ),
        SplitProposal(
            protocol="group",
            why="Customers return.",
            n_train=9_000,
            n_validation=3_000,
            code=code,
            reason="no --fit-with was given",
        ),
    )
    checklist = (
        ChecklistItem(question="Is no row in both files?", answer="no", because="copies: 2,000 rows are."),
        ChecklistItem(question="Is every entity in one file alone?", answer="yes", because="entity_overlap is clear."),
        ChecklistItem(question="Was preprocessing fitted to training rows?", answer="unknown", because="not checked."),
    )
    return msgspec.structs.replace(
        made, splits=splits, checklist=checklist, ignored={"raw_json": "values of type struct are not compared"}
    )


def hostile(name: str = EVIL) -> AuditReport:
    """Every text that may come from a file or a person is this."""
    pictures = (
        Plot(
            kind="bars",
            title=name,
            x_label=name,
            y_label=name,
            x=(name, name),
            series=(Series(name=name, y=(1.0, 2.0)),),
        ),
        Plot(
            kind="line",
            title=name,
            x_label=name,
            y_label=name,
            x=(name, name),
            series=(Series(name=name, y=(1.0, 2.0)),),
        ),
    )
    told = finding(
        title=name,
        detail=name,
        mend=name,
        columns=(name,),
        inflation=None,
        no_inflation=name,
        rows=(RowPair(train=1, validation=2, note=name),),
        plots=pictures,
    )
    unmade = CheckResult(name="order", state="not_checked", detail=name, needs=name)
    clear = CheckResult(name="constant", state="clear", detail=name)
    found = CheckResult(name="copies", state="found", detail=name, findings=(told,))
    split = SplitProposal(protocol="time", why=name, n_train=1, n_validation=1, code=name, reason=name)
    item = ChecklistItem(question=name, answer="no", because=name)
    return report(
        model=name,
        version=name,
        checks=(found, unmade, clear),
        splits=(split,),
        checklist=(item,),
        ignored={name: name},
    )


def not_finite() -> AuditReport:
    """Numbers that a check should not give, and that must break nothing."""
    odd = Interval(value=math.nan, lower=-math.inf, upper=math.inf)
    worth = Inflation(metric="rmse", stated=math.nan, repaired=math.inf, gain=odd, n=0)
    flat = Plot(
        kind="line",
        title="flat",
        x_label="x",
        y_label="y",
        x=(1e20, 2e20),
        series=(Series(name="y", y=(1e20, 1e20)), Series(name="none", y=(math.nan, math.inf))),
    )
    empty = Plot(kind="bars", title="empty", x_label="x", y_label="y", x=(), series=())
    told = finding(share=odd, chance=math.nan, inflation=worth, plots=(line(holes=True), flat, empty, bars(1)))
    return report(told, offline=odd)
